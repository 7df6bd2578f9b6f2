/** What isolates of WASM have ready before it is known for whom: nothing of an actor is in them yet. This is where their script begins: see build/wasm.ts. */
import type { Kernel, Language } from '../guest/kernel.ts';
import { compileText } from '../guest/memoryText.ts';
import { type ExtismScript, loadExtism } from './extism.guest.ts';
import { createSurroundings, type Parts, type Surrounded, type Surroundings } from './surroundings.guest.ts';
import { createWasm } from './wasm.guest.ts';

/** What the file of the script evaluates to. @param offered see guest/offered.ts */
export type WasmScript = { readonly open: (offered: object) => { readonly warm: typeof warm }; readonly extism: ExtismScript };

/** @param memory that most actors may have, in bytes */
export async function warm(kernel: Kernel, extism: ExtismScript, blocks: ArrayBuffer, text: ArrayBuffer, memory: number): Promise<Language> {
  const { webAssembly } = kernel.captured;
  const parts = { link: loadExtism(extism, webAssembly), blocks: new webAssembly.Module(blocks), text: compileText(webAssembly, text) };
  const usual = { memory, mounts: [] };
  let ahead: Surroundings | undefined = createSurroundings(kernel, parts, usual);
  await rehearse(webAssembly, parts, ahead);

  return createWasm(kernel, parts.link, (actor) => {
    const made = isUsual(actor) ? ahead : undefined;
    // Each belongs to one instance.
    ahead = undefined;
    return made ?? createSurroundings(kernel, parts, actor);
  });

  function isUsual(actor: Surrounded): boolean {
    return actor.memory === usual.memory && actor.mounts.length === 0;
  }
}

/** A module that has and does nothing. */
const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** What is done here takes the first actor less time: V8 compiles and looks for things when something runs for the first time. */
async function rehearse(webAssembly: Kernel['captured']['webAssembly'], { link }: Parts, { functions, blocks }: Surroundings): Promise<void> {
  await link(new webAssembly.Module(empty), true, functions, () => {});
  blocks.begin(' ');
  blocks.output(true);
  blocks.error(0);
}
