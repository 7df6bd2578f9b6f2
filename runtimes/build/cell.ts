/** Builds the program of the child process: one CommonJS file, and the addon beside it. */
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

export async function buildCell(folder: string): Promise<void> {
  await build({
    entryPoints: [join(import.meta.dirname, '../cell/main.ts')],
    outfile: join(folder, 'cell.cjs'),
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node26',
    external: ['isolated-vm', 'msgpackr-extract'],
    loader: { '.py': 'text' },
    legalComments: 'none',
    logLevel: 'error',
  });
  copyFileSync(addonFile(), join(folder, 'isolated_vm.node'));
}

/** The prebuilt addon for this Node, or the one that was compiled on installing. */
function addonFile(): string {
  const root = dirname(createRequire(import.meta.url).resolve('isolated-vm/package.json'));
  const libc = process.platform === 'linux' ? (isGlibc() ? '.glibc' : '.musl') : '';
  const candidates = [
    join(root, 'prebuilds', `${process.platform}-${process.arch}`, `isolated-vm.abi${process.versions.modules}${libc}.node`),
    join(root, 'build', 'Release', 'isolated_vm.node'),
  ];
  const found = candidates.find((file) => existsSync(file));
  if (found === undefined)
    throw new Error(`isolated-vm has no addon for Node ${process.versions.node} on ${process.platform} ${process.arch}; looked for ${candidates.join(', ')}`);
  return found;
}

const isGlibc = (): boolean => {
  const header = (process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined)?.header;
  return header?.glibcVersionRuntime !== undefined || readFileSync(process.execPath).includes('ld-linux');
};
