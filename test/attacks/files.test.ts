/** Section H of the corpus in JavaScript: out of a granted folder, past its quota, around the bounds of the broker. */
import { answers, type Attack, attacks, either, fails, handler } from './harness.ts';
import { traps } from './traps.ts';

const module = (body: string): string => `import * as files from 'node:fs/promises';\nconst told = (error) => error.code ?? String(error);\n${handler(body)}`;

/** Everything that could be done with a path. */
const everything = `
  const everything = (path) => [
    () => files.readFile(path), () => files.open(path), () => files.open(path, 'r+'), () => files.writeFile(path, 'x'), () => files.appendFile(path, 'x'),
    () => files.truncate(path), () => files.utimes(path, 1, 1), () => files.readdir(path), () => files.copyFile(path, '/data/stolen'), () => files.copyFile('/data/plain', path),
    () => files.mkdir(path + '/x', { recursive: true }), () => files.stat(path), () => files.rm(path + '/canary.txt'), () => files.rename('/data/plain', path + '/plain'),
    () => files.readFile(path + '/canary.txt'), () => files.writeFile(path + '/canary.txt', 'x'), () => files.readFile(path + '/etc/passwd'), () => files.readFile(path + '/environ')];
  const codesOf = async (paths) => {
    const codes = new Set();
    for (const path of paths) for (const run of everything(path)) { try { const done = await run(); codes.add('done: ' + run + ' ' + path); await done?.close?.(); } catch (error) { codes.add(told(error)); } }
    return [...codes].sort();
  };`;

/** These ask the host many times, and are judged by what they are told. */
const patient = { wall: '30s', cpu: '10s' } as const;

const table: readonly Attack[] = [
  {
    number: 142,
    title: 'no spelling of a path leads out',
    files: true,
    limits: patient,
    source: module(`${everything}
      // The canary itself lies in a folder whose name is that of the guest's own memory.
      const place = '/etc/passwd';
      const starts = ['/data/..', '/data/deep/../..', '/data/./..//..', '/data/deep/../../data/..', '/..', '', '/data/plain/../..', '//data/../'];
      return codesOf(starts.map((start) => start + place));`),
    allowed: answers(['policy.denied']),
  },
  {
    number: 143,
    title: 'names that cannot be shown are refused before anything is looked at',
    files: true,
    source: module(`
      const codes = [];
      for (const name of ['a\\0b', 'a\\nb', 'a\\x1b]0;x\\x07', 'a\\ud800', '\\u202egnp', 'x'.repeat(300), 'x/'.repeat(3000)])
        codes.push(await files.writeFile('/data/' + name, '').then(() => 'done', told));
      return codes;`),
    allowed: answers(['ERR_INVALID_ARG_VALUE', 'EINVAL', 'EINVAL', 'message.unsupported', 'EINVAL', 'ENAMETOOLONG', 'ENAMETOOLONG']),
  },
  {
    number: 146,
    title: 'no link, hard link, pipe or device leads out',
    files: true,
    limits: patient,
    source: module(`${everything}
      return codesOf(${JSON.stringify(traps)}.map((name) => '/data/' + name));`),
    allowed: answers(['EACCES', 'ELOOP', 'ENOTDIR']),
  },
  {
    number: 150,
    title: 'nothing of the system and of the cell is there',
    files: true,
    limits: patient,
    source: module(`${everything}
      return codesOf(['/proc/self', '/proc/self/root', '/dev', '/dev/fd/3', '/sys', '/app', '/usr', '/']);`),
    allowed: answers(['done: () => readdir(path) /', 'done: () => stat(path) /', 'policy.denied']),
  },
  {
    number: 153,
    title: 'a file that grows while it is read, and one that is mostly holes, are read within bounds',
    files: true,
    limits: patient,
    source: module(`
      const reader = await files.open('/data/plain', 'r+');
      let length = 0;
      for await (const bytes of reader.createReadStream({ autoClose: false })) { length += bytes.length; if (length < 50_000) await files.appendFile('/data/plain', new Uint8Array(10_000)); }
      return [length, (await files.readFile('/data/sparse')).length, await files.truncate('/data/sparse', 2 ** 40).catch(told)];`),
    allowed: answers([50_005, 512 * 1024, 'limit.quota']),
  },
  {
    number: 154,
    title: 'no way of writing gets past the quota',
    files: true,
    limits: patient,
    source: module(`
      const megabyte = new Uint8Array(400_000);
      const codes = new Set();
      const attempt = (run) => run().then(() => codes.add('done'), (error) => codes.add(told(error)));
      await Promise.all(Array.from({ length: 10 }, (_, n) => attempt(() => files.writeFile('/data/many-' + n, megabyte))));
      await Promise.all(Array.from({ length: 10 }, () => attempt(() => files.appendFile('/data/one', megabyte))));
      for (let n = 0; n < 10; n++) {
        await attempt(async () => { const file = await files.open('/data/orphan-' + n, 'w'); await files.rm('/data/orphan-' + n); await file.write(megabyte); });
        await attempt(() => files.copyFile('/data/many-0', '/data/copy-' + n));
        await attempt(() => files.truncate('/data/plain', 2 ** 40));
        await attempt(async () => { await using file = await files.open('/data/hole-' + n, 'w'); await file.write('x', 2 ** 40); });
      }
      let size = 0;
      for (const name of await files.readdir('/data')) size += await files.lstat('/data/' + name).then((stats) => stats.isFile() ? stats.size : 0, () => 0);
      return [[...codes].sort(), size <= 2 ** 20];`),
    allowed: answers([['done', 'limit.quota'], true]),
  },
  {
    number: 45,
    title: 'a flood of calls that nobody waits for costs those who make it',
    files: true,
    source: module(`
      for (let n = 0; n < 2000; n++) files.readFile('/data/plain').catch(() => {});
      for (let n = 0; n < 2000; n++) files.readFile('/etc/passwd');
      return (await Promise.allSettled(Array.from({ length: 100 }, () => files.stat('/data/plain')))).some(({ status }) => status === 'rejected');`),
    allowed: either(answers(true), fails('limit.calls', 'limit.cpu')),
  },
  {
    number: 46,
    title: 'files that are never closed are few',
    files: true,
    source: module(`
      let open = 0;
      for (;;) { try { await files.open('/data/plain'); open++; } catch (error) { return [open, told(error)]; } }`),
    allowed: answers([64, 'limit.handles']),
  },
  {
    number: 80,
    title: 'what is read and kept counts as memory',
    files: true,
    limits: { wall: '30s', cpu: '20s', memory: '32MiB' },
    source: module(`
      const kept = [];
      for (;;) kept.push(await files.readFile('/data/sparse'));`),
    allowed: fails('limit.memory', 'actor.fatal'),
  },
  {
    number: 80,
    title: 'the private files count as memory',
    limits: { wall: '30s', cpu: '20s', memory: '32MiB' },
    source: module(`
      const megabyte = new Uint8Array(1_000_000);
      for (let n = 0; ; n++) await files.writeFile('/tmp/' + n, megabyte);`),
    allowed: fails('limit.memory'),
  },
  {
    number: 12,
    title: 'replaced built-ins see nothing of the host, and change nothing but the calls of whoever replaced them',
    files: true,
    source: module(`
      let seen = '';
      const { apply, defineProperty, deleteProperty } = Reflect;
      const ours = /"(is|capability|turn)"|vivarium:|node_modules|host\\//;
      const test = ours.test.bind(ours);
      const spy = (target, name) => {
        const before = target[name];
        target[name] = function (...values) { for (let n = 0; n < values.length; n++) if (typeof values[n] === 'string' && test(values[n])) seen += name + ' '; return apply(before, this, values); };
      };
      for (const name of ['then', 'catch', 'finally']) spy(Promise.prototype, name);
      for (const name of ['push', 'map', 'slice', 'join']) spy(Array.prototype, name);
      for (const name of ['set', 'slice', 'subarray']) spy(Object.getPrototypeOf(Uint8Array.prototype), name);
      for (const name of ['slice', 'split', 'indexOf']) spy(String.prototype, name);
      JSON.stringify = JSON.parse = Object.defineProperty = Object.create = () => { throw new Error('replaced'); };
      const keys = ['handle', 'operation', 'capability', 'is', 'bulk', 'turn', 'synchronous'];
      for (let n = 0; n < keys.length; n++) defineProperty(Object.prototype, keys[n], { set() { seen += keys[n] + ' '; }, get() { return undefined; }, configurable: true });
      const text = await files.readFile('/data/plain', 'latin1');
      const denied = await files.readFile('/etc/passwd').catch((error) => error.code);
      for (let n = 0; n < keys.length; n++) deleteProperty(Object.prototype, keys[n]);
      return [text, denied, seen];`),
    allowed: answers(['plain', 'policy.denied', '']),
  },
  {
    number: 'own',
    title: 'a file belongs to whoever opened it, and its class makes no others',
    files: true,
    source: module(`
      const file = await files.open('/data/plain');
      const { constructor } = Object.getPrototypeOf(file);
      const borrowed = await Reflect.apply(Object.getPrototypeOf(file).read, { fd: 1 }, [new Uint8Array(1)]).catch((error) => error.name);
      await file.close();
      return [constructor === Object, borrowed, file.fd, await file.read(new Uint8Array(1)).catch(told)];`),
    allowed: answers([true, 'TypeError', -1, 'EBADF']),
  },
];

attacks('H, files', table);
