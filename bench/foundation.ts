/**
 * What the ground costs: starting a cell and an actor of each language, the memory of a cell with one of each,
 * and calls from guests to the host. Each figure stands beside a peer without a sandbox, measured in the same run.
 *
 *     npm run bench -- foundation [--json]
 */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import ivm from 'isolated-vm';
import { z } from 'zod';
import { createHost, type Host } from '../host/index.ts';
import { type Figure, figureOf, median, milliseconds, repeat, report } from './report.ts';

const rounds = 7;
const fewRounds = 3;
const calls = 3_000;

const sources = {
  javascript: 'export const handle = (message) => message;',
  python: 'def handle(message):\n    return message\n',
} as const;

const wasm = { source: 'dist/test/plugins/echo.wasm' } as const;

const actorOf = (language: 'javascript' | 'python' | 'wasm') => (language === 'wasm' ? wasm : { runtime: language, code: sources[language] });

/** From `deploy` into a cell that is ready until the actor has started: what a cell reports itself. */
async function actorStart(host: Host, language: 'javascript' | 'python' | 'wasm'): Promise<number> {
  const alone = await deployTime(host, { first: actorOf('javascript') });
  const both = await deployTime(host, { first: actorOf('javascript'), second: actorOf(language) });
  return Math.max(0, both - alone);
}

async function deployTime(host: Host, actors: Record<string, unknown>): Promise<number> {
  const started = performance.now();
  await using flow = await host.deploy({ vivarium: 1, namespace: 'bench', actors } as never, { base: '.' });
  const time = performance.now() - started;
  await flow.stop();
  return time;
}

async function bareIsolate(): Promise<number> {
  return milliseconds(async () => {
    const isolate = new ivm.Isolate({ memoryLimit: 64 });
    await isolate.createContext();
    isolate.dispose();
  });
}

async function plainPyodide(): Promise<number> {
  return milliseconds(async () => {
    const { loadPyodide } = await import('pyodide');
    await loadPyodide();
  });
}

async function plainExtism(): Promise<number> {
  const bytes = readFileSync(wasm.source);
  return milliseconds(async () => {
    const { createPlugin } = await import('@extism/extism');
    const plugin = await createPlugin({ wasm: [{ data: bytes }] });
    await plugin.close();
  });
}

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
async function workerCalls(kind: 'synchronous' | 'asynchronous'): Promise<number> {
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
  'wasm, suspended': { source: 'dist/test/plugins/talk.wasm', function: 'repeat', policy },
} as const;

/** The plugin calls ten times for each message, so it is asked a tenth as often. */
const callsOfPlugin = 10;

async function guestCalls(host: Host, name: keyof typeof callers): Promise<number> {
  await using flow = await host.deploy({ vivarium: 1, namespace: 'calls', actors: { caller: callers[name] } } as never, { base: '.' });
  const caller = flow.actor('caller' as never);
  const run = async (count: number): Promise<void> => {
    if (name === 'wasm, suspended') for (let i = 0; i < count; i += callsOfPlugin) await caller.ask(i);
    else await caller.ask(count);
  };
  await run(100);
  return calls / ((await milliseconds(() => run(calls))) / 1000);
}

/** Resident memory of the cell with one actor of each language. */
async function cellMemory(host: Host): Promise<number> {
  const cells: number[] = [];
  const forget = host.on('cell', (event) => {
    if (event.pid !== undefined) cells.push(event.pid);
  });
  await using flow = await host.deploy(
    { vivarium: 1, namespace: 'memory', actors: { one: actorOf('javascript'), two: actorOf('python'), three: actorOf('wasm') } } as never,
    { base: '.' },
  );
  for (const actor of flow.actors) await flow.actor(actor).ask(1);
  forget();
  const status = readFileSync(`/proc/${cells.at(-1)}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

/** Times of host, cell and actors; each beside the same without a sandbox. */
async function starts(host: Host): Promise<Figure[]> {
  await using cold = await createHost({ spare: 0 });
  const each = async (name: string, run: () => Promise<number>, peer?: { name: string; run: () => Promise<number>; once?: boolean }): Promise<Figure> => {
    const peers = peer === undefined ? [] : [{ name: peer.name, value: peer.once === true ? await peer.run() : median(await repeat(rounds, peer.run)) }];
    return figureOf(name, 'ms', await repeat(rounds, run), peers);
  };
  return [
    await each('host starts', () => milliseconds(async () => (await createHost({ spare: 0 })).close())),
    await each('cell starts, with a JavaScript actor, compiled', () => deployTime(cold, { only: actorOf('javascript') })),
    await each('JavaScript actor starts, compiled', () => actorStart(host, 'javascript'), { name: 'bare isolate', run: bareIsolate }),
    await each('Python actor starts', () => actorStart(host, 'python'), { name: 'plain Pyodide', run: plainPyodide, once: true }),
    await each('WASM actor starts', () => actorStart(host, 'wasm'), { name: 'plain Extism', run: plainExtism }),
  ];
}

async function hostCalls(host: Host): Promise<Figure[]> {
  const awaiting = { name: 'worker thread, await', value: await workerCalls('asynchronous') };
  const blocking = { name: 'worker thread, blocking', value: await workerCalls('synchronous') };
  const figures: Figure[] = [];
  for (const name of Object.keys(callers) as (keyof typeof callers)[]) {
    const rates = await repeat(fewRounds, () => guestCalls(host, name));
    figures.push(figureOf(`calls to the host: ${name}`, 'calls/s', rates, [name === 'python, plain' ? blocking : awaiting]));
  }
  return figures;
}

await using host = await createHost({ ceiling: 'unrestricted', services: echoService, spare: 1 });
const figures = [...(await starts(host)), figureOf('cell with one actor of each', 'MB', [await cellMemory(host)]), ...(await hostCalls(host))];
report('foundation', host.report().sandbox, figures);
