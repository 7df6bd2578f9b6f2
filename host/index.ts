/**
 * Vivarium: runs actors written in JavaScript, Python and WebAssembly, each behind three walls and its own policy.
 *
 * @example
 * import { createHost } from 'vivarium';
 *
 * await using host = await createHost();
 * const flow = await host.deploy({
 *   vivarium: 1,
 *   actors: { total: { runtime: 'javascript', code: 'export const handle = ({ price, quantity }) => ({ total: price * quantity });' } },
 *   inputs: { orders: 'total' },
 *   outputs: { totals: 'total' },
 * });
 * const { status, outputs } = await flow.run({ orders: { price: 2, quantity: 21 } });
 * console.log(status, outputs.totals); // completed [ { total: 42 } ]
 */
export { type CatalogueEntry, type ErrorCode, type ErrorRecord, errorCatalogue, isErrorCode, type Reaction, VivariumError } from '../sdk/errors.ts';
export { decode, encode, type Message, type Payload } from '../sdk/message.ts';
export type { Limits } from '../runtimes/limits.ts';
export type { Caller } from './capabilities/capability.ts';
export type { SecretAsker, SecretProvider, SecretsInput } from './capabilities/secrets/values.ts';
export { defineService, type Service, type ServiceTree } from './capabilities/services/registry.ts';
export type { StandardSchema } from './capabilities/services/schema.ts';
export type { SandboxLevel } from './cells/levels.ts';
export type { CellEvent, ExecutionEvent, FullEvent, HostEvents, Listener, LogEvent } from './events.ts';
export { effectivePolicy, type ExplainOptions, explainAccess } from './explain.ts';
export { type LearnedPolicy, learnPolicies } from './learn.ts';
export type { Execution, OutputMessage } from './execution.ts';
export type { ActorWork, RunResult } from './executions/result.ts';
export type { ExecutionStatus } from './executions/tracked.ts';
export type { SpontaneousOutput } from './executions/spontaneous.ts';
export type { ActorHandle, Flow, FlowInputs, PipeOptions } from './flow.ts';
export { createHost, type DeployOptions, type Host, type HostReport } from './host.ts';
export {
  type ActorNames,
  defineManifest,
  type Diagnostic,
  formatDiagnostics,
  type InputNames,
  type Manifest,
  ManifestError,
  type ManifestObject,
  manifestJsonSchema,
  type OutputNames,
  type ParsedManifest,
  PolicyError,
  parseManifest,
  parseManifestObject,
} from './manifest/index.ts';
export type { RunOptions, WaitOptions } from './request.ts';
export type { ActorState, ActorStatus, FlowStatus } from './status.ts';
export type { CeilingInput, HostOptions, Logger } from './options.ts';
export {
  type Access,
  type AuditEvent,
  type EffectiveLine,
  type EffectivePolicy,
  type Explanation,
  type LevelSays,
  type Grant,
  grantLines,
  type PolicyInput,
  type PolicyStatement,
  policyJsonSchema,
  presetNames,
  refusalText,
  unrestricted,
} from './policy/index.ts';
