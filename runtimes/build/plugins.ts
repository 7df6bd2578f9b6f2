/** Compiles the plugins of this repository, from AssemblyScript, with npm alone: the example's and those of the tests. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { main } from 'assemblyscript/asc';

const root = path.join(import.meta.dirname, '../..');

/** The example's plugin lies beside its manifest, because a manifest names sources relative to its own folder. */
const example = { source: 'examples/dependency-report/digest/assembly/index.ts', output: path.join(root, 'examples/dependency-report/digest.wasm') };

const fixtures = 'test/fixtures/plugins/assembly';

/**
 * @param outDir the build folder; the plugins of the tests go to `test/plugins` in it.
 * @throws Error with the compiler's diagnostics.
 */
export async function buildPlugins(outDir: string): Promise<void> {
  await compile(example.source, example.output);
  const folder = path.join(outDir, 'test/plugins');
  mkdirSync(folder, { recursive: true });
  const files = readdirSync(path.join(root, fixtures)).filter((file) => file.endsWith('.ts'));
  for (const file of files.sort()) await compile(`${fixtures}/${file}`, path.join(folder, file.replace(/\.ts$/, '.wasm')));
}

/** @param source a path from the root of the repository; each plugin has a function `abort` of its own, because Extism offers none. */
async function compile(source: string, output: string): Promise<void> {
  const written = new Map<string, Uint8Array | string>();
  const own = `abort=${source.replace(/\.ts$/, '')}/abort`;
  const { error, stderr } = await main([source, '--baseDir', root, '--outFile', 'plugin.wasm', '--optimizeLevel', '3', '--use', own], {
    writeFile: (name, content) => void written.set(name, content),
  });
  const module = written.get('plugin.wasm');
  if (error !== null || module === undefined) throw new Error(`${source} does not compile\n${stderr.toString()}`, { cause: error });
  writeFileSync(output, module);
}
