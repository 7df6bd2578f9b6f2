/**
 * The bootstrap, which lies in the V8 snapshot with all that an actor has of it: making that takes longer than to read it from there.
 *
 * `boot` is called once in each new context before any guest code. It takes the hazards out of the realm, and returns the doors. The first
 * that is entered is `load`, with an actor.
 */
import { type Budget, defaultBudget } from '../../sdk/message.ts';
import type { Lane } from '../protocol.ts';
import { createJavaScript } from '../javascript/javascript.guest.ts';
import { warmPython } from '../python/python.guest.ts';
import type { WasmScript } from '../wasm/warm.guest.ts';
import { createCalls } from './calls.ts';
import { createGarbage } from './garbage.ts';
import { installConsole } from './console.ts';
import { installClock, installCrypto } from './crypto.ts';
import { describe, hostError, HostError } from './failure.ts';
import type { Kernel, Language } from './kernel.ts';
import { createLogs } from './logs.ts';
import * as offered from './offered.ts';
import { createOutbox } from './outbox.ts';
import { apply, parse, reject, resolved, table, then, Uint8ArrayIntrinsic } from './primordials.ts';
import { disarm, stillArmed } from './realm.ts';
import { createTimers, installTimers } from './timers.ts';
import { createTurns } from './turns.ts';
import { installWebGlobals } from './web/index.ts';
import { decoy, type Doors, type Send, type Settings } from './wire.ts';

const realm = globalThis as unknown as Record<string, unknown>;

const budget: { -readonly [K in keyof Budget]: Budget[K] } = { ...defaultBudget };
const outbox = createOutbox();
const garbage = createGarbage();
const turns = createTurns(budget, outbox, (turn) => logs.ends(turn), becameIdle);
const logs = createLogs(outbox, turns.current);
let background = true;
let begun = false;
let started = false;
let language: Language;

const kernel: { -readonly [K in keyof Kernel]: Kernel[K] } = {
  budget,
  outbox,
  emit: turns.emit,
  room: turns.room,
  settle: turns.settle,
  answer: turns.answer,
  fail: turns.fail,
  reach: turns.reach,
  pass: turns.pass,
  log: logs.log,
  current: turns.current,
  turn: turns.turn,
  inBackground: () => background,
  runAs(asBackground: boolean, run: () => void): void {
    // While no turn is open, whatever this door runs belongs to the background, its microtasks included.
    if (asBackground && turns.active() === 0) background = true;
    run();
  },
  idle: () => turns.active() === 0,
  fatal(thrown: unknown): void {
    // Names the turn to blame first: there will be no other postmortem.
    outbox.event({ is: 'postmortem', turn: turns.running() });
    outbox.event({ is: 'fatal', error: describe(thrown) });
  },
  doorTime: turns.doorTime,
} as unknown as typeof kernel;
kernel.timers = createTimers(kernel);
kernel.calls = createCalls(kernel);

const javascript = createJavaScript(kernel);
/** What {@link warm} has made ready. */
let warmed: Language | undefined;

const warmers = {
  python: warmPython,
  wasm(kernel: Kernel, files: readonly unknown[]) {
    const [{ open, extism }, ...others] = files as [WasmScript, ArrayBuffer, ArrayBuffer, number];
    return open(offered).warm(kernel, extism, ...others);
  },
};

/** What a language needs whoever it runs for, and takes longest: to be called between `boot` and `load`, however long before. Nothing of an actor is there yet. */
async function warm(runtime: keyof typeof warmers, ...files: readonly unknown[]): Promise<void> {
  delete realm['__warm'];
  installClock(realm);
  warmed = await warmers[runtime](kernel, files);
}

function becameIdle(): void {
  kernel.timers.clearForeground();
  kernel.calls.clearForeground();
  language.idle?.();
  logs.renew();
}

/** From here on it is known for whom. */
function begin(settingsText: string, shared: ArrayBuffer | undefined): void {
  delete realm['__warm'];
  const settings = parse(settingsText) as Settings;
  kernel.settings = settings;
  budget.bytes = settings.limits.message;
  logs.begin(settings.limits.logs);
  kernel.calls.begin(shared);
  installClock(realm);
  const made = settings.runtime === 'javascript' ? javascript : warmed;
  if (made === undefined) throw hostError('actor.start', `nothing was made ready for ${settings.runtime}`);
  language = made;
  turns.begin(settings, language);
  turns.doorOpened();
  begun = true;
}

const failed = (error: unknown): void => outbox.event({ is: 'failed', error: describe(error) });

// Held so that it stays the first unhandled rejection of the task, and a primitive.
let kept: unknown;
const door =
  <A extends unknown[]>(enter: (...args: A) => void) =>
  (...args: A): void => {
    kept = reject(decoy);
    try {
      background = !started;
      if (begun) turns.doorOpened();
      outbox.enter();
      apply(enter as (...args: unknown[]) => void, undefined, args);
    } catch (error) {
      if (begun) kernel.fatal(error);
      else failed(error);
    } finally {
      outbox.leave();
    }
  };
void kept;

const doors = table() as unknown as Doors;
doors.deliver = door((firstTurn, batches, lengths, numbers, descriptions, body, room, bytes) => {
  garbage.entered(lengths.length + numbers.length + body.length);
  turns.setRoom(room);
  turns.deliver(firstTurn, batches, lengths, numbers, descriptions, body, bytes === undefined ? undefined : new Uint8ArrayIntrinsic(bytes));
});
doors.timer = door((id) => {
  if (turns.active() === 0) logs.renew();
  try {
    kernel.timers.fire(id);
  } catch (error) {
    logs.log('error', describe(error).message);
  }
  turns.pump();
});
doors.reply = door((call, error, lane, payload) => {
  if (typeof payload === 'string') garbage.entered(payload.length);
  if (turns.active() === 0) logs.renew();
  kernel.calls.reply(call, error, lane as Lane, payload);
  turns.pump();
});
doors.room = door((messages) => turns.setRoom(messages));
doors.cancel = door((ids, error) => {
  const told = parse(ids) as readonly number[];
  // Those that wait come after those that run: the last ones first, so that none of them begins when one before it ends.
  for (let i = told.length - 1; i >= 0; i--) turns.cancel(told[i] as number, new HostError(parse(error) as never));
});
doors.stop = door(() => {
  // What `stop` begins belongs to no turn, as with `start`.
  background = true;
  const stopping = resolved(undefined);
  then(
    then(stopping, () => language.stop()),
    () => outbox.event({ is: 'stopped' }),
    (error) => {
      logs.log('error', describe(error).message);
      outbox.event({ is: 'stopped' });
    },
  );
});
doors.postmortem = door(() => outbox.event({ is: 'postmortem', turn: begun ? turns.running() : 0 }));
doors.load = door((settings, shared, ...files) => {
  begin(settings, shared);
  then(
    then(resolved(files), (loaded: readonly unknown[]) => language.load(loaded)),
    (inlets: readonly string[]) => {
      started = true;
      logs.renew();
      outbox.event({ is: 'started', inlets });
    },
    failed,
  );
});

/**
 * What only a fresh realm has, and what is to be different in each. The doors open nothing but `load` until that was called.
 * @param bytes 32 from the generator of the cell, different for each isolate
 */
function boot(send: Send, bytes: ArrayBuffer): Doors {
  delete realm['__boot'];
  kernel.captured = disarm(realm);
  if (stillArmed(realm)) throw hostError('host.unsupported', 'the realm could not be disarmed');
  garbage.begin(kernel.captured.collect);
  outbox.begin(send);
  seed(new Uint8ArrayIntrinsic(bytes));
  return doors;
}

installWebGlobals(globalThis);
installTimers(realm, kernel.timers);
installConsole(realm, kernel);
const seed = installCrypto(realm);
Object.defineProperty(realm, '__boot', { value: boot, configurable: true });
Object.defineProperty(realm, '__warm', { value: warm, configurable: true });
