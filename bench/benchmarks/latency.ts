/** `ask`, one at a time: what one message takes when nothing else is on its way. */
import { type Measured, openHost, type Options, scaled } from '../benchmark.ts';
import { counters, deploy, type Language, languageNames, languages, line } from '../flows.ts';
import { beside } from '../peers/peers.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf } from '../report.ts';
import { type Percentiles, timesOf } from '../timing.ts';

export const summary = 'flow.ask, one at a time: milliseconds to the answer';

const lines: readonly { readonly name: string; readonly languages: readonly Language[] }[] = [
  ...languages.map((language) => ({ name: `ask one ${languageNames[language]} actor`, languages: [language] })),
  { name: 'ask through three JavaScript actors', languages: ['javascript', 'javascript', 'javascript'] },
];

const targets = { p50: { atMost: 0.3 }, p99: { atMost: 1 } } as const;

/** Questions that do not count: so many it takes until V8 has compiled what they pass in host and cell. */
const warmUp = 25_000;

export async function measure(options: Options): Promise<Measured> {
  const count = scaled(options, 3_000, 20);
  const figures: Figure[] = [];
  await using host = await openHost();
  for (const { name, languages } of lines) {
    say(`latency: ${name}`);
    await using flow = await deploy(host, line(languages.map((language) => counters[language])));
    const ask = (n: number): Promise<unknown> => flow.ask('in', { n });
    await timesOf(scaled(options, warmUp, 20), ask);
    const times: Percentiles[] = [];
    for (let i = 0; i < options.repetitions; i++) times.push(await timesOf(count, ask));
    await flow.stop();
    const workers = await beside('worker threads', { task: 'answers', length: languages.length, count });
    for (const percentile of ['p50', 'p99'] as const) {
      const values = times.map((each) => each[percentile]);
      figures.push(figureOf(`${name}, ${percentile}`, 'ms', values, { target: targets[percentile], peers: [workers(percentile)] }));
    }
  }
  return { sandbox: host.report().sandbox, figures };
}
