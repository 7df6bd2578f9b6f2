/**
 * Three actors in a row, small messages, `flow.pipe`: deliveries per second in each language and mixed, at the highest sandbox
 * level, with default limits, tracking and audit. Beside worker threads in the same run.
 *
 *     npm run bench -- pipeline [--json]
 */
import { createHost, type Host } from '../host/index.ts';
import { workerLine } from './peers/workers.ts';
import { processorTime } from './processor.ts';
import { type Figure, figureOf, milliseconds, type Peer, repeat, report } from './report.ts';

type Language = 'javascript' | 'python' | 'wasm';

const actors = {
  javascript: { runtime: 'javascript', code: 'export const handle = (message) => ({ n: message.n + 1 });' },
  python: { runtime: 'python', code: 'def handle(message):\n    return {"n": message["n"] + 1}\n' },
  wasm: { source: './dist/test/plugins/echo.wasm' },
} as const;

const lines: readonly { readonly name: string; readonly languages: readonly [Language, Language, Language]; readonly messages: number }[] = [
  { name: 'three JavaScript actors', languages: ['javascript', 'javascript', 'javascript'], messages: 200_000 },
  { name: 'three Python actors', languages: ['python', 'python', 'python'], messages: 60_000 },
  { name: 'three WASM actors', languages: ['wasm', 'wasm', 'wasm'], messages: 60_000 },
  { name: 'JavaScript, Python, WASM', languages: ['javascript', 'python', 'wasm'], messages: 60_000 },
];

const repetitions = 3;
const hops = 3;
/** Messages of one array, for the workers that are sent arrays. */
const batch = 256;

function* numbered(count: number): Generator<{ n: number }> {
  for (let n = 0; n < count; n++) yield { n };
}

async function measureLine(host: Host, { name, languages, messages }: (typeof lines)[number], peers: readonly Peer[]): Promise<Figure> {
  const [a, b, c] = languages;
  await using flow = await host.deploy(
    {
      vivarium: 1,
      namespace: 'line',
      actors: { a: actors[a], b: actors[b], c: actors[c] },
      connections: ['a -> b', 'b -> c'],
      inputs: { in: 'a' },
      outputs: { out: 'c' },
    } as const,
    { base: '.' },
  );
  let processor = 0;
  const rates = await repeat(repetitions, async () => {
    const before = processorTime();
    const time = await milliseconds(async () => {
      for await (const { status, errors } of flow.pipe(numbered(messages), { input: 'in' }))
        if (status !== 'completed') throw new Error(`an execution failed: ${JSON.stringify(errors)}`);
    });
    processor = processorTime() - before;
    return (hops * messages) / (time / 1000);
  });
  return figureOf(name, 'deliveries/s', rates, peers, { processorMicroseconds: (processor * 1000) / (hops * messages) });
}

async function workerPeers(): Promise<Peer[]> {
  const workers = workerLine('(message) => ({ n: message.n + 1 })', hops);
  const deliveries = async (size: number): Promise<number> => {
    const rates = await repeat(repetitions, () => workers.run(200_000, size));
    return hops * figureOf('', '', rates).value;
  };
  const peers = [
    { name: 'worker threads, a postMessage each', value: await deliveries(1) },
    { name: `worker threads, ${batch} messages a postMessage`, value: await deliveries(batch) },
  ];
  await workers.end();
  return peers;
}

const threads = await workerPeers();
await using host = await createHost();
const figures: Figure[] = [];
for (const line of lines) figures.push(await measureLine(host, line, threads));
report('pipeline', host.report().sandbox, figures);
