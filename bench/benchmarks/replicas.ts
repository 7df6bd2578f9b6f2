/** An actor that computes for some milliseconds with each message: one instance, two in one cell, two in two cells. */
import { type Measured, openHost, type Options, ratesOf, scaled } from '../benchmark.ts';
import { deploy, type Language, languageNames, numbered, pipeAll } from '../flows.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf } from '../report.ts';

export const summary = 'an actor that computes for milliseconds with each message, with 1 and 2 replicas: messages per second';

/** The same sum over and over, some milliseconds of it. */
const busy = {
  javascript: {
    runtime: 'javascript',
    code: 'export const handle = ({ n }) => { for (let i = 0; i < 4_000_000; i++) n = (Math.imul(n, 1103515245) + 12345) | 0; return n; };',
  },
  python: {
    runtime: 'python',
    code: 'def handle(message):\n    n = message["n"]\n    for i in range(10_000): n = (n * 1103515245 + 12345) % 2147483648\n    return n\n',
  },
} as const satisfies Partial<Record<Language, object>>;

const several = [
  { name: '2 replicas in one cell', replicas: 2, cells: 1 },
  { name: '2 replicas in two cells', replicas: 2, cells: 2 },
] as const;

/** Half of what a second processor could add at least: the machine has other things to do. */
const target = { atLeast: 1.5 } as const;

async function rate(language: keyof typeof busy, replicas: number, cells: number, options: Options): Promise<Awaited<ReturnType<typeof ratesOf>>> {
  await using host = await openHost();
  const messages = scaled(options, 300, 4);
  await using flow = await deploy(host, {
    vivarium: 1,
    cells,
    actors: { work: { ...busy[language], replicas } },
    inputs: { in: 'work' },
    outputs: { out: 'work' },
  });
  return await ratesOf(options.repetitions, messages, () => pipeAll(flow, numbered(messages)));
}

export async function measure(options: Options): Promise<Measured> {
  const figures: Figure[] = [];
  for (const language of ['javascript', 'python'] as const) {
    say(`replicas: ${languageNames[language]}`);
    const alone = await rate(language, 1, 1, options);
    const one = figureOf(`${languageNames[language]}, 1 instance`, 'messages/s', alone.values, { processorMicroseconds: alone.processorMicroseconds });
    figures.push(one);
    for (const { name, replicas, cells } of several) {
      say(`replicas: ${languageNames[language]}, ${name}`);
      const { values, processorMicroseconds } = await rate(language, replicas, cells, options);
      const peer = { name: one.name, lacks: 'nothing: it is ours', value: one.value, target };
      figures.push(figureOf(`${languageNames[language]}, ${name}`, 'messages/s', values, { processorMicroseconds, peers: [peer] }));
    }
  }
  await using host = await openHost();
  return { sandbox: host.report().sandbox, figures };
}
