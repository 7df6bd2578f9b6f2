/**
 * What the host and its bundler process say to each other: one JSON document a line. The bundler has no
 * access to the base folder; it asks the host, which decides what lies inside and reads it. The host checks
 * what the bundler says, because esbuild reads hostile code in there.
 */
import { z } from 'zod';
import { type ErrorCode, isErrorCode } from '../../sdk/errors.ts';

/** How esbuild reads a file. */
export type SourceLoader = 'ts' | 'js' | 'json';

/** Why an import was refused. */
const refusal = z.object({ code: z.custom<ErrorCode>(isErrorCode), text: z.string(), hint: z.string().optional() });

/** A mistake in the author's code, or a refused import, at its place. Lines and columns count from 1. */
const bundleError = refusal.extend({ file: z.string().optional(), line: z.int().optional(), column: z.int().optional() });

const question = z.int().min(1);

/** One ES module, the names of its exports. `commonJs`: the entry is no ES module, so its exports cannot be known. */
export const bundle = z.object({ code: z.string(), map: z.string(), exports: z.array(z.string()), commonJs: z.boolean(), warnings: z.array(bundleError) });

const bundlerLine = z.discriminatedUnion('type', [
  /** It has its order: what becomes of it from now on may be the fault of a source. */
  z.object({ type: z.literal('begun') }),
  /** Which file does this import of that file mean? */
  z.object({ type: z.literal('resolve'), question, importer: z.string(), specifier: z.string() }),
  /** The text of a file that was resolved. */
  z.object({ type: z.literal('load'), question, name: z.string() }),
  /** The bundles of the entries, in their order. */
  z.object({ type: z.literal('bundled'), bundles: z.array(bundle) }),
  z.object({ type: z.literal('failed'), errors: z.array(bundleError) }),
]);

export type Refusal = z.infer<typeof refusal>;
export type BundleError = z.infer<typeof bundleError>;
export type Bundle = z.infer<typeof bundle>;
export type BundlerLine = z.infer<typeof bundlerLine>;

export interface Given {
  readonly name: string;
  readonly text: string;
  readonly loader: SourceLoader;
}

export type HostLine =
  /** No order will come for a while: makes ready what a first order would wait for. */
  | { readonly type: 'rehearse' }
  /** `given`: texts that need not be asked for, those of the entries. */
  | { readonly type: 'bundle'; readonly entries: readonly string[]; readonly given: readonly Given[] }
  | { readonly type: 'resolved'; readonly question: number; readonly name: string }
  | { readonly type: 'loaded'; readonly question: number; readonly text: string; readonly loader: SourceLoader }
  | { readonly type: 'refused'; readonly question: number; readonly refusal: Refusal };

/** @returns undefined for a line that no bundler of ours would say. */
export function readBundlerLine(text: string): BundlerLine | undefined {
  try {
    return bundlerLine.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
