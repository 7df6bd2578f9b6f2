/**
 * Messages that come at fixed times, whether the ones before are answered or not, at half of the rate that the flow can do. A time
 * counts from when the message was to come, so that a wait of the sender is a wait of the message ("coordinated omission").
 */
import type { Flow } from '../../host/index.ts';
import { type Measured, openHost, type Options, ratesOf, scaled } from '../benchmark.ts';
import { counters, deploy, line, numbered, pipeAll } from '../flows.ts';
import { beside } from '../peers/peers.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf } from '../report.ts';
import { arrivals, median, type Percentiles, Times } from '../timing.ts';

export const summary = 'open-loop load at half of the peak rate, three JavaScript actors: milliseconds to the answer';

const percentiles = { p50: {}, p99: { target: { atMost: 10 } }, p999: {} } as const;

/** Messages of one measurement of the peak. */
const usualMessages = 150_000;
/** Of load, in milliseconds. */
const usualDuration = 5_000;

/** @param rate messages per second */
async function load(flow: Flow, rate: number, duration: number): Promise<Percentiles> {
  const times = new Times();
  const due: number[] = [];
  let answered = 0;
  for await (const { status, errors } of flow.pipe(arrivals(rate, duration, due), { input: 'in' })) {
    if (status !== 'completed') throw new Error(`an execution ${status}: ${JSON.stringify(errors)}`);
    times.add(performance.now() - (due[answered++] as number));
  }
  return times.percentiles;
}

export async function measure(options: Options): Promise<Measured> {
  const { repetitions } = options;
  const messages = scaled(options, usualMessages);
  const duration = scaled(options, usualDuration, 100);
  await using host = await openHost();
  await using flow = await deploy(host, line([counters.javascript, counters.javascript, counters.javascript]));
  say('load: the peak');
  const peak = await ratesOf(repetitions, messages, () => pipeAll(flow, numbered(messages)));
  const rate = median(peak.values) / 2;
  const runs: Percentiles[] = [];
  for (let run = 0; run < repetitions; run++) {
    say(`load: ${Math.round(rate)} messages a second, ${run + 1} of ${repetitions}`);
    runs.push(await load(flow, rate, duration));
  }
  await flow.stop();
  say('load: worker threads');
  const workers = await beside('worker threads', { task: 'load', length: 3, messages, duration, repetitions });
  const figures: Figure[] = [figureOf('the peak', 'messages/s', peak.values, { processorMicroseconds: peak.processorMicroseconds, peers: [workers('peak')] })];
  for (const [name, held] of Object.entries(percentiles)) {
    const values = runs.map((run) => run[name as keyof Percentiles]);
    figures.push(figureOf(`at half of it, ${name.replace('p999', 'p99.9')}`, 'ms', values, { ...held, peers: [workers(name)] }));
  }
  return { sandbox: host.report().sandbox, figures };
}
