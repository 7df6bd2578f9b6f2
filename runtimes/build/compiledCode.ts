/** What V8 has compiled of a script, for cells: they do not compile it again. */
import type ivm from 'isolated-vm';

/** Cells run with these flags of V8, and V8 takes compiled code only from a V8 with the same: see host/cells/command.ts. */
export const cellFlags = ['--enable-sharedarraybuffer-per-context', '--expose-gc', '--no-maglev-inlining'] as const;

/**
 * To be taken when the script has run: V8 finds what it has compiled before in its own cache, and with it every function that was needed.
 * It takes it only where the isolate was made of the same snapshot.
 */
export async function compiledCode(isolate: ivm.Isolate, script: string, filename: string): Promise<Uint8Array> {
  const compiled = (await isolate.compileScript(script, { filename, produceCachedData: true })) as ivm.Script & {
    readonly cachedData: ivm.ExternalCopy<ArrayBuffer>;
  };
  return new Uint8Array(compiled.cachedData.copy());
}
