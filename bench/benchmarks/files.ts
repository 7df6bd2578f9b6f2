/**
 * Files of the host in guests: bytes per second of a large file read in parts, beside a stream of plain Node in the same run, the
 * memory that host and cell grow by meanwhile, and operations per second.
 */
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../../host/index.ts';
import { type Measured, openHost, type Options, ratesOf, scaled } from '../benchmark.ts';
import { deploy } from '../flows.ts';
import { residentOf } from '../memory.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf, type Peer } from '../report.ts';
import { milliseconds } from '../timing.ts';

export const summary = 'a large file read in parts by a guest: GiB per second; operations on files per second';

const root = join(import.meta.dirname, '../..');
const GiB = 1024 ** 3;
const MiB = 1024 ** 2;
/** The large file, in bytes. */
const usualSize = GiB;
/** Operations of one measurement. */
const usualOperations = 1_000;

const actors = {
  javascript: {
    runtime: 'javascript',
    code: `import { open, stat, writeFile } from 'node:fs/promises';
      export const handle = async (path) => { let length = 0; for await (const bytes of (await open(path)).createReadStream()) length += bytes.length; return length; };
      export const stats = async (count) => { for (let n = 0; n < count; n++) await stat('/data/large'); return count; };
      export const opens = async (count) => { const bytes = new Uint8Array(100); for (let n = 0; n < count; n++) { const file = await open('/data/large'); await file.read(bytes); await file.close(); } return count; };
      export const writes = async (count) => { for (let n = 0; n < count; n++) await writeFile('/data/small', 'x'.repeat(100)); return count; };`,
  },
  python: {
    runtime: 'python',
    code: `import os
def handle(path):
    length = 0
    with open(path, "rb", buffering=0) as file:
        while part := file.read(524288):
            length += len(part)
    return length
def stats(count):
    for _ in range(count):
        os.stat("/data/large")
    return count
def opens(count):
    for _ in range(count):
        with open("/data/large", "rb", buffering=0) as file:
            file.read(100)
    return count
def writes(count):
    for _ in range(count):
        with open("/data/small", "w") as file:
            file.write("x" * 100)
    return count
`,
  },
  // test/fixtures/plugins/assembly/reader.ts
  wasm: { source: join(root, 'dist/test/plugins/reader.wasm'), wasi: true, input: 'json', output: 'json' },
} as const;
type Language = keyof typeof actors;

const kinds = ['stats', 'opens', 'writes'] as const;

/** What plain Node does with the same files. */
const plain = {
  read: async (path: string): Promise<number> => {
    let length = 0;
    for await (const bytes of createReadStream(path)) length += (bytes as Buffer).length;
    return length;
  },
  stats: (folder: string) => stat(join(folder, 'large')),
  opens: async (folder: string) => {
    const file = await open(join(folder, 'large'));
    await file.read(Buffer.alloc(100));
    await file.close();
  },
  writes: (folder: string) => writeFile(join(folder, 'small'), 'x'.repeat(100)),
} as const;

const perSecond = async (count: number, run: () => Promise<unknown>): Promise<number> => count / ((await milliseconds(run)) / 1000);

interface Task extends Options {
  readonly folder: string;
  /** Of the large file, in bytes. */
  readonly size: number;
  readonly operations: number;
  /** What plain Node did with the same. */
  readonly beside: (what: 'read' | (typeof kinds)[number]) => Peer;
}

async function measureLanguage(host: Host, language: Language, { folder, size, operations, beside, repetitions }: Task): Promise<Figure[]> {
  say(`files: ${language}`);
  let cell = 0;
  const off = host.on('cell', ({ pid }) => {
    cell = pid ?? cell;
  });
  const policy = { filesystem: { '/data': { path: folder, access: 'read-write' } }, limits: { wall: '1h', cpu: '1h' } } as const;
  await using flow = await deploy(host, {
    vivarium: 1,
    namespace: language,
    actors: { reader: { ...actors[language], policy } },
    inputs: { read: 'reader', ...Object.fromEntries(kinds.map((kind) => [kind, `reader.${kind}`])) },
    outputs: { out: 'reader' },
  });
  off();
  await flow.ask('stats', 100);
  const before = { host: residentOf(process.pid), cell: residentOf(cell) };
  const most = { host: 0, cell: 0 };
  const watch = setInterval(() => {
    most.host = Math.max(most.host, residentOf(process.pid) - before.host);
    most.cell = Math.max(most.cell, residentOf(cell) - before.cell);
  }, 50);
  const { values, processorMicroseconds } = await ratesOf(repetitions, size / GiB, async () => {
    if ((await flow.ask('read', '/data/large')) !== size) throw new Error('not all of the file was read');
  });
  clearInterval(watch);
  const figures = [
    figureOf(`${language}: reading ${(size / GiB).toFixed(2)} GiB`, 'GiB/s', values, { processorMicroseconds, peers: [beside('read')] }),
    figureOf(`${language}: the host grew meanwhile by`, 'MiB', [most.host / MiB]),
    figureOf(`${language}: the cell grew meanwhile by`, 'MiB', [most.cell / MiB]),
  ];
  for (const kind of kinds) {
    const { values, processorMicroseconds } = await ratesOf(repetitions, operations, () => flow.ask(kind, operations));
    figures.push(figureOf(`${language}: ${kind}`, 'operations/s', values, { processorMicroseconds, peers: [beside(kind)] }));
  }
  return figures;
}

async function plainNode(folder: string, size: number, operations: number): Promise<Task['beside']> {
  say('files: plain Node');
  const large = join(folder, 'large');
  await plain.read(large);
  const rates: Record<string, number> = { read: (await perSecond(size, () => plain.read(large))) / GiB };
  for (const kind of kinds) {
    rates[kind] = await perSecond(operations, async () => {
      for (let n = 0; n < operations; n++) await plain[kind](folder);
    });
  }
  return (what) => ({ name: 'plain Node', lacks: 'no sandbox, no policy: every file of the user', value: rates[what] as number });
}

export async function measure(options: Options): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-bench-'));
  const size = scaled(options, usualSize, MiB);
  const operations = scaled(options, usualOperations);
  try {
    const large = join(folder, 'large');
    for (let at = 0; at < size; at += 64 * MiB) writeFileSync(large, Buffer.alloc(Math.min(64 * MiB, size - at), 'abcdefgh'), { flag: 'a' });
    const beside = await plainNode(folder, size, operations);
    await using host = await openHost({ ceiling: 'unrestricted' });
    const figures: Figure[] = [];
    for (const language of Object.keys(actors) as Language[])
      figures.push(...(await measureLanguage(host, language, { ...options, folder, size, operations, beside })));
    return { sandbox: host.report().sandbox, figures };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
