/** Builds what all isolates share: the bootstrap as one script, and the V8 snapshot that holds it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import ivm from 'isolated-vm';

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
  const snapshot = ivm.Isolate.createSnapshot([{ code, filename: '<vivarium>' }]);
  writeFileSync(join(folder, 'guest.snapshot'), new Uint8Array(snapshot.copy() as ArrayBuffer));
}
