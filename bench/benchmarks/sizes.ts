/** Messages of several sizes through one actor that gives them back. */
import { type Measured, openHost, type Options, ratesOf, scaled } from '../benchmark.ts';
import { deploy, line, pipeAll } from '../flows.ts';
import { beside } from '../peers/peers.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf } from '../report.ts';

export const summary = 'large messages and bytes through one JavaScript actor: MB per second';

const KiB = 1024;
const MB = 1e6;
/** A message and what encodes it: `limits.message` is 1 MiB. */
const sizes = [
  { name: '1 KiB', size: KiB, count: 40_000 },
  { name: '64 KiB', size: 64 * KiB, count: 3_000 },
  { name: '1 MiB', size: 1024 * KiB - 16, count: 200 },
] as const;

const kinds = {
  text: (size: number): unknown => Buffer.alloc(size, 'x').toString('latin1'),
  bytes: (size: number): unknown => new Uint8Array(size).fill(200),
} as const;

const echo = { runtime: 'javascript', code: 'export const handle = (message) => message;' } as const;

function* copies(message: unknown, count: number): Generator<unknown> {
  for (let sent = 0; sent < count; sent++) yield message;
}

export async function measure(options: Options): Promise<Measured> {
  const figures: Figure[] = [];
  await using host = await openHost();
  await using flow = await deploy(host, line([echo]));
  for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
    for (const { name, size, count: usual } of sizes) {
      say(`sizes: ${kind} of ${name}`);
      const count = scaled(options, usual);
      const message = kinds[kind](size);
      const { values, processorMicroseconds } = await ratesOf(options.repetitions, (count * size) / MB, () => pipeAll(flow, copies(message, count)));
      const bare = await beside('copies of a bare isolate', { task: 'copy', kind, size, count, repetitions: options.repetitions });
      figures.push(figureOf(`${kind}, ${name}`, 'MB/s', values, { processorMicroseconds, peers: [bare('megabytes', { atLeast: 0.5 })] }));
    }
  }
  return { sandbox: host.report().sandbox, figures };
}
