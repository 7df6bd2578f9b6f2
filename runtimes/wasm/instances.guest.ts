/** The instance of its plugin that an actor has: one at a time, replaced when it is given up. */
import type { Kernel } from '../guest/kernel.ts';
import { ArrayBufferIntrinsic } from '../guest/primordials.ts';
import { failed } from './fault.guest.ts';
import { openPlugin, type Plugin, type PluginSource, type Result } from './plugin.guest.ts';

export interface Instances {
  /** The instance that takes calls; none while the next is being opened, or before. */
  readonly ready: Plugin | undefined;
  readonly opening: boolean;
  /** Opens an instance and runs its `start`. Resolves without one if it was given up meanwhile. @throws why it cannot start. */
  open(): Promise<void>;
  /** What is ready or being opened takes no more calls, and what it waits for ends. */
  giveUp(): void;
}

const nothing = new Uint8Array(0);

export function createInstances(kernel: Kernel, source: PluginSource, hasStart: boolean): Instances {
  let present: { plugin: Plugin | undefined; ready: boolean } | undefined;
  /** What the instances held that were given up since the last collection. Bytes. */
  let garbage = 0;

  return {
    get ready() {
      return present?.ready ? present.plugin : undefined;
    },

    get opening() {
      return present?.ready === false;
    },

    async open() {
      const opened: typeof present = { plugin: undefined, ready: false };
      present = opened;
      if (garbage > kernel.settings.limits.memory / 2) {
        collectGarbage();
        garbage = 0;
      }
      try {
        opened.plugin = await openPlugin(source);
        if (hasStart) checkResult(await opened.plugin.call('start', nothing, undefined));
        opened.ready = true;
      } catch (error) {
        if (present === opened) throw error;
      }
    },

    giveUp() {
      present?.plugin?.abandon();
      garbage += present?.plugin?.size() ?? 0;
      present = undefined;
    },
  };
}

/** @throws HostError actor.failed with the text of the plugin. */
export function checkResult({ failure }: Result): undefined {
  if (failure !== undefined) throw failed(failure);
}

/** Bytes; less than what V8 refuses without looking. */
const moreThanThereIs = 2 ** 40;

/**
 * V8 does not count the memory of WebAssembly, so it would let dozens of dead instances lie. An isolate has no function that
 * collects; but before an allocation is refused, everything is looked for that can go.
 */
function collectGarbage(): void {
  try {
    new ArrayBufferIntrinsic(moreThanThereIs);
  } catch {
    // It is always refused.
  }
}
