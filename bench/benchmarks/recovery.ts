/**
 * The process of a cell is killed while messages pour through it. How long until an answer comes again, and is everything answered?
 * What was in the cell runs again in the one that replaces it.
 */
import type { Flow, Host } from '../../host/index.ts';
import { type Measured, openHost, type Options, scaled } from '../benchmark.ts';
import { counters, deploy, type Language, line, numbered, pipeAll } from '../flows.ts';
import { settle } from '../processor.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf, type Target } from '../report.ts';

export const summary = 'SIGKILL of a cell under load, with a spare: milliseconds to the first answer';

interface Line {
  readonly name: string;
  /** Of the actors, in a row in one cell. */
  readonly languages: readonly Language[];
  readonly target?: Target;
}

const lines: readonly Line[] = [
  { name: 'one JavaScript actor', languages: ['javascript'], target: { atMost: 150 } },
  { name: 'one Python actor', languages: ['python'], target: { atMost: 300 } },
  { name: 'one WASM actor', languages: ['wasm'] },
  { name: 'JavaScript, Python, WASM', languages: ['javascript', 'python', 'wasm'] },
];

/** Messages of the load. The kill comes when a third of them is answered. */
const usualMessages = 60_000;

interface Outcome {
  /** Milliseconds from the kill to the first answer of a message that had been in the cell. */
  readonly first: number;
  /** To the answer of a message that came right after the kill, behind all of them. */
  readonly next: number;
  readonly failed: number;
}

/** @throws Error if a message has no result */
async function killed(host: Host, flow: Flow, pid: number, messages: number): Promise<Outcome> {
  let [answered, failed] = [0, 0];
  const first = Promise.withResolvers<number>();
  let next: Promise<number> | undefined;
  const kill = (): void => {
    const began = performance.now();
    host.on('execution', ({ attempt }) => {
      if (attempt > 1) first.resolve(performance.now() - began);
    });
    process.kill(pid, 'SIGKILL');
    next = flow.ask('in', { n: 0 }).then(() => performance.now() - began);
  };
  for await (const { status } of flow.pipe(numbered(messages), { input: 'in' })) {
    if (status !== 'completed') failed++;
    if (++answered > messages / 3 && next === undefined) kill();
  }
  if (next === undefined || answered !== messages) throw new Error(`of ${messages} messages ${answered} were answered`);
  return { first: await Promise.race([first.promise, next]), next: await next, failed };
}

async function measureOnce(languages: readonly Language[], messages: number): Promise<Outcome> {
  await using host = await openHost();
  let pid: number | undefined;
  host.on('cell', (event) => {
    pid ??= event.pid;
  });
  await using flow = await deploy(host, line(languages.map((language) => counters[language])));
  await pipeAll(flow, numbered(Math.ceil(messages / 10)));
  // The spare must be ready.
  await settle();
  if (pid === undefined) throw new Error('the cell has no process');
  return await killed(host, flow, pid, messages);
}

async function measureLine({ name, languages, target }: Line, options: Options): Promise<Figure[]> {
  const outcomes: Outcome[] = [];
  for (let run = 0; run < options.repetitions; run++) {
    say(`recovery: ${name}, ${run + 1} of ${options.repetitions}`);
    outcomes.push(await measureOnce(languages, scaled(options, usualMessages, 300)));
  }
  const values = (of: keyof Outcome): number[] => outcomes.map((outcome) => outcome[of]);
  return [
    figureOf(`${name}: to the first answer`, 'ms', values('first'), { target }),
    figureOf(`${name}: to that of a message that came after`, 'ms', values('next')),
    figureOf(`${name}: answered with an error`, 'messages', values('failed'), { target: { atMost: 0 } }),
  ];
}

export async function measure(options: Options): Promise<Measured> {
  const figures: Figure[] = [];
  for (const line of lines) figures.push(...(await measureLine(line, options)));
  await using host = await openHost();
  return { sandbox: host.report().sandbox, figures };
}
