/** What one delivery costs as the work grows: more actors in a row, more messages. It should cost the same. */
import { type Measured, openHost, type Options, scaled } from '../benchmark.ts';
import { counters, deploy, line, numbered, pipeAll } from '../flows.ts';
import { processorTime } from '../processor.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf, type Peer } from '../report.ts';
import { milliseconds } from '../timing.ts';

export const summary = '1 to 100 actors in a row, 1,000 to 1,000,000 messages: microseconds of each delivery';

const lengths = [1, 10, 100] as const;
const numbers = [1_000, 10_000, 100_000, 1_000_000] as const;
/** Deliveries of one measurement of a line. */
const usualDeliveries = 300_000;
/** So much work is measured at least each time: fewer messages are sent so many times more. */
const usualLeast = 30_000;

/** Linear is what stays below: a quarter is what two runs of the same differ by. */
const target = { atMost: 1.25 } as const;
const firstOf = ({ name, value }: Figure): Peer => ({ name, lacks: 'nothing: it is ours', value, target });

interface Work {
  readonly name: string;
  /** Actors in a row. */
  readonly length: number;
  readonly messages: number;
  /** How often so many messages are sent in one measurement. */
  readonly times: number;
}

async function cost({ name, length, messages, times }: Work, { repetitions }: Options, first: Figure | undefined): Promise<Figure> {
  say(`growth: ${name}`);
  await using host = await openHost();
  await using flow = await deploy(host, line(Array.from({ length }, () => counters.javascript)));
  const deliveries = length * messages * times;
  const run = async (): Promise<void> => {
    for (let time = 0; time < times; time++) await pipeAll(flow, numbered(messages));
  };
  await run();
  const before = processorTime();
  const values: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) values.push(((await milliseconds(run)) * 1000) / deliveries);
  const processorMicroseconds = ((processorTime() - before) * 1000) / (deliveries * repetitions);
  return figureOf(name, 'µs', values, { processorMicroseconds, peers: first === undefined ? [] : [firstOf(first)] });
}

export async function measure(options: Options): Promise<Measured> {
  const figures: Figure[] = [];
  let first: Figure | undefined;
  for (const length of lengths) {
    const messages = scaled(options, usualDeliveries / length, 10);
    const figure = await cost({ name: `${length} in a row`, length, messages, times: 1 }, options, first);
    figures.push(figure);
    first ??= figure;
  }
  first = undefined;
  for (const number of numbers) {
    const messages = scaled(options, number, 10);
    const times = Math.max(1, Math.round(scaled(options, usualLeast) / messages));
    const figure = await cost({ name: `${number.toLocaleString('en-US')} messages`, length: 1, messages, times }, options, first);
    figures.push(figure);
    first ??= figure;
  }
  await using host = await openHost();
  return { sandbox: host.report().sandbox, figures };
}
