/**
 * Far more actors than may live at once, each of a source of its own, called in random order: each call starts one, and sends
 * another to sleep. A tenth of them is called once more then, which wakes those that sleep.
 */
import type { Flow, Host } from '../../host/index.ts';
import { type Measured, openHost, type Options, scaled } from '../benchmark.ts';
import { deploy } from '../flows.ts';
import { residentOf, residentOfChildren } from '../memory.ts';
import { processorTime } from '../processor.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf } from '../report.ts';
import { milliseconds } from '../timing.ts';

export const summary = '10,000 actors of distinct sources, 200 of them live, called in random order: calls per second, memory';

const usualActors = 10_000;
/** Actors that may live at once. */
const live = 200;
/** Calls under way at once. */
const lanes = 16;
/** Points of a curve. */
const points = 10;

interface Called {
  readonly rate: number;
  readonly processorMicroseconds: number;
  readonly host: Figure['curve'] & {};
  readonly cells: Figure['curve'] & {};
}

const sourceOf = (number: number): string => `const number = ${number};\nexport const handle = (n) => number + n;`;

const deployAll = (host: Host, count: number): Promise<Flow> =>
  deploy(
    host,
    {
      vivarium: 1,
      actors: Object.fromEntries(Array.from({ length: count }, (_, number) => [`a${number}`, { runtime: 'javascript', code: sourceOf(number) }])),
    },
    { start: 'message' },
  );

/** The same order in every run. */
function shuffled(count: number): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  let seed = 1;
  for (let last = count - 1; last > 0; last--) {
    seed = (seed * 48_271) % 2_147_483_647;
    const other = seed % (last + 1);
    [order[last], order[other]] = [order[other] as number, order[last] as number];
  }
  return order;
}

/** Calls each actor once. @throws Error if one does not answer what its own source says */
async function callAll(flow: Flow, order: readonly number[], what: string): Promise<Called> {
  const host: { at: number; value: number }[] = [];
  const cells: typeof host = [];
  let called = 0;
  const look = (): void => {
    host.push({ at: called, value: residentOf(process.pid) / 1e6 });
    cells.push({ at: called, value: residentOfChildren() / 1e6 });
    say(`actors: ${what}, ${called} of ${order.length}`);
  };
  const interval = Math.ceil(order.length / points);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let number = order[next++]; number !== undefined; number = order[next++]) {
      const answer = await flow.actor(`a${number}`).ask(1);
      if (answer !== number + 1) throw new Error(`actor ${number} answered ${JSON.stringify(answer)}`);
      if (++called % interval === 0) look();
    }
  };
  look();
  const before = processorTime();
  const time = await milliseconds(() => Promise.all(Array.from({ length: lanes }, lane)));
  const processorMicroseconds = ((processorTime() - before) * 1000) / order.length;
  return { rate: order.length / (time / 1000), processorMicroseconds, host, cells };
}

export async function measure(options: Options): Promise<Measured> {
  const count = scaled(options, usualActors, 10);
  await using host = await openHost({ limits: { isolates: live, hostIsolates: live, namespaceIsolates: live } });
  say(`actors: deploying ${count}`);
  const began = performance.now();
  await using flow = await deployAll(host, count);
  const deployed = performance.now() - began;
  const figures: Figure[] = [figureOf('deployed', 'actors/s', [count / (deployed / 1000)])];
  const order = shuffled(count);
  for (const [what, called] of [
    ['first calls', order],
    ['second calls', order.slice(0, Math.ceil(count / 10))],
  ] as const) {
    const { rate, processorMicroseconds, host: ofHost, cells } = await callAll(flow, called, what);
    const most = (curve: typeof ofHost): number => Math.max(...curve.map(({ value }) => value));
    figures.push(
      figureOf(what, 'calls/s', [rate], { processorMicroseconds }),
      figureOf(`${what}: resident memory of the host, at most`, 'MB', [most(ofHost)], { curve: ofHost }),
      figureOf(`${what}: of its cell and its spare, at most`, 'MB', [most(cells)], { curve: cells }),
    );
  }
  figures.push(figureOf('actors that live at the end', 'actors', [host.report().actors.live], { target: { atMost: live } }));
  return { sandbox: host.report().sandbox, figures };
}
