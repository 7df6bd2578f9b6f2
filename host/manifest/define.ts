/** Manifests written in code, whose names the compiler knows. */
import type { z } from 'zod';
import type { manifestSchema } from './schema.ts';

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** The shape of a manifest written in code. */
export type ManifestObject = DeepReadonly<z.input<typeof manifestSchema>>;

/**
 * Keeps the names of a manifest as literal types; changes nothing.
 *
 * @example
 * const manifest = defineManifest({
 *   vivarium: 1,
 *   actors: { score: { source: './score.ts' } },
 *   inputs: { orders: 'score' },
 *   outputs: { totals: 'score.out' },
 * });
 * type Inputs = InputNames<typeof manifest>; // 'orders'
 */
export const defineManifest = <const M extends ManifestObject>(manifest: M): M => manifest;

type KeysOf<T> = T extends object ? keyof T & string : never;

/** The names of the actors; `string` where the compiler cannot know them. */
export type ActorNames<M> = M extends { readonly actors: infer Actors } ? KeysOf<Actors> : string;
/** The names of the inputs; `never` if there are none, `string` where the compiler cannot know them. */
export type InputNames<M> = M extends { readonly actors: unknown } ? KeysOf<M extends { readonly inputs?: infer Inputs } ? Inputs : never> : string;
/** The names of the outputs; `never` if there are none, `string` where the compiler cannot know them. */
export type OutputNames<M> = M extends { readonly actors: unknown } ? KeysOf<M extends { readonly outputs?: infer Outputs } ? Outputs : never> : string;
