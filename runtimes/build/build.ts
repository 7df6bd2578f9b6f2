/**
 * `npm run build`: everything that is not in the repository.
 *
 * dist/            the host and the SDK, compiled by tsc
 * dist/cell/       what a cell may see, and nothing else: its program, the addon, the bootstrap and its snapshot,
 *                  Python with its memory snapshot, the script of WASM. `manifest.json` holds their hashes, which the host checks.
 * examples/, dist/test/   plugins compiled from AssemblyScript
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { buildCell } from './cell.ts';
import { buildGuest } from './guest.ts';
import { buildPlugins } from './plugins.ts';
import { buildPython } from './python.ts';
import { buildText } from './text.ts';
import { buildWasm } from './wasm.ts';
import { runStep, type Step } from './step.ts';

const root = join(import.meta.dirname, '../..');
const cell = join(root, 'dist/cell');
const keys = join(root, 'dist/.keys');

const lock = 'package-lock.json';
const guestSources = ['sdk', 'runtimes/guest', 'runtimes/javascript', 'runtimes/python', 'runtimes/wasm', 'runtimes/limits.ts', 'runtimes/lanes.ts', lock];
/** V8 takes compiled code only into isolates that were made of the same snapshot. */
const snapshot = 'dist/cell/guest.snapshot';
const rehearsal = ['runtimes/cell/trial.ts', 'runtimes/cell/settings.ts', 'runtimes/cell/records.ts', 'runtimes/build/rehearsal.ts'];

const steps: readonly Step[] = [
  {
    name: 'guest',
    inputs: [...guestSources, ...rehearsal, 'runtimes/build/guest.ts'],
    outputs: ['dist/cell/guest.js', 'dist/cell/guest.snapshot'],
    run: () => buildGuest(cell),
  },
  { name: 'cell', inputs: ['sdk', 'runtimes', lock], outputs: ['dist/cell/cell.cjs', 'dist/cell/isolated_vm.node'], run: () => buildCell(cell) },
  {
    name: 'text',
    inputs: ['runtimes/guest/assembly', 'runtimes/build/text.ts', lock],
    outputs: ['dist/cell/text.wasm'],
    run: () => buildText(cell),
  },
  {
    name: 'python',
    inputs: [...guestSources, snapshot, 'dist/cell/text.wasm', 'runtimes/arrayBuffer.ts', 'runtimes/build/python.ts', 'runtimes/build/compiledCode.ts'],
    outputs: ['dist/cell/python/memory.snapshot'],
    run: () => buildPython(cell),
  },
  {
    name: 'wasm',
    inputs: [
      ...guestSources,
      snapshot,
      'dist/cell/text.wasm',
      ...rehearsal,
      'runtimes/arrayBuffer.ts',
      'runtimes/build/wasm.ts',
      'runtimes/build/compiledCode.ts',
    ],
    outputs: ['dist/cell/wasm/script.js', 'dist/cell/wasm/script.cache', 'dist/cell/wasm/blocks.wasm'],
    run: () => buildWasm(cell),
  },
  {
    name: 'plugins',
    inputs: ['examples/dependency-report/digest', 'test/fixtures/plugins', 'runtimes/build/plugins.ts', lock],
    outputs: ['examples/dependency-report/digest.wasm', 'dist/test/plugins/echo.wasm'],
    run: () => buildPlugins(join(root, 'dist')),
  },
];

const host: Step = {
  name: 'host',
  inputs: ['sdk', 'runtimes', 'host', 'tsconfig.json', 'tsconfig.build.json', lock],
  outputs: ['dist/host/index.js'],
  run: () => compile(),
};

function compile(): void {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error('tsc found errors');
}

/** The hashes that the host holds the files of a cell against before it starts one. */
function writeHashes(): void {
  const files = readdirSync(cell, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'manifest.json')
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hashes = Object.fromEntries(
    files.map((file) => [relative(cell, file).replaceAll('\\', '/'), createHash('sha256').update(readFileSync(file)).digest('hex')]),
  );
  const isolatedVm = (JSON.parse(readFileSync(join(root, 'node_modules/isolated-vm/package.json'), 'utf8')) as { version: string }).version;
  writeFileSync(join(cell, 'manifest.json'), `${JSON.stringify({ isolatedVm, files: hashes }, null, 2)}\n`);
}

mkdirSync(cell, { recursive: true });
mkdirSync(keys, { recursive: true });
for (const step of steps) await runStep(root, keys, step);
writeHashes();
await runStep(root, keys, host);
