import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { demandLevel, detectSandbox } from '../../host/cells/sandbox.ts';
import { writeHost } from '../support/hostScript.ts';
import { availableLevels } from '../support/levels.ts';
import { startStandIn } from '../support/standIn.ts';

const levels = await availableLevels();
const jails = levels.filter((level) => level === 'jail');

const limitOf = (pid: number, name: string): string[] | undefined =>
  new RegExp(`^${name}\\s+(\\S+)\\s+(\\S+)`, 'm').exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.slice(1);

const namespaceOf = (pid: number | 'self', name: string): string => readlinkSync(`/proc/${pid}/ns/${name}`);

describe.each(levels)('a cell at level %s', (level) => {
  test('has an empty environment', async () => {
    process.env.VIVARIUM_TEST_CANARY = 'canary';
    onTestFinished(() => void delete process.env.VIVARIUM_TEST_CANARY);
    const { cell } = await startStandIn(level, 'ready();');
    expect((await cell.ready).environment).toEqual([]);
    expect(readFileSync(`/proc/${cell.pid}/environ`, 'utf8')).toBe('');
    // The control: a child that is given nothing else inherits it.
    const { stdout } = await promisify(execFile)(process.execPath, ['-p', 'process.env.VIVARIUM_TEST_CANARY']);
    expect(stdout.trim()).toBe('canary');
  });

  test('has no file of the machine, no program, no network, no way to more', async () => {
    const { said } = await startStandIn(
      level,
      `ready();
      const { spawnSync } = require('node:child_process');
      const builtin = (name) => attempt(() => void require(name));
      say({
        passwd: attempt(() => fs.readFileSync('/etc/passwd', 'latin1')),
        parent: attempt(() => fs.readdirSync('/').join()),
        environ: attempt(() => fs.readFileSync('/proc/self/environ', 'latin1')),
        write: attempt(() => fs.writeFileSync(__dirname + '/written', '')),
        temporary: attempt(() => fs.writeFileSync('/tmp/written', '')),
        shell: attempt(() => spawnSync('/bin/sh', ['-c', 'echo']).status),
        worker: attempt(() => void new (require('node:worker_threads').Worker)('1', { eval: true })),
        sqlite: builtin('node:sqlite'),
        ffi: builtin('node:ffi'),
        prototype: attempt(() => ({}).__proto__),
        own: attempt(() => fs.readFileSync(__filename, 'utf8').length > 0),
      });
      require('node:net').connect(1, '127.0.0.1').on('error', (error) => say(error.code));`,
    );
    const denied = 'ERR_ACCESS_DENIED';
    expect(await said()).toEqual({
      passwd: denied,
      parent: denied,
      environ: denied,
      write: denied,
      temporary: denied,
      shell: denied,
      worker: denied,
      sqlite: 'ERR_UNKNOWN_BUILTIN_MODULE',
      ffi: 'ERR_UNKNOWN_BUILTIN_MODULE',
      prototype: 'ERR_PROTO_ACCESS',
      own: true,
    });
    expect(await said()).toBe(denied);
  });

  test('has no descriptor of the host beside the channel', async () => {
    const { cell } = await startStandIn(level, 'ready();');
    await cell.ready;
    const mine = new Set(readdirSync('/proc/self/fd').flatMap((descriptor) => linkOf('self', descriptor)));
    const held = readdirSync(`/proc/${cell.pid}/fd`).map((descriptor) => [Number(descriptor), linkOf(cell.pid as number, descriptor)[0] ?? ''] as const);
    expect(held.filter(([descriptor]) => descriptor < 2).map(([, link]) => link)).toEqual(['/dev/null', '/dev/null']);
    for (const [descriptor, link] of held.filter(([number]) => number > 3)) {
      expect(link, `descriptor ${descriptor}`).toMatch(/^(\/dev\/null$|anon_inode:|pipe:|socket:)/);
      if (/^(pipe|socket):/.test(link)) expect(mine.has(link), `descriptor ${descriptor}, ${link}`).toBe(false);
    }
  });

  test('inherits none of the descriptors that were handed to the host', async () => {
    const secret = openSync(import.meta.filename, 'r');
    onTestFinished(() => closeSync(secret));
    const host = writeHost(
      level,
      'ready(); dieWithHost();',
      `const cell = await startCell();
      const links = fs.readdirSync('/proc/' + cell.pid + '/fd').map((name) => [name, fs.readlinkSync('/proc/' + cell.pid + '/fd/' + name)]);
      const child = childProcess.spawnSync('/bin/ls', ['-l', '/proc/self/fd']).stdout.toString();
      console.log(JSON.stringify({ links, child }));
      cell.kill();`,
    );
    // Node closes to its children what it was handed, up to the first gap: a high number is what it overlooks.
    const handed = 40;
    const stdio = Array<'ignore' | 'pipe' | number>(handed + 1).fill('ignore');
    stdio[1] = 'pipe';
    stdio[handed] = secret;
    const child = spawn(process.execPath, [host], { stdio });
    const { links, child: control } = JSON.parse(await text(child.stdout as Readable)) as { links: [string, string][]; child: string };
    expect(Object.fromEntries(links)[handed]).toBe('/dev/null');
    expect(links.filter(([, link]) => link === import.meta.filename)).toEqual([]);
    // The control: any other child of that host gets it.
    expect(control).toContain(import.meta.filename);
  });

  test('has limits on files, dumps and memory', async () => {
    const { cell } = await startStandIn(level, 'ready();');
    await cell.ready;
    const pid = cell.pid as number;
    expect(limitOf(pid, 'Max file size')).toEqual(['0', '0']);
    expect(limitOf(pid, 'Max core file size')).toEqual(['0', '0']);
    expect(limitOf(pid, 'Max open files')).toEqual(['64', '64']);
    const [soft] = limitOf(pid, 'Max data size') as [string];
    expect(Number(soft)).toBeLessThan(2 * 1024 ** 3);
    expect(limitOf(process.pid, 'Max file size')).not.toEqual(['0', '0']);
  });

  test('has no privilege, and can get none', async () => {
    const { cell } = await startStandIn(level, 'ready();');
    await cell.ready;
    const status = readFileSync(`/proc/${cell.pid}/status`, 'utf8');
    expect(status).toMatch(/^NoNewPrivs:\s*1$/m);
    expect(status).toMatch(/^CapEff:\s*0+$/m);
    // Outside the jail only root has a bounding set that it can lower, and only root has anything to hand down.
    if (level === 'jail' || process.getuid?.() === 0) expect(status).toMatch(/^CapBnd:\s*0+$/m);
  });
});

describe.each(jails)('the %s', (jail) => {
  test('has namespaces, a user and a process number of its own', async () => {
    const { cell, said } = await startStandIn(jail, 'ready(); say([process.pid, process.getuid(), process.getgid(), require("node:os").hostname()]);');
    expect(await said()).toEqual([2, 65534, 65534, 'cell']);
    const pid = cell.pid as number;
    for (const name of ['user', 'pid', 'net', 'ipc', 'mnt', 'uts']) expect(namespaceOf(pid, name), name).not.toBe(namespaceOf('self', name));
  });

  test('has a network that leads nowhere, even for what gets past the permission model', async () => {
    let connections = 0;
    const server = createServer(() => {
      connections += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const connect = `ready(); const s = require('node:net').connect(${port}, '127.0.0.1'); s.on('connect', () => say('connected')); s.on('error', (e) => say(e.code));`;
    const { said } = await startStandIn(jail, connect, { flags: ['--allow-net'] });
    expect(await said()).toBe('ECONNREFUSED');
    expect(connections).toBe(0);
    // The control: outside the jail the same program gets through.
    expect(await (await startStandIn('process', connect, { flags: ['--allow-net'] })).said()).toBe('connected');
  });

  test('holds Node and the cell’s files only, even for what gets past the permission model', async () => {
    const look = `ready();
      const all = (folder) => fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const path = folder + (folder === '/' ? '' : '/') + entry.name;
        return path === '/proc' ? [] : entry.isDirectory() ? all(path) : [path];
      });
      say({ files: all('/').filter((path) => !/\\.so/.test(path)).sort(), passwd: attempt(() => fs.readFileSync('/etc/passwd', 'latin1').length > 0) });
      for (const folder of ['/', '/app', '/dev', '/tmp', '/lib']) say(attempt(() => fs.writeFileSync(folder + '/written', '')));`;
    const flags = ['--allow-fs-read=*', '--allow-fs-write=*'];
    const { said } = await startStandIn(jail, look, { flags });
    expect(await said()).toEqual({ files: ['/app/cell.cjs', '/dev/null', '/dev/urandom', '/env', '/node'], passwd: 'ENOENT' });
    for (let folder = 0; folder < 5; folder += 1) expect(await said()).toMatch(/^(EROFS|ENOENT)$/);
    // The control: outside the jail the same program reads it.
    const read = await startStandIn('process', `ready(); say(fs.readFileSync('/etc/passwd', 'latin1').length > 0);`, { flags });
    expect(await read.said()).toBe(true);
  });

  test('shows no process but its own, even for what gets past the permission model', async () => {
    const look = `ready(); say(fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).map(Number)); say(attempt(() => process.kill(${process.pid}, 0)));`;
    const { said } = await startStandIn(jail, look, { flags: ['--allow-fs-read=*'] });
    expect(await said()).toEqual([1, 2]);
    expect(await said()).toBe('ESRCH');
  });

  test('forbids further user namespaces, even to native code', async () => {
    const { closesUserNamespaces } = (await detectSandbox()).jail;
    // clone(CLONE_NEWUSER | SIGCHLD), answered by the number of the child or by -1.
    const clone = `ready();
      const kind = { arguments: Array(6).fill('int64'), return: 'int64' };
      const { functions } = require('node:ffi').dlopen('libc.so.6', { syscall: kind, _exit: { arguments: ['int32'], return: 'void' } });
      const child = functions.syscall(process.arch === 'arm64' ? 220n : 56n, 0x10000000n | 17n, 0n, 0n, 0n, 0n);
      if (child === 0n) functions._exit(0);
      say(child > 0n ? 'made' : 'refused');`;
    const flags = ['--experimental-ffi', '--allow-ffi'];
    expect(await (await startStandIn(jail, clone, { flags })).said()).toBe(closesUserNamespaces ? 'refused' : 'made');
    // The control: outside the jail the same program makes one.
    expect(await (await startStandIn('process', clone, { flags })).said()).toBe('made');
  });
});

describe('the level', () => {
  test('that was demanded and is there is the strongest', async () => {
    const sandbox = await detectSandbox();
    expect(demandLevel(sandbox, 'process')).toBe(sandbox.level);
    expect(sandbox.level).toBe(levels.at(-1));
  });

  test('that was demanded and is missing is an error that says what is missing', () => {
    const jail = { available: false, closesUserNamespaces: false, reason: 'bubblewrap is not installed.', hint: 'Install it: apt-get install bubblewrap.' };
    expect(demandLevel({ level: 'process', jail }, 'process')).toBe('process');
    expect(() => demandLevel({ level: 'process', jail }, 'jail')).toThrow(
      expect.objectContaining({
        code: 'sandbox.unavailable',
        message: 'The sandbox level `jail` was demanded, and this machine reaches `process`: bubblewrap is not installed.',
        record: expect.objectContaining({ hint: expect.stringContaining('apt-get install bubblewrap') }),
      }),
    );
  });
});

describe.each(jails)('a demand for the %s', () => {
  // Bubblewrap itself makes the machines that lack something.
  const elsewhere = async (...arguments_: string[]): Promise<{ code: string; message: string; hint: string }> => {
    const host = writeHost('jail', '', `console.log(JSON.stringify(await chooseLevel('jail').catch((error) => error)));`);
    const { programs } = await detectSandbox();
    const { stdout } = await promisify(execFile)(programs.bwrap as string, ['--dev-bind', '/', '/', ...arguments_, '--', process.execPath, host]);
    return JSON.parse(stdout);
  };

  test('fails closed where bubblewrap is missing', async () => {
    const { programs } = await detectSandbox();
    expect(await elsewhere('--ro-bind', '/dev/null', programs.bwrap as string)).toMatchObject({
      code: 'sandbox.unavailable',
      message: expect.stringContaining('bubblewrap is not installed'),
      hint: expect.stringContaining('apt-get install bubblewrap'),
    });
  });

  test('fails closed where user namespaces are forbidden, and names the setting', async () => {
    expect(await elsewhere('--unshare-user', '--disable-userns')).toMatchObject({
      code: 'sandbox.unavailable',
      message: expect.stringContaining('fails'),
      hint: expect.stringContaining('user.max_user_namespaces'),
    });
  });
});

function linkOf(pid: number | 'self', descriptor: string): string[] {
  try {
    return [readlinkSync(`/proc/${pid}/fd/${descriptor}`)];
  } catch {
    return [];
  }
}
