/** The doors of an isolate: opened before it is known for which actor. */
import { randomFillSync } from 'node:crypto';
import type { Context, Copy, Reference } from 'isolated-vm';
import { type DoorName, doorNames, type Send } from '../guest/wire.ts';
import type { IsolatedVm } from './addon.ts';

export type Door = Reference<(...args: unknown[]) => void>;
export type OpenDoors = Readonly<Record<DoorName, Door>>;

/** This is our own code: a guest cannot lengthen it. Milliseconds. */
const bootLimit = 5_000;

/** 32 bytes for what an isolate draws at random, as it is given them. */
const freshSeed = (ivm: IsolatedVm): Copy<ArrayBuffer> => new ivm.ExternalCopy(randomFillSync(new Uint8Array(32)).buffer).copyInto({ release: true });

/** @param receive what leaves the isolate */
export async function openDoors(ivm: IsolatedVm, context: Context, receive: Send): Promise<OpenDoors> {
  const send = new ivm.Callback(
    (...sent: Parameters<Send>) => {
      receive(...sent);
      drainSoon();
    },
    { ignored: true },
  );
  const opened = (await context.evalClosure('return __boot($0, $1)', [send, freshSeed(ivm)], { result: { reference: true }, timeout: bootLimit })) as Reference<
    Record<DoorName, never>
  >;
  const doors = {} as Record<DoorName, Door>;
  // No guest has run yet, so nothing can make this last.
  for (const name of doorNames) doors[name] = opened.getSync(name, { reference: true }) as Door;
  return doors;
}

let draining = false;

/**
 * isolated-vm calls back outside Node's callbacks, after which nobody runs the promises that the call settled: they
 * would wait for the next timer. An immediate, even an empty one, is a callback of Node.
 */
function drainSoon(): void {
  if (draining) return;
  draining = true;
  setImmediate(() => {
    draining = false;
  });
}
