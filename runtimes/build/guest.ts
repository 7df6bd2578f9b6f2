/**
 * Builds what all isolates share: the bootstrap as one script, and the V8 snapshot that holds it, with what V8 compiled of it while it
 * ran an actor. That actor runs in a context of its own, of which nothing else is left.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import ivm from 'isolated-vm';
import { harmless, settings } from '../cell/trial.ts';
import { demandAnswers, rehearsal } from './rehearsal.ts';

const answer = '{"n":2}';

/** Made from a snapshot, a context has `WebAssembly`; here it does not yet. */
const run = `{
  globalThis.WebAssembly ??= {};
  ${rehearsal(answer, `${JSON.stringify(JSON.stringify(settings))}, undefined, ${JSON.stringify(harmless)}`)}
}`;

export async function buildGuest(folder: string): Promise<void> {
  const result = await build({
    entryPoints: [join(import.meta.dirname, '../guest/main.ts')],
    bundle: true,
    format: 'iife',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['import', 'module', 'default'],
    target: 'es2024',
    loader: { '.py': 'text' },
    // Smaller is quicker from the snapshot; names that guests see are set by hand.
    minify: true,
    write: false,
    legalComments: 'none',
    logLevel: 'error',
  });
  const code = result.outputFiles[0]?.text ?? '';
  writeFileSync(join(folder, 'guest.js'), code);
  await tryBootstrap(code);
  const snapshot = ivm.Isolate.createSnapshot([{ code, filename: '<vivarium>' }], run);
  writeFileSync(join(folder, 'guest.snapshot'), new Uint8Array(snapshot.copy() as ArrayBuffer));
}

/** While the snapshot is made, nobody hears what becomes of the rehearsal; so it is held once where it can be heard. @throws Error its actor did not answer */
async function tryBootstrap(code: string): Promise<void> {
  const isolate = new ivm.Isolate();
  const context = await isolate.createContext();
  await context.eval(code);
  await context.eval(run).catch(() => undefined);
  await demandAnswers(context, answer);
  isolate.dispose();
}
