/** What isolates of WASM have ready before it is known for whom: nothing of an actor is in them yet. This is where their script begins: see build/wasm.ts. */
import type { Kernel, Language } from '../guest/kernel.ts';
import { compileText } from '../guest/memoryText.ts';
import { type ExtismScript, loadExtism } from './extism.guest.ts';
import { createWasm } from './wasm.guest.ts';

/** What the file of the script evaluates to. @param offered see guest/offered.ts */
export type WasmScript = { readonly open: (offered: object) => { readonly warm: typeof warm }; readonly extism: ExtismScript };

export function warm(kernel: Kernel, extism: ExtismScript, blocks: ArrayBuffer, text: ArrayBuffer): Language {
  const { webAssembly } = kernel.captured;
  const parts = { link: loadExtism(extism, webAssembly), blocks: new webAssembly.Module(blocks), text: compileText(webAssembly, text) };
  return createWasm(kernel, parts);
}
