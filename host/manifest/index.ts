/** Manifests: how they are written, checked and planned. */
export { resolveInside } from './base.ts';
export { type ActorNames, defineManifest, type InputNames, type ManifestObject, type OutputNames } from './define.ts';
export { type Diagnostic, formatDiagnostics, ManifestError, placeText, PolicyError, type Position } from './diagnostic.ts';
export type { FlowActor, FlowConnection, FlowInlet, FlowManifest, FlowOutlet, FlowSource, FlowWasm } from './flow.ts';
export { type ParsedManifest, parseManifest, parseManifestObject, readManifest, requireFlow } from './parse.ts';
export { type Manifest, manifestJsonSchema, manifestLimits, manifestSchema } from './schema.ts';
