/** What only Python has for files: its own modules on the folders of the policy. What all languages have is in test/conformance/files.test.ts. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createHost, type Flow, type Host } from '../../host/index.ts';
import { startPython } from '../support/python.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'vivarium-python-files-')));

/** Runs what a message says, and gives what it has left in `result`; an OSError by its class, number, text and path. */
const source = `
import vivarium
def told(error):
    return {"class": type(error).__name__, "errno": error.errno, "text": str(error), "path": error.filename, "path2": error.filename2, "code": getattr(error, "code", None), "hint": getattr(error, "hint", None),
        "is": [kind.__name__ for kind in (OSError, PermissionError, FileNotFoundError, vivarium.VivariumError, vivarium.PolicyDenied, vivarium.LimitExceeded) if isinstance(error, kind)]}
def handle(code):
    scope = {}
    try:
        exec(code, scope)
    except OSError as error:
        return told(error)
    return scope["result"]
def plain(code):
    exec(compile(code, "/actor/plain.py", "exec"), {})
async def waiting(code):
    return handle(code)
`;

let host: Host;
let flow: Flow;

beforeAll(async () => {
  for (const name of ['data/inner', 'out', 'small']) mkdirSync(path.join(folder, name), { recursive: true });
  writeFileSync(path.join(folder, 'data/list.csv'), 'name,amount\nnaïve,1\n😀,2\n');
  writeFileSync(path.join(folder, 'data/inner/note'), 'inner');
  symlinkSync('inner', path.join(folder, 'data/link'));
  host = await createHost({ ceiling: 'unrestricted' });
  const filesystem = {
    '/data': path.join(folder, 'data'),
    '/out': { path: path.join(folder, 'out'), access: 'read-write' as const },
    '/small': { path: path.join(folder, 'small'), access: 'read-write' as const, quota: '1KiB' },
  };
  const clerk = { runtime: 'python' as const, code: source, policy: { filesystem, limits: { handles: 8 } } };
  flow = await host.deploy(
    { vivarium: 1, namespace: 'python', actors: { clerk }, inputs: { in: 'clerk', plain: 'clerk.plain', waiting: 'clerk.waiting' }, outputs: { out: 'clerk' } },
    { base: folder },
  );
});
afterAll(async () => {
  await host.close();
  rmSync(folder, { recursive: true, force: true });
});

const run = (code: string, input = 'in'): Promise<unknown> => flow.ask(input, code);
const onHost = (name: string): string => readFileSync(path.join(folder, name), 'utf8');

describe('files in Python', () => {
  it('are read by lines, by csv and by pathlib, at once and in a coroutine', async () => {
    const code = `
import csv, pathlib
with open("/data/list.csv", newline="", encoding="utf-8") as file: rows = list(csv.DictReader(file))
result = [rows, [line for line in open("/data/list.csv", encoding="utf-8")][2], pathlib.Path("/data/inner/note").read_bytes(), sorted(str(path) for path in pathlib.Path("/data").rglob("n*"))]`;
    const wanted = [
      [
        { name: 'naïve', amount: '1' },
        { name: '😀', amount: '2' },
      ],
      '😀,2\n',
      Buffer.from('inner'),
      ['/data/inner/note'],
    ];
    for (const input of ['in', 'waiting']) {
      const told = (await run(code, input)) as unknown[];
      expect([told[0], told[1], Buffer.from(told[2] as Uint8Array), told[3]]).toEqual(wanted);
    }
  });

  it('are written, appended to, sought in and cut', async () => {
    const code = `
with open("/out/text", "w", encoding="utf-8") as file: file.write("wörld\\n" * 3)
with open("/out/text", "a+", encoding="utf-8") as file:
    file.write("end"); file.seek(0); whole = file.read()
with open("/out/text", "r+b") as file:
    file.seek(-3, 2); file.write(b"END"); at = file.tell(); file.seek(0); first = file.readline(); file.truncate(10); file.flush()
result = [whole, at, first.decode(), open("/out/text", "rb").read()]`;
    const [whole, at, first, rest] = (await run(code)) as [string, number, string, Uint8Array];
    expect([whole, at, first]).toEqual(['wörld\nwörld\nwörld\nend', 24, 'wörld\n']);
    expect(Buffer.from(rest).toString()).toBe('wörld\nwö');
    expect(onHost('out/text')).toBe('wörld\nwö');
  });

  it('go through buffers larger than a message, and come back the same', async () => {
    const code = `
import hashlib, random
bytes_ = random.randbytes(3_000_001)
with open("/out/large", "wb") as file: file.write(bytes_[:1_700_000]); file.write(bytes_[1_700_000:])
with open("/out/large", "rb") as file: whole = file.read()
with open("/out/large", "rb", buffering=0) as file: file.seek(999_999); part = file.read(1_200_000)
result = [whole == bytes_, part == bytes_[999_999:2_199_999]]`;
    expect(await run(code)).toEqual([true, true]);
  });

  it('are walked, copied, moved and removed as trees, links included', async () => {
    const code = `
import os, shutil
shutil.copytree("/data", "/out/tree")
walked = [[folder, sorted(folders), sorted(files)] for folder, folders, files in os.walk("/out/tree")]
os.makedirs("/out/a/b"); os.makedirs("/out/a/b", exist_ok=True)
shutil.move("/out/tree/list.csv", "/out/a/b/moved.csv"); os.replace("/out/a/b/moved.csv", "/out/a/list.csv")
kinds = [[entry.name, entry.is_dir(), entry.is_symlink()] for entry in sorted(os.scandir("/data"), key=lambda entry: entry.name)]
listed = os.listdir("/out/a"); shutil.rmtree("/out/a"); shutil.rmtree("/out/tree")
result = [walked, kinds, sorted(listed), os.path.exists("/out/a")]`;
    expect(await run(code)).toEqual([
      [
        ['/out/tree', ['inner', 'link'], ['list.csv']],
        ['/out/tree/inner', [], ['note']],
        ['/out/tree/link', [], ['note']],
      ],
      [
        ['inner', true, false],
        ['link', true, true],
        ['list.csv', false, false],
      ],
      ['b', 'list.csv'],
      false,
    ]);
    expect(onHost('data/inner/note')).toBe('inner');
  });

  it('carry archives and databases', async () => {
    const code = `
import zipfile, tempfile, pathlib, shutil, io, gzip, json
with zipfile.ZipFile("/out/all.zip", "w", zipfile.ZIP_DEFLATED) as archive: archive.write("/data/list.csv", "list.csv"); archive.writestr("note", "x" * 1000)
with zipfile.ZipFile("/out/all.zip") as archive: names = archive.namelist(); note = archive.read("note")
with gzip.open("/out/x.gz", "wt") as file: file.write("zipped")
with tempfile.TemporaryDirectory() as folder:
    place = pathlib.Path(folder, "note"); place.write_text("private"); shutil.move(place, "/out/from-memory")
with tempfile.NamedTemporaryFile("w+") as file: file.write("t"); file.seek(0); named = [file.name.startswith("/tmp/"), file.read()]
result = [names, len(note), gzip.open("/out/x.gz", "rt").read(), open("/out/from-memory").read(), named]`;
    expect(await run(code)).toEqual([['list.csv', 'note'], 1000, 'zipped', 'private', [true, 't']]);
    expect(onHost('out/from-memory')).toBe('private');
  });

  it('stand under relative paths, and beside the files of the interpreter', async () => {
    const code = `
import os
before = os.getcwd(); os.chdir("/data/inner"); inner = [os.getcwd(), open("note").read(), os.path.exists("../list.csv"), os.listdir("..")]; os.chdir(before)
os.symlink("/data/list.csv", "/tmp/link"); through = open("/tmp/link", encoding="utf-8").readline()
result = [inner, through, sorted(set(os.listdir("/")) - {"home"}), os.path.exists("/lib/python314.zip"), os.stat("/data/list.csv").st_mode & 0o222, os.access("/data/list.csv", os.W_OK), os.access("/out", os.W_OK)]`;
    expect(await run(code)).toEqual([
      ['/data/inner', 'inner', true, ['inner', 'link', 'list.csv']],
      'name,amount\n',
      ['actor', 'data', 'dev', 'lib', 'out', 'proc', 'small', 'tmp'],
      true,
      0,
      false,
      true,
    ]);
  });

  it.each([
    ['open("/data/none")', { class: 'FileNotFoundError', path: '/data/none' }],
    ['open("/data/inner")', { class: 'IsADirectoryError', path: '/data/inner' }],
    ['import os; os.listdir("/data/list.csv")', { class: 'NotADirectoryError', path: '/data/list.csv' }],
    ['open("/out/x", "x").close(); open("/out/x", "x")', { class: 'FileExistsError', path: '/out/x' }],
    ['import os; os.makedirs("/out/full/x"); os.rmdir("/out/full")', { class: 'OSError', path: '/out/full' }],
    ['import os; os.rename("/out/none", "/out/y")', { class: 'FileNotFoundError', path: '/out/none', path2: '/out/y' }],
    ['import os; os.symlink("/data/list.csv", "/out/l")', { class: 'PermissionError', code: null }],
  ])('fail as Python says: %s', async (code, wanted) => {
    expect(await run(code)).toMatchObject(wanted);
  });

  it.each([
    ['open("/data/new", "w")', 'write', '/data/new', 'granted read only'],
    ['open("/etc/passwd")', 'read', '/etc/passwd', 'no rule'],
    ['import pathlib; pathlib.Path("/database/x").read_text()', 'read', '/database/x', 'no rule'],
    ['import os; os.mkdir("/data/new")', 'write', '/data/new', 'granted read only'],
    ['import os; os.remove("/data/list.csv")', 'write', '/data/list.csv', 'granted read only'],
    ['import os; os.listdir("/root")', 'read', '/root', 'no rule'],
    ['import os; os.truncate("/data/list.csv", 0)', 'write', '/data/list.csv', 'granted read only'],
    ['import os; os.utime("/data/list.csv", (1, 1))', 'write', '/data/list.csv', 'granted read only'],
    ['import shutil; shutil.copyfile("/data/list.csv", "/data/copy")', 'write', '/data/copy', 'granted read only'],
  ])('are denied by an error that is also a PermissionError: %s', async (code, operation, where, reason) => {
    const told = await run(code);
    expect(told).toMatchObject({
      class: 'PolicyDenied',
      errno: 2,
      path: where,
      code: 'policy.denied',
      is: ['OSError', 'PermissionError', 'VivariumError', 'PolicyDenied'],
      hint: expect.stringContaining(reason === 'no rule' ? 'Add `filesystem' : 'access: read-write'),
    });
    expect((told as { text: string }).text).toContain(`\`clerk\` may not ${operation} \`${where}\`: `);
    expect((told as { text: string }).text).toContain(reason);
  });

  it('that nothing catches end the turn with the code of the denial, and the line of the author', async () => {
    const { status, errors } = await flow.run({ plain: 'x = 1\nopen("/data/new", "w")' });
    expect({ status, errors }).toMatchObject({
      status: 'failed',
      errors: [{ code: 'policy.denied', file: 'plain.py', line: 2, hint: expect.stringContaining('read-write') }],
    });
  });

  it('forget a denial that was not looked at', async () => {
    const code = `
import os, vivarium
looked = os.access("/etc/passwd", os.R_OK), os.path.exists("/etc/passwd")
own = vivarium.PolicyDenied("mine")
try: open("/tmp/none/x", "w")
except OSError as error: other = type(error).__name__, getattr(error, "code", None)
result = [looked, [str(own), own.code, own.hint], other]`;
    expect(await run(code)).toEqual([
      [false, false],
      ['mine', 'policy.denied', null],
      ['FileNotFoundError', null],
    ]);
    expect((await flow.run({ plain: 'import vivarium; raise vivarium.PolicyDenied("mine")' })).errors).toMatchObject([
      { code: 'actor.failed', message: 'mine' },
    ]);
  });

  it('are no more than their quota, and as many as the limit of handles', async () => {
    const quota = await run('with open("/small/x", "wb", buffering=0) as file:\n    file.write(bytes(1000)); file.write(bytes(1000))');
    expect(quota).toMatchObject({
      class: 'LimitExceeded',
      errno: 19,
      code: 'limit.quota',
      is: ['OSError', 'VivariumError', 'LimitExceeded'],
      text: expect.stringContaining('/small'),
    });
    expect(onHost('small/x')).toBe('\0'.repeat(1000));
    const handles = await run('kept = [open("/data/list.csv") for _ in range(9)]');
    expect(handles).toMatchObject({ class: 'LimitExceeded', errno: 33, path: '/data/list.csv', code: 'limit.handles' });
    expect(await run('result = [open("/data/list.csv").close() for _ in range(20)]')).toHaveLength(20);
  });

  it('in memory are bounded like any memory of the actor', async () => {
    const code = `
import os
size = 0
try:
    with open("/tmp/all", "wb") as file:
        while size < 1 << 30: size += file.write(bytes(1 << 20))
except OSError as error: full = os.strerror(error.errno)
except MemoryError: full = "No memory"
os.remove("/tmp/all"); open("/tmp/next", "w").write("fits")
result = [full, size < 1 << 29, open("/tmp/next").read()]`;
    expect(await run(code)).toEqual([expect.stringMatching(/No space|No memory/), true, 'fits']);
  });

  it('of an instance are closed with it', async () => {
    await run('import sys; sys.kept = [open("/data/list.csv") for _ in range(8)]; result = 1');
    expect(await run('open("/data/list.csv")')).toMatchObject({ code: 'limit.handles' });
    const { errors } = await flow.run({ plain: 'import os; os._exit(1)' });
    expect(errors).toMatchObject([{ code: 'actor.fatal' }]);
    expect(await run('result = open("/data/inner/note").read()')).toBe('inner');
  });

  it.each(['/lib', '/lib/python', '/actor', '/dev/shm', '/proc/self'])('cannot be granted where the interpreter has its own: %s', async (place) => {
    const starting = startPython('def handle(message): return message', { mounts: [{ path: place, writable: false }] });
    await expect(starting).rejects.toMatchObject({
      by: { by: 'failed', error: { code: 'actor.start', message: expect.stringContaining('files of its own') } },
    });
  });

  it('108: tampering with the file system of the interpreter harms the actor alone', async () => {
    const code = `
import pyodide_js, js
FS = pyodide_js._module.FS
node = FS.lookupPath("/data/list.csv").node
reached = js.eval('''(node) => {
  const seen = new Set(); const names = [];
  const walk = (value, depth) => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value) || depth > 6) return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) {
      let next; try { next = value[key]; } catch { continue; }
      names.push(String(key)); walk(next, depth + 1);
    }
    walk(Object.getPrototypeOf(value), depth + 1);
  };
  walk(node.node_ops, 0); walk(node.stream_ops, 0);
  return names.filter((name) => /^(callSynchronously|kernel|settings|shared|outbox|captured|wait|notify|flush|event)$/.test(name)).join();
}''')(node)
outside = []
for path in ("/etc/passwd", "/data/../etc/passwd", "/proc/self/environ", "/data/link/../../out"):
    try: node.path = path; outside.append(node.node_ops.getattr(node).size)
    except BaseException as error: outside.append(type(error).__name__)
js.eval("Uint8Array.prototype.set = Array.prototype.push = String.prototype.split = Promise.prototype.then = () => { throw 1 }; Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), 'length', { get() { globalThis.leaked = this.buffer; return 0 } })")
try: text = open("/data/inner/note").read()
except BaseException as error: text = type(error).__name__
leaked = js.eval("globalThis.leaked instanceof ArrayBuffer || globalThis.leaked === undefined")
result = [reached, outside, text, leaked]`;
    const outcome = await flow.run({ in: code });
    const [told] = outcome.outputs['out'] ?? [];
    if (outcome.status === 'completed') {
      const [reached, outside, , isNothingShared] = told as [string, unknown[], string, boolean];
      expect([reached, isNothingShared]).toEqual(['', true]);
      for (const each of outside) expect(each).toMatch(/Error|Exception|Denied/);
    } else expect(outcome.errors[0]?.code).toMatch(/^actor\.(fatal|failed)$/);
    expect(await run('result = open("/data/inner/note").read()').catch(() => 'broken')).toMatch(/inner|broken/);
  });
});
