/**
 * What the ground costs: starting a host and a cell, and calls from guests to the host. Each figure stands beside a peer without a
 * sandbox, measured in the same run.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import type { Host } from '../../host/index.ts';
import { type Measured, openHost, type Options, ratesOf, type Rates, scaled } from '../benchmark.ts';
import { deploy, plugin } from '../flows.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf, type Peer } from '../report.ts';
import { median, milliseconds, repeat } from '../timing.ts';

export const summary = 'the start of a host and of a cell; calls from guests to the host';

const workerProgram = `const { parentPort, workerData } = require('node:worker_threads');
const words = new Int32Array(workerData);
parentPort.on('message', async ({ kind, calls }) => {
  const started = performance.now();
  for (let i = 0; i < calls; i++) {
    if (kind === 'synchronous') { Atomics.store(words, 0, 0); parentPort.postMessage({ call: i, kind }); Atomics.wait(words, 0, 0); }
    else { const answer = new Promise((resolve) => parentPort.once('message', resolve)); parentPort.postMessage({ call: i, kind }); await answer; }
  }
  parentPort.postMessage({ rate: calls / ((performance.now() - started) / 1000) });
});`;

/** A worker thread that calls its parent one at a time: what a user would write without a sandbox. */
async function workerCalls(kind: 'synchronous' | 'asynchronous', calls: number): Promise<number> {
  const shared = new SharedArrayBuffer(4);
  const words = new Int32Array(shared);
  const program = kind === 'synchronous' ? workerProgram : workerProgram.replace("parentPort.on('message'", "parentPort.once('message'");
  const worker = new Worker(program, { eval: true, workerData: shared });
  const { promise, resolve } = Promise.withResolvers<number>();
  worker.on('message', (message: { rate?: number; call?: number }) => {
    if (message.rate !== undefined) resolve(message.rate);
    else if (kind === 'synchronous') {
      Atomics.store(words, 0, 1);
      Atomics.notify(words, 0);
    } else worker.postMessage(message.call);
  });
  worker.postMessage({ kind, calls });
  const rate = await promise;
  await worker.terminate();
  return rate;
}

const echoService = { orders: { list: { input: z.unknown(), output: z.unknown(), handle: (input: unknown) => input } } };
const policy = { services: ['orders.list'], limits: { cpu: '30s' } };

const callers = {
  'javascript, await': {
    runtime: 'javascript',
    policy,
    code: 'export async function handle(n, { services }) { for (let i = 0; i < n; i++) await services.orders.list(i); return n; }',
  },
  'python, plain': {
    runtime: 'python',
    policy,
    code: 'def handle(n, context):\n    for i in range(n):\n        context.services.orders.list(i)\n    return n\n',
  },
  'python, await': {
    runtime: 'python',
    policy,
    code: 'async def handle(n, context):\n    for i in range(n):\n        await context.services.orders.list(i)\n    return n\n',
  },
  'wasm, suspended': { source: join(plugin, '../talk.wasm'), function: 'repeat', policy },
} as const;

/** The plugin calls ten times for each message, so it is asked a tenth as often. */
const callsOfPlugin = 10;

async function guestCalls(host: Host, name: keyof typeof callers, calls: number, { repetitions }: Options): Promise<Rates> {
  await using flow = await deploy(host, { vivarium: 1, namespace: 'calls', actors: { caller: callers[name] } });
  const caller = flow.actor('caller');
  return await ratesOf(repetitions, calls, async () => {
    if (name === 'wasm, suspended') for (let i = 0; i < calls; i += callsOfPlugin) await caller.ask(i);
    else await caller.ask(calls);
  });
}

async function starts({ repetitions }: Options): Promise<Figure[]> {
  say('foundation: start of a host');
  const hosts = await repeat(repetitions, () => milliseconds(async () => (await openHost({ spare: 0 })).close()));
  say('foundation: start of a cell');
  await using host = await openHost({ spare: 0 });
  let cell = 0;
  host.on('cell', ({ event, millis }) => {
    if (event === 'started') cell = millis ?? cell;
  });
  const deployed = async (): Promise<number> => {
    await using flow = await deploy(host, { vivarium: 1, actors: { only: { runtime: 'javascript', code: 'export const handle = (message) => message;' } } });
    await flow.stop();
    return cell;
  };
  return [figureOf('a host starts', 'ms', hosts), figureOf('a cell starts, no spare, with one JavaScript actor', 'ms', await repeat(repetitions, deployed))];
}

async function hostCalls(host: Host, options: Options): Promise<Figure[]> {
  const count = callsOfPlugin * scaled(options, 300);
  const worker = async (name: string, kind: 'synchronous' | 'asynchronous'): Promise<Peer> => ({
    name,
    lacks: 'no sandbox, no policy, no audit',
    value: median(await repeat(options.repetitions, () => workerCalls(kind, count))),
  });
  say('foundation: calls of worker threads');
  const awaiting = await worker('worker thread, await', 'asynchronous');
  const blocking = await worker('worker thread, blocking', 'synchronous');
  const figures: Figure[] = [];
  for (const name of Object.keys(callers) as (keyof typeof callers)[]) {
    say(`foundation: calls to the host, ${name}`);
    const { values, processorMicroseconds } = await guestCalls(host, name, count, options);
    figures.push(figureOf(`calls to the host: ${name}`, 'calls/s', values, { processorMicroseconds, peers: [name === 'python, plain' ? blocking : awaiting] }));
  }
  return figures;
}

export async function measure(options: Options): Promise<Measured> {
  const started = await starts(options);
  await using host = await openHost({ ceiling: 'unrestricted', services: echoService });
  return { sandbox: host.report().sandbox, figures: [...started, ...(await hostCalls(host, options))] };
}
