/** One actor that sends to a hundred, and a hundred that send to one. */
import type { ManifestObject } from '../../host/index.ts';
import { type Measured, openHost, type Options, ratesOf, scaled } from '../benchmark.ts';
import { counters, deploy, line, numbered, pipeAll } from '../flows.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf, type Peer } from '../report.ts';
import { median } from '../timing.ts';

export const summary = 'fan-out from one actor to a hundred, and fan-in from them to one: deliveries per second';

const width = 100;
const counter = counters.javascript;
/** Takes and gives nothing. */
const sink = { runtime: 'javascript', code: 'export const handle = ({ n }) => { if (n < 0) throw new Error("never sent"); };' } as const;

const wide = Array.from({ length: width }, (_, index) => `w${index}`);
const allOf = (actor: typeof counter | typeof sink) => Object.fromEntries(wide.map((name) => [name, actor]));

interface Shape {
  readonly name: string;
  readonly manifest: ManifestObject;
  /** Deliveries that one message causes. */
  readonly deliveries: number;
  readonly messages: number;
}

const pipeline: Shape = { name: 'three actors in a row', manifest: line([counter, counter, counter]), deliveries: 3, messages: 100_000 };

const shapes: readonly Shape[] = [
  {
    name: `fan-out, 1 → ${width}`,
    manifest: {
      vivarium: 1,
      namespace: 'out',
      actors: { first: counter, ...allOf(sink) },
      connections: wide.map((name) => `first -> ${name}`),
      inputs: { in: 'first' },
    },
    deliveries: 1 + width,
    messages: 10_000,
  },
  {
    name: `fan-in, 1 → ${width} → 1`,
    manifest: {
      vivarium: 1,
      namespace: 'in',
      actors: { first: counter, ...allOf(counter), last: sink },
      connections: wide.flatMap((name) => [`first -> ${name}`, `${name} -> last`]),
      inputs: { in: 'first' },
    },
    deliveries: 1 + 2 * width,
    messages: 5_000,
  },
];

export async function measure(options: Options): Promise<Measured> {
  await using host = await openHost();
  const rates = async ({ name, manifest, deliveries, messages: usual }: Shape) => {
    say(`fan: ${name}`);
    const messages = scaled(options, usual);
    await using flow = await deploy(host, manifest);
    return await ratesOf(options.repetitions, messages * deliveries, () => pipeAll(flow, numbered(messages)));
  };
  const row = await rates(pipeline);
  const beside: Peer = { name: pipeline.name, lacks: 'nothing: it is ours, in the same host', value: median(row.values), target: { atLeast: 0.7 } };
  const figures: Figure[] = [];
  for (const shape of shapes) {
    const { values, processorMicroseconds } = await rates(shape);
    figures.push(figureOf(shape.name, 'deliveries/s', values, { processorMicroseconds, peers: [beside] }));
  }
  return { sandbox: host.report().sandbox, figures };
}
