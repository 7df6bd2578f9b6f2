/** A program that runs as an actor and, the same, in plain Node: what it tells must not differ. */
import { constants, promises } from 'node:fs';
import files, {
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

type Told = Record<string, unknown>;

const text = (bytes: unknown): string => new TextDecoder().decode(bytes as Uint8Array);

async function failure(run: () => Promise<unknown>): Promise<Told> {
  try {
    return { done: await run() };
  } catch (error) {
    const { name, message, code, errno, syscall, path, dest } = error as Record<string, unknown>;
    return { name, message, code, errno, syscall, path, dest };
  }
}

export async function tell(root: string): Promise<Told> {
  const told: Told = {};
  const at = (path: string): string => `${root}/${path}`;

  told['written'] = await writeFile(at('a'), 'hello');
  await appendFile(at('a'), ' world');
  await appendFile(at('a'), new Uint8Array([33]), { flag: 'a' });
  told['text'] = await readFile(at('a'), 'utf8');
  told['options'] = await readFile(at('a'), { encoding: 'utf-8', flag: 'r' });
  told['bytes'] = [...(await readFile(at('a')))];
  await writeFile(at('latin'), 'é', 'latin1');
  told['latin'] = [await readFile(at('latin'), 'latin1'), await readFile(at('latin'), 'utf8')];
  await writeFile(at('bom'), '\ufeffx\ud800');
  told['bom'] = [...(await readFile(at('bom')))];
  told['bomText'] = (await readFile(at('bom'), 'utf8')).charCodeAt(0);
  await writeFile(at('views'), new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2));
  told['views'] = [...(await readFile(at('views')))];
  await writeFile(at('words'), new Uint16Array([0x4241]));
  told['words'] = text(await readFile(at('words')));
  await writeFile(
    at('pieces'),
    (function* () {
      yield 'one ';
      yield 'two';
    })(),
  );
  told['pieces'] = text(await readFile(at('pieces')));

  told['mkdir'] = await mkdir(at('deep/er/est'), { recursive: true });
  told['again'] = (await mkdir(at('deep/er'), { recursive: true })) ?? 'undefined';
  await mkdir(at('deep/one'));
  await writeFile(at('deep/er/file'), '1');
  told['names'] = (await readdir(at('deep'))).sort();
  told['all'] = (await readdir(at('deep'), { recursive: true })).sort();
  told['entries'] = (await readdir(at('deep/er'), { withFileTypes: true }))
    .map((entry) => [entry.name, entry.isFile(), entry.isDirectory(), entry.isSymbolicLink(), entry.parentPath.slice(root.length)])
    .sort();
  await copyFile(at('a'), at('copy'));
  await rename(at('copy'), at('deep/moved'));
  told['moved'] = await readFile(at('deep/moved'), 'utf8');
  await truncate(at('deep/moved'), 3);
  await truncate(at('latin'));
  const { size, mode } = await stat(at('deep/moved'));
  const folder = await lstat(at('deep'));
  told['stats'] = [size, mode & 0o170000, folder.isDirectory(), folder.isFile(), folder.mode & 0o170000, (await stat(at('latin'))).size];
  await utimes(at('a'), 1_000_000_000.5, new Date(2_000_000_000_250));
  const times = await stat(at('a'));
  told['times'] = [times.atimeMs, times.mtimeMs, times.mtime.toISOString(), times.birthtime instanceof Date];
  told['access'] = [await access(at('a')), await access(at('a'), constants.R_OK | constants.W_OK)];
  told['constants'] = [constants.COPYFILE_EXCL, constants.O_CREAT, promises === files, promises.constants.W_OK];
  const temporary = await mkdtemp(at('temporary-'));
  told['temporary'] = [temporary.length - root.length, (await stat(temporary)).isDirectory()];

  const handle = await open(at('handle'), 'w+');
  const steps: unknown[] = [];
  steps.push((await handle.write('0123456789')).bytesWritten);
  steps.push((await handle.write(new TextEncoder().encode('abc'), 1, 2, 4)).bytesWritten);
  steps.push((await handle.write('Z', 0, 'utf8')).bytesWritten);
  const { bytesRead, buffer } = await handle.read(new Uint8Array(8), 2, 4, 3);
  steps.push(bytesRead, text(buffer));
  steps.push((await handle.read({ buffer: new Uint8Array(100), position: 8 })).bytesRead);
  steps.push((await handle.read(new Uint8Array(4), { position: 0 })).bytesRead);
  steps.push((await handle.read(new Uint8Array(4))).bytesRead);
  steps.push(await handle.readFile('utf8'));
  await handle.truncate(4);
  steps.push((await handle.stat()).size, await handle.sync(), await handle.datasync());
  await handle.appendFile('++');
  await handle.close();
  steps.push(await readFile(at('handle'), 'latin1'));
  told['handle'] = steps;
  told['closed'] = await failure(() => handle.read(new Uint8Array(1))).then(({ code, syscall }) => [code, syscall]);
  await writeFile(at('lines'), 'one\r\ntwo\n\nnaïve 😀');
  const lines: string[] = [];
  for await (const line of (await open(at('lines'))).readLines()) lines.push(line);
  told['lines'] = lines;
  const pieces: number[] = [];
  for await (const piece of (await open(at('lines'))).createReadStream({ start: 2, end: 12, highWaterMark: 4 })) pieces.push(piece.length);
  told['pieces of a stream'] = pieces;
  let streamed = '';
  for await (const piece of (await open(at('lines'))).createReadStream({ encoding: 'utf8', highWaterMark: 1 })) streamed += piece;
  told['streamed'] = streamed;
  {
    await using held = await open(at('a'));
    told['disposed'] = (await held.stat()).isFile();
  }

  for (const [name, run] of Object.entries({
    none: () => readFile(at('none')),
    open: () => open(at('none')),
    flags: () => open(at('a'), 'wx'),
    folder: () => readdir(at('none')),
    noFolder: () => readdir(at('a')),
    stat: () => stat(at('none')),
    lstat: () => lstat(at('a/b')),
    access: () => access(at('none')),
    mkdir: () => mkdir(at('deep')),
    parents: () => mkdir(at('none/x')),
    rmdir: () => rmdir(at('deep')),
    unlink: () => unlink(at('none')),
    rename: () => rename(at('none'), at('x')),
    copy: () => copyFile(at('none'), at('x')),
    exclusive: () => copyFile(at('a'), at('handle'), constants.COPYFILE_EXCL),
    truncate: () => truncate(at('none')),
    utimes: () => utimes(at('none'), 1, 1),
    write: () => writeFile(at('none/x'), ''),
    isFolder: () => writeFile(at('deep'), ''),
    append: () => appendFile(at('deep/none/x'), ''),
    temporary: () => mkdtemp(at('none/x')).catch((error: { code: string; syscall: string }) => [error.code, error.syscall]),
    empty: () => readFile(''),
  }))
    told[`failing ${name}`] = await failure(run);
  for (const [name, run] of Object.entries({
    nul: () => readFile(`${root}/a\0b`),
    path: () => readFile({} as never),
    data: () => writeFile(at('x'), {} as never),
    number: () => writeFile(at('x'), 5 as never),
    length: () => open(at('a')).then((file) => file.read(new Uint8Array(2), 0, 3, 0).finally(() => file.close())),
    flag: () => open(at('a'), 'q'),
  }))
    told[`refusing ${name}`] = await failure(run).then(({ name: error, code }) => [error, code]);
  await rm(at('deep'), { recursive: true });
  await rm(at('none'), { force: true });
  await unlink(at('bom'));
  told['left'] = (await readdir(root)).filter((name) => !name.startsWith('temporary-')).sort();
  return JSON.parse(JSON.stringify(told));
}

export const handle = tell;
