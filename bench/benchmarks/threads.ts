/** Where the processor time of a message goes: three JavaScript actors in a row, by thread. */
import { type Measured, openHost, type Options, scaled } from '../benchmark.ts';
import { counters, deploy, line, numbered, pipeAll } from '../flows.ts';
import { processorByThread, type ThreadTimes } from '../processor.ts';
import { say } from '../progress.ts';
import { figureOf } from '../report.ts';

export const summary = 'where the processor time of a message through three JavaScript actors goes: microseconds by thread';

const usualMessages = 200_000;
const actors = 3;

const threads: readonly { readonly name: string; readonly of: (times: ThreadTimes) => number }[] = [
  { name: 'host: executions, routing, results, the loop that reads them', of: ({ host }) => host },
  { name: 'host: other threads (garbage)', of: ({ hostOther }) => hostOther },
  { name: 'cell: routing', of: ({ cells }) => cells },
  { name: 'cell: the isolates of three actors', of: ({ cellsOther }) => cellsOther },
];

export async function measure(options: Options): Promise<Measured> {
  const messages = scaled(options, usualMessages);
  await using host = await openHost();
  await using flow = await deploy(host, line(Array.from({ length: actors }, () => counters.javascript)));
  const run = (): Promise<unknown> => pipeAll(flow, numbered(messages));
  say('threads: warm-up');
  await run();
  const times: ThreadTimes[] = [processorByThread()];
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    say(`threads: ${repetition + 1} of ${options.repetitions}`);
    await run();
    times.push(processorByThread());
  }
  const figures = threads.map(({ name, of }) => {
    const each = times.slice(1).map((after, index) => ((of(after) - of(times[index] as ThreadTimes)) * 1000) / messages);
    return figureOf(name, 'µs', each);
  });
  return { sandbox: host.report().sandbox, figures };
}
