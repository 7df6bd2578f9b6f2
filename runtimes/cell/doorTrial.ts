/**
 * The door rests on how isolated-vm treats unhandled rejections after a task. So each cell tries it at start,
 * with a guest that leaves behind a rejection whose `message` never returns: without the decoy this hangs.
 */
import { javascriptRuntime } from '../javascript/javascript.ts';
import type { IsolatedVm } from './addon.ts';
import { Guest } from './guest.ts';
import type { Shells } from './shells.ts';
import { limits, oneMessage, plan, settings } from './trial.ts';

const hostile = 'const handle = () => { Promise.reject({ get message() { for (;;); } }); return 1; };\nreturn { handle };';

/** Far more than the test needs, far less than for ever. Milliseconds. */
const patience = 2_000;

export async function tryDoor(ivm: IsolatedVm, shells: Shells): Promise<boolean> {
  let answered = false;
  const ignore = (): void => {};
  const { guest, files } = await Guest.create({
    ivm,
    shell: await shells.take(javascriptRuntime.heap(limits)),
    runtime: javascriptRuntime,
    plan,
    settings,
    payloads: [Buffer.from(hostile)],
    seed: new Uint8Array(32),
    shared: undefined,
    receive: (records) => {
      answered ||= records.charCodeAt(0) === 1;
    },
    wedged: ignore,
  });
  const enter = (door: 'load' | 'deliver', args: readonly unknown[]) => guest.enter(door, args, () => limits.start, ignore, ignore);
  const trial = (async () => (await enter('load', files)) === undefined && (await enter('deliver', oneMessage)) === undefined)();
  const holds = await Promise.race([trial, new Promise<boolean>((resolve) => setTimeout(resolve, patience, false).unref())]);
  guest.dispose();
  return holds && answered;
}
