/**
 * The child process. Boots in this order, and no other: load the addon, open the files, drop every permission,
 * try that it is gone, test that the door holds, and only then take guests.
 */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { javascriptRuntime } from '../javascript/javascript.ts';
import { protocolVersion } from '../lanes.ts';
import type { Limits } from '../limits.ts';
import type { ActorPlan, CellMessage, HostMessage } from '../protocol.ts';
import { createPythonRuntime } from '../python/python.ts';
import type { Runtime } from '../runtime.ts';
import { joinColumns } from '../columns.ts';
import { encodeFrame, FrameReader, type Piece } from '../frame.ts';
import { createWasmRuntime } from '../wasm/wasm.ts';
import type { Actor } from './actor.ts';
import { loadAddon } from './addon.ts';
import { Cell, checkInterval } from './cell.ts';
import { startFailed } from './brokenLimits.ts';
import { tryDoor } from './doorTrial.ts';
import { diagnose, Guest, type GuestOptions } from './guest.ts';
import { Instance } from './instance.ts';
import type { InstanceListener } from './instanceListener.ts';
import { Interpreters } from './interpreters.ts';
import { Meter } from './meter.ts';
import type { Channel } from './outbound.ts';
import { dropPermissions } from './permissions.ts';
import { type Shell, shellMaker } from './shells.ts';
import { SynchronousReplies } from './synchronous.ts';
import { toArrayBuffer } from '../arrayBuffer.ts';
import { settingsOf } from './settings.ts';
import { openShells } from './warmUp.ts';

/** Names only, of what the host failed to keep from this process. */
const environmentFound = Object.keys(process.env);

// At level `process` the machine's time zone would show; a guest's clock is the same everywhere.
process.env['TZ'] = 'UTC';

const channelDescriptor = 3;

/** A dead host, a broken frame, an impossible state: nothing is worth saving, and nothing may run on. */
const die = (): never => {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('unreachable');
};

const folder = __dirname;
const ivm = loadAddon(join(folder, 'isolated_vm.node'));
const open = (name: string): (() => Buffer) => {
  const file = openSync(join(folder, name), 'r');
  return () => {
    const bytes = readFileSync(file);
    closeSync(file);
    return bytes;
  };
};

const make = shellMaker(ivm, new ivm.ExternalCopy(toArrayBuffer(open('guest.snapshot')())), () => die());
const runtimes: Record<ActorPlan['runtime'], Runtime> = { javascript: javascriptRuntime, python: createPythonRuntime(ivm), wasm: createWasmRuntime(ivm) };
for (const runtime of Object.values(runtimes)) runtime.prepare(open);

const shells = openShells(make, runtimes);

const denied = dropPermissions();
const meter = new Meter();

let corked = false;

/** Ends what {@link send} began. */
const flush = (): void => {
  if (!corked) return;
  corked = false;
  channel.uncork();
};

/**
 * Frames of one turn of the event loop leave in one write. By `setImmediate`: what isolated-vm calls runs outside
 * Node's callbacks, so `nextTick` would wait there for the next timer.
 */
const send = (message: CellMessage, payloads: readonly Piece[]): void => {
  if (!corked) {
    corked = true;
    channel.cork();
    setImmediate(flush);
  }
  for (const piece of encodeFrame(message, payloads)) channel.write(piece, 'latin1');
};

/** A cell that speaks through `channel`, and what reads what is said to it. */
function openCell(channel: Channel): { readonly cell: Cell; readonly reader: FrameReader } {
  const cell: Cell = new Cell(channel, shells, (plan, payloads) => {
    const runtime = runtimes[plan.runtime];
    const locate = runtime.locate(plan, payloads);
    return (actor, number, listener) => startInstance(cell, runtime, plan, payloads, locate, actor, number, listener);
  });
  const reader = new FrameReader((header, behind) => {
    const { message, region } = joinColumns(JSON.parse(header), behind);
    const heard = message as HostMessage;
    if (heard.type === 'interpreter') interpreters.keep(heard.memory);
    else cell.receive(heard, region);
  });
  return { cell, reader };
}

const { cell, reader } = openCell({ send, flush });

/** What the host sends is read where its frames are read: chunks of their own would be collected, and copied. */
const read = (count: number): boolean => {
  try {
    reader.filled(count);
  } catch {
    die();
  }
  return true;
};

const channel = new Socket({ fd: channelDescriptor, readable: true, writable: true, onread: { buffer: () => reader.space(), callback: read } });
channel.on('error', die);
channel.on('close', die);
// Nothing is heard before the door was tried.
channel.pause();

const interpreters = new Interpreters({
  make,
  runtime: runtimes.python,
  isBusy: () => cell.isBusy,
  tell: (ready, taken) => send({ type: 'interpreters', ready, taken }, []),
});

function startInstance(
  cell: Cell,
  runtime: Runtime,
  plan: ActorPlan,
  payloads: readonly Buffer[],
  locate: ReturnType<Runtime['locate']>,
  actor: Actor,
  number: number,
  listener: InstanceListener,
): Instance {
  const replies = runtime.synchronous ? new SynchronousReplies() : undefined;
  const instance = new Instance(number, plan, listener, meter, locate, replies);
  const catastrophic = (message: string): void => cell.wedged(plan.index, message);
  const begun = performance.now();
  const optionsWith = (shell: Shell): GuestOptions => ({
    ivm,
    shell,
    runtime,
    plan,
    settings: settingsOf(plan, actor.careful),
    payloads,
    shared: replies?.buffer,
    receive: (...sent) => instance.receive(...sent),
    wedged: () => cell.wedged(plan.index, 'a thread did not come back from its guest'),
  });
  takeShell(runtime, plan.limits, actor.hasStarted, catastrophic)
    .then((shell) => Guest.create(optionsWith(shell)))
    .then(
      ({ guest, files }) => (instance.ended ? guest.dispose() : instance.load(guest, files, plan.limits.start - (performance.now() - begun))),
      (error: unknown) => listener.failed({ ...startFailed(diagnose(error), plan.limits), actor: plan.name }, Promise.resolve()),
    );
  return instance;
}

/** @param again its actor had an instance, in whose room it lives: there is still room for another interpreter */
async function takeShell(runtime: Runtime, limits: Limits, again: boolean, catastrophic: (message: string) => void): Promise<Shell> {
  if (runtime.name === 'python') return interpreters.take(limits.memory, limits.start, again, catastrophic);
  const shell = await shells[runtime.name].take(runtime.heap(limits));
  shell.catastrophic = catastrophic;
  return shell;
}

tryDoor(openCell).then((holds) => {
  if (!holds) denied['enter by the door'] = 'ALLOWED';
  channel.resume();
  setInterval(() => cell.check(), checkInterval).unref();
  send({ type: 'ready', version: protocolVersion, node: process.versions.node, denied, environment: environmentFound, boot: performance.now() }, []);
}, die);
