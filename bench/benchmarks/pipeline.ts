/** Three actors in a row, small messages, `flow.pipe`. */
import { type Measured, openHost, type Options, ratesOf, scaled } from '../benchmark.ts';
import { counters, deploy, type Language, line, numbered, pipeAll, plugin } from '../flows.ts';
import { beside } from '../peers/peers.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf, type Peer, type Target } from '../report.ts';

export const summary = 'three actors in a row, small messages, flow.pipe: deliveries per second';

interface Line {
  readonly name: string;
  readonly languages: readonly Language[];
  readonly messages: number;
  readonly target?: Target;
}

const length = 3;
/** Messages of one call, for peers that are given many at once. */
const batch = 256;

const lines: readonly Line[] = [
  { name: 'three JavaScript actors', languages: ['javascript', 'javascript', 'javascript'], messages: 200_000, target: { atLeast: 1_000_000 } },
  { name: 'three Python actors', languages: ['python', 'python', 'python'], messages: 200_000, target: { atLeast: 350_000 } },
  { name: 'three WASM actors', languages: ['wasm', 'wasm', 'wasm'], messages: 200_000 },
  { name: 'JavaScript, Python, WASM', languages: ['javascript', 'python', 'wasm'], messages: 200_000 },
];

/** What every line is compared with. */
async function everywhere(options: Options): Promise<(line: Line) => Peer[]> {
  const { repetitions } = options;
  const task = { task: 'line', length, repetitions };
  const worker = await beside('worker threads', { ...task, messages: scaled(options, 200_000), batch: 1 });
  const batched = await beside('worker threads, batched', { ...task, messages: scaled(options, 400_000), batch });
  return ({ name }) =>
    name === 'three JavaScript actors' ? [worker('rate', { atLeast: 1.2 }), batched('rate', { atLeast: 0.4 })] : [worker('rate'), batched('rate')];
}

/** What the lines of one language are compared with. */
const own: Readonly<Record<Language, (options: Options) => Promise<Peer[]>>> = {
  async javascript(options) {
    const task = { length, repetitions: options.repetitions };
    const isolates = await beside('bare isolates', { ...task, task: 'line', messages: scaled(options, 600_000), batch });
    const quickjs = await beside('QuickJS in WASM', { ...task, messages: scaled(options, 30_000) });
    const nodeRed = await beside('Node-RED', { ...task, messages: scaled(options, 20_000) });
    return [isolates('rate'), quickjs('rate'), nodeRed('rate', { atLeast: 20 })];
  },
  async python(options) {
    const task = { task: 'line', length, repetitions: options.repetitions, messages: scaled(options, 10_000) };
    return [(await beside('plain Pyodide', task))('rate')];
  },
  async wasm(options) {
    const task = { plugin, repetitions: options.repetitions };
    const plain = await beside('plain Extism', { ...task, task: 'line', length, messages: scaled(options, 20_000) });
    const bare = await beside('bare Extism in an isolate', { ...task, isolates: 1, calls: scaled(options, 200_000) });
    const bareOnes = await beside('bare Extism in three isolates', { ...task, isolates: length, calls: scaled(options, 200_000) });
    return [bare('rate', { atLeast: 0.65 }), bareOnes('rate'), plain('rate')];
  },
};

export async function measure(options: Options): Promise<Measured> {
  say('pipeline: worker threads');
  const always = await everywhere(options);
  const figures: Figure[] = [];
  await using host = await openHost();
  for (const one of lines) {
    const { name, languages, target } = one;
    say(`pipeline: ${name}`);
    const messages = scaled(options, one.messages);
    await using flow = await deploy(host, line(languages.map((language) => counters[language])));
    const { values, processorMicroseconds } = await ratesOf(options.repetitions, messages * length, () => pipeAll(flow, numbered(messages)));
    await flow.stop();
    say(`pipeline: what is compared with ${name}`);
    const [language] = languages as readonly [Language];
    const peers = [...always(one), ...(new Set(languages).size === 1 ? await own[language](options) : [])];
    figures.push(figureOf(name, 'deliveries/s', values, { target, processorMicroseconds, peers }));
  }
  return { sandbox: host.report().sandbox, figures };
}
