/** What actors weigh: deployed ones in the host, live ones in their cell. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Flow, Host } from '../../host/index.ts';
import { type Measured, openHost, type Options, scaled } from '../benchmark.ts';
import { counters, deploy, type Language, languageNames, line } from '../flows.ts';
import { residentOf } from '../memory.ts';
import { beside, type Beside } from '../peers/peers.ts';
import { settle } from '../processor.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf } from '../report.ts';

export const summary = 'memory of a deployed idle actor in the host, and of a live one in its cell';

const MiB = 1024 ** 2;
/** Deployed in one flow: as many as a manifest may have. */
const deployed = 1_000;

interface Live {
  /** Actors that are counted, beside a first one that pays for what all share. */
  readonly count: number;
  readonly target?: { readonly atMost: number };
  readonly peers: (options: Options) => Promise<Beside[]>;
}

const live: Readonly<Record<Language, Live>> = {
  javascript: {
    count: 100,
    target: { atMost: 2.5 },
    peers: async (options) => [
      await beside('bare isolates', { task: 'memory', count: scaled(options, 100) }),
      await beside('worker threads', { task: 'memory', count: scaled(options, 20) }),
    ],
  },
  python: { count: 4, target: { atMost: 90 }, peers: async () => [await beside('plain Pyodide', { task: 'start' })] },
  wasm: { count: 50, peers: async () => [] },
};

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** Bytes that this process holds on its heaps, garbage left out. */
function held(collect: () => void): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

let sources = 0;

/** Actors in a row, each of a source of its own, none of which has started. */
const idle = (host: Host, count: number): Promise<Flow> => {
  const { runtime, code } = counters.javascript;
  const actors = Array.from({ length: count }, () => ({ runtime, code: `${code}\nexport const number = () => ${sources++};` }));
  return deploy(host, line(actors), { start: 'message' });
};

/** KiB that a deployed actor takes in the host. */
async function inHost(count: number): Promise<number> {
  const collect = collector();
  await using host = await openHost();
  await (await idle(host, Math.ceil(count / 10))).stop();
  const before = held(collect);
  await using flow = await idle(host, count);
  return (held(collect) - before) / flow.actors.length / 1024;
}

/** MB that one more live actor takes. Each has answered once. */
async function inCell(language: Language, count: number): Promise<number> {
  // More than usual: four interpreters are more than the guests of one cell may use together.
  await using host = await openHost({ limits: { cellMemory: 1024 * MiB } });
  let pid = 0;
  host.on('cell', (event) => {
    if (event.event === 'started') pid = event.pid ?? 0;
  });
  const resident = async (length: number): Promise<number> => {
    await using flow = await deploy(host, line(Array.from({ length }, () => counters[language])));
    await flow.ask('in', { n: 0 });
    await settle();
    return residentOf(pid);
  };
  return ((await resident(1 + count)) - (await resident(1))) / count / 1e6;
}

export async function measure(options: Options): Promise<Measured> {
  say('memory: deployed actors in the host');
  const kibibytes: number[] = [];
  for (let run = 0; run < options.repetitions; run++) kibibytes.push(await inHost(scaled(options, deployed, 10)));
  const figures: Figure[] = [figureOf('a deployed actor that is idle, in the host', 'KiB', kibibytes, { target: { atMost: 4 } })];
  for (const [language, { count, target, peers }] of Object.entries(live) as [Language, Live][]) {
    say(`memory: live actors, ${language}`);
    const values: number[] = [];
    for (let run = 0; run < options.repetitions; run++) values.push(await inCell(language, scaled(options, count, 2)));
    const others = (await peers(options)).map((other) => other('megabytes'));
    figures.push(figureOf(`a live ${languageNames[language]} actor, in its cell`, 'MB', values, { target, peers: others }));
  }
  await using host = await openHost();
  return { sandbox: host.report().sandbox, figures };
}
