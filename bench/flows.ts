/** Actors and flows that several benchmarks measure. */
import { join } from 'node:path';
import type { DeployOptions, Flow, Host, ManifestObject } from '../host/index.ts';

export const languages = ['javascript', 'python', 'wasm'] as const;
export type Language = (typeof languages)[number];

export const languageNames: Readonly<Record<Language, string>> = { javascript: 'JavaScript', python: 'Python', wasm: 'WASM' };

/** The plugin of WASM actors, which gives back what it gets: test/fixtures/plugins/assembly/echo.ts. */
export const plugin = join(import.meta.dirname, '../dist/test/plugins/echo.wasm');

/** Actors that take `{ n }` and give `{ n }`; those with a handler of their own in source add one. */
export const counters = {
  javascript: { runtime: 'javascript', code: 'export const handle = (message) => ({ n: message.n + 1 });' },
  python: { runtime: 'python', code: 'def handle(message):\n    return {"n": message["n"] + 1}\n' },
  wasm: { source: plugin },
} as const satisfies Record<Language, ManifestObject['actors'][string]>;

type Actor = ManifestObject['actors'][string];

/** Actors in a row, from the input `in` to the output `out`. */
export function line(actors: readonly Actor[]): ManifestObject {
  const name = (index: number): string => `a${index}`;
  return {
    vivarium: 1,
    namespace: 'line',
    actors: Object.fromEntries(actors.map((actor, index) => [name(index), actor])),
    connections: actors.slice(1).map((_, index) => `${name(index)} -> ${name(index + 1)}`),
    inputs: { in: name(0) },
    outputs: { out: name(actors.length - 1) },
  };
}

/** Deploys a manifest of a benchmark. Sources may lie where plugins are built. */
export const deploy = async (host: Host, manifest: ManifestObject, options: DeployOptions = {}): Promise<Flow> =>
  (await host.deploy(manifest, { base: join(import.meta.dirname, '..'), ...options })) as unknown as Flow;

export function* numbered(count: number): Generator<{ n: number }> {
  for (let n = 0; n < count; n++) yield { n };
}

/** Sends messages through `flow.pipe`, and demands that each of them arrives. @throws Error the first failure */
export async function pipeAll(flow: Flow, messages: Iterable<unknown> | AsyncIterable<unknown>, input = 'in'): Promise<void> {
  for await (const { status, errors } of flow.pipe(messages, { input }))
    if (status !== 'completed') throw new Error(`an execution ${status}: ${JSON.stringify(errors)}`);
}
