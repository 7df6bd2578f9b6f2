import {
  access,
  appendFile,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import type { Handler } from 'vivarium/actor';

interface Step {
  readonly do: string;
  readonly path: string;
  readonly to?: string;
  readonly text?: string;
  readonly size?: number;
  readonly time?: number;
}

/** What the three languages can do, each with what it has for it. */
const steps: Readonly<Record<string, (step: Step) => Promise<unknown>>> = {
  read: ({ path }) => readFile(path, 'utf8'),
  bytes: async ({ path }) => (await readFile(path)) as Uint8Array,
  write: ({ path, text = '' }) => writeFile(path, text),
  append: ({ path, text = '' }) => appendFile(path, text),
  create: ({ path, text = '', size = 1 }) => writeFile(path, text.repeat(size), { flag: 'wx' }),
  list: async ({ path }) => (await readdir(path)).toSorted(),
  size: async ({ path }) => (await stat(path)).size,
  kind: async ({ path }) => ((await stat(path)).isDirectory() ? 'folder' : 'file'),
  link: async ({ path }) => (await lstat(path)).isSymbolicLink(),
  modified: async ({ path }) => Math.round((await stat(path)).mtimeMs),
  times: ({ path, time = 0 }) => utimes(path, time, time),
  folder: ({ path }) => mkdir(path),
  folders: async ({ path }) => {
    await mkdir(path, { recursive: true });
  },
  unlink: ({ path }) => unlink(path),
  rmdir: ({ path }) => rmdir(path),
  remove: ({ path }) => rm(path, { recursive: true }),
  rename: ({ path, to = '' }) => rename(path, to),
  copy: ({ path, to = '' }) => copyFile(path, to),
  truncate: ({ path, size = 0 }) => truncate(path, size),
  writable: ({ path }) =>
    access(path, 2).then(
      () => true,
      () => false,
    ),
  temporary: async () => {
    const folder = await mkdtemp('/tmp/own-');
    await writeFile(`${folder}/note`, 'mine');
    return readFile(`${folder}/note`, 'utf8');
  },
  parts: async ({ path }) => {
    const file = await open(path, 'r+');
    await using _ = file;
    const bytes = new Uint8Array(4);
    const { bytesRead } = await file.read(bytes, 0, 4, 2);
    await file.write('XY', 0);
    return [bytesRead, String.fromCharCode(...bytes.subarray(0, bytesRead)), (await file.stat()).size];
  },
  stream: async ({ path }) => {
    let length = 0;
    let sum = 0;
    for await (const piece of (await open(path)).createReadStream()) {
      length += piece.length;
      sum += (piece as Uint8Array)[0] as number;
    }
    return [length, sum > 0];
  },
  hold: async ({ path, size = 1 }) => {
    for (let i = 0; i < size; i++) held.push(await open(path));
    return held.length;
  },
};
const held: unknown[] = [];

export const handle: Handler<readonly Step[]> = async (wanted) => {
  const told: unknown[] = [];
  for (const step of wanted) {
    try {
      told.push((await steps[step.do]?.(step)) ?? null);
    } catch (error) {
      const { code, message } = error as Error & { code: string };
      told.push({ error: code, message });
    }
  }
  return told;
};
