/** What JavaScript tries that has got into a realm of Node: written once, tried in cells, and in a plain Node as the control. */
import type { CanaryPlaces } from './canaries.ts';

/** What the attempts aim at. `pid` is of a process that may be signalled without harm to the tests. */
export interface Target extends CanaryPlaces {
  readonly hostname: string;
}

/** By number of the corpus: what is tried, as an expression that gives what it got. What throws, or gives nothing, was denied. */
export const attempts: Readonly<Record<string, string>> = {
  '187 read a file': `fs.readFileSync(canary.file, 'utf8')`,
  '187 read a file by a promise': `fs.promises.readFile(canary.file, 'utf8')`,
  '187 read a file as a blob': `fs.openAsBlob(canary.file).then((blob) => blob.text())`,
  '187 read a file as a module': `require(canary.file)`,
  '187 read a file by import()': `import('file://' + canary.file)`,
  '187 read a file by a stream': `new Promise((resolve, reject) => fs.createReadStream(canary.file).on('data', resolve).on('error', reject))`,
  '187 read a file whose path is bytes': `fs.readFileSync(Buffer.from(canary.file), 'utf8')`,
  '187 read a file whose path is a URL': `fs.readFileSync(new URL('file://' + canary.file), 'utf8')`,
  '187 read a file by a way round': `fs.readFileSync(__dirname + '/..'.repeat(40) + canary.file, 'utf8')`,
  '187 read a file by its descriptor in /proc': `fs.readFileSync('/proc/self/root' + canary.file, 'utf8')`,
  '187 copy a file': `fs.copyFileSync(canary.file, canary.file + '.copy') ?? 'copied'`,
  '187 look whether there is a file': `fs.existsSync(canary.file) || undefined`,
  '187 look at a link': `fs.lstatSync('/proc/self/exe').size + 1`,
  '187 follow a link': `fs.readlinkSync('/proc/self/exe')`,
  '187 resolve a path': `fs.realpathSync.native(canary.file)`,
  '187 look at a file system': `fs.statfsSync('/').blocks`,
  '187 search for files': `fs.globSync('/etc/*').join() || undefined`,
  '187 go to another folder': `process.chdir('/etc') ?? 'gone'`,
  '187 keep compiled code': `require('node:module').enableCompileCache(canary.file + '.evil-cache').directory`,
  '187 open a file': `fs.openSync(canary.file)`,
  '187 look at a file': `fs.statSync(canary.file).size`,
  '187 list a folder': `fs.readdirSync('/').join()`,
  '187 watch a file': `void fs.watch(canary.file) ?? 'watched'`,
  '187 write beside a file': `fs.writeFileSync(canary.file + '.touched', 'x') ?? 'written'`,
  '187 append to a file': `fs.appendFileSync(canary.file, 'x') ?? 'written'`,
  '187 remove a file': `fs.rmSync(canary.file) ?? 'removed'`,
  '187 link a file': `fs.linkSync(canary.file, canary.file + '.link') ?? 'linked'`,
  '187 link to a file': `fs.symlinkSync(canary.file, canary.file + '.symlink') ?? 'linked'`,
  '187 change the mode of a file': `fs.chmodSync(canary.file, 0o777) ?? 'changed'`,
  '187 make a folder': `fs.mkdtempSync(canary.file + '.evil-')`,
  '187 read a variable file': `process.loadEnvFile(canary.file) ?? 'loaded'`,
  '187 read /etc/passwd': `fs.readFileSync('/etc/passwd', 'utf8')`,
  '187 read its own environment in /proc': `fs.readFileSync('/proc/self/environ', 'utf8') + ' '`,
  '187 read the environment of the host': `fs.readFileSync('/proc/' + canary.pid + '/environ', 'utf8')`,
  '187 read the environment of its parent': `fs.readFileSync('/proc/' + process.ppid + '/environ', 'utf8')`,
  '188 read the memory of the host': `fs.openSync('/proc/' + canary.pid + '/mem')`,
  '187 read its own program': `fs.readFileSync(__filename, 'utf8').length`,
  '187 run a program': `require('node:child_process').execFileSync('/bin/true').toString() + 'ran'`,
  '187 run a program later': `new Promise((resolve, reject) => require('node:child_process').spawn('/bin/true').on('exit', () => resolve('ran')).on('error', reject))`,
  '187 fork': `require('node:child_process').fork('/app/cell.cjs').pid`,
  '187 run a program by an inner binding': `process.binding('spawn_sync').spawn({ file: '/bin/true', args: ['true'], envPairs: [], stdio: [0, 1, 2].map(() => ({ type: 'pipe', readable: true, writable: true })) }).pid`,
  '187 fork a cluster': `(require('node:cluster').setupPrimary({ exec: '/app/cell.cjs' }), require('node:cluster').fork().process.pid)`,
  '187 open a database': `new (require('node:sqlite').DatabaseSync)(canary.file + '.sqlite').exec('CREATE TABLE t (a)') ?? 'written'`,
  '187 inspect itself': `(new (require('node:inspector').Session)()).connect() ?? 'connected'`,
  '187 be inspected': `process._debugProcess(canary.pid) ?? 'debugged'`,
  '187 use WASI': `void new (require('node:wasi').WASI)({ version: 'preview1', preopens: { '/': '/' } }) ?? 'made'`,
  '187 write a report': `process.report.writeReport(canary.file + '.evil-report.json')`,
  '187 write a heap snapshot': `require('node:v8').writeHeapSnapshot(canary.file + '.evil.heapsnapshot')`,
  '187 write a trace': `require('node:trace_events').createTracing({ categories: ['v8'] }).enable() ?? 'traced'`,
  '187 connect': `connected(require('node:net').connect(canary.port, '127.0.0.1'))`,
  '187 connect to a local socket': `connected(require('node:net').connect(canary.socket))`,
  '187 listen': `new Promise((resolve, reject) => require('node:net').createServer().once('error', reject).listen(0, '127.0.0.1', () => resolve('listening')))`,
  '187 listen on a local socket': `new Promise((resolve, reject) => require('node:net').createServer().once('error', reject).listen(canary.file + '.evil.sock', () => resolve('listening')))`,
  '187 send a datagram': `new Promise((resolve, reject) => require('node:dgram').createSocket('udp4').once('error', reject).send('x', canary.port, '127.0.0.1', (error) => (error ? reject(error) : resolve('sent'))))`,
  '187 fetch': `fetch('http://127.0.0.1:' + canary.port).then(() => 'fetched')`,
  '187 open a web socket': `new Promise((resolve, reject) => { const socket = new WebSocket('ws://127.0.0.1:' + canary.port); socket.onopen = () => resolve('open'); socket.onerror = reject; })`,
  '187 request': `new Promise((resolve, reject) => require('node:http').get('http://127.0.0.1:' + canary.port, resolve).on('error', reject)).then(() => 'requested')`,
  '187 look up a name': `require('node:dns').promises.lookup('localhost').then(({ address }) => address)`,
  '187 ask a name server': `(() => { const resolver = new (require('node:dns').promises.Resolver)({ timeout: 200, tries: 1 }); resolver.setServers(['127.0.0.1:' + canary.port]); return resolver.resolve4('example.com').catch((error) => { if (error.code === 'ECONNREFUSED' || error.code === 'ETIMEOUT') return 'asked'; throw error; }); })()`,
  '189 see a variable of the host': `process.env[canary.variable]`,
  '189 see any variable that it was not given': `Object.keys(process.env).filter((name) => name !== 'TZ').join() || undefined`,
  '190 read what another descriptor holds': `(() => { for (let fd = 4; fd < 64; fd++) { try { const bytes = Buffer.alloc(65536); const text = bytes.toString('latin1', 0, fs.readSync(fd, bytes, 0, bytes.length, 0)); if (/token-|root:/.test(text)) return text; } catch {} } })()`,
  '191 write without end': `(() => { for (let fd = 0; fd < 64; fd++) { try { fs.ftruncateSync(fd, 2 ** 40); return 'grown ' + fd; } catch {} } })()`,
  '188 get its permissions back': `process.permission === undefined || process.permission.has('fs.read', canary.file) || process.permission.has('child') || process.permission.has('worker') || process.permission.has('net') ? 'has' : undefined`,
  '188 become root': `process.getuid() !== 0 ? process.setuid(0) ?? 'root' : undefined`,
  '188 signal the host': `process.kill(canary.pid, 0) && 'signalled'`,
  '188 signal everybody': `process.kill(-1, 0) && 'signalled'`,
  '188 slow the host down': `(() => { const before = os.getPriority(canary.pid); os.setPriority(canary.pid, before); return 'set'; })()`,
  '188 know the machine': `os.hostname() === canary.hostname ? os.hostname() : undefined`,
  '188 know the networks of the machine': `Object.values(os.networkInterfaces()).flat().some(({ internal }) => !internal) ? 'known' : undefined`,
  '188 know the machine by a report': `(() => { const { header } = process.report.getReport(); return header.host === canary.hostname ? header.host : undefined; })()`,
  '188 know who runs the host': `os.userInfo().homedir`,
  '187 load an addon': `(() => { try { process.dlopen({ exports: {} }, 'libc.so.6'); } catch (error) { if (/self-register/.test(error.message)) return 'loaded'; throw error; } })()`,
  '187 call native code': `require('node:ffi').dlopen('libc.so.6', {}) && 'called'`,
  '187 start a worker': `void new (require('node:worker_threads').Worker)('1', { eval: true }) ?? 'started'`,
  '187 open the inspector': `void require('node:inspector').open(0) ?? 'opened'`,
  '187 become another program': `process.execve('/bin/echo', ['echo', JSON.stringify(['187 become another program', 'became'])], {})`,
};

/**
 * A function that makes these attempts, one after another, and tells what each got: `undefined` if it was denied.
 * It uses `require`, and what else a CommonJS module has.
 */
export const attack = (target: Target, names: readonly string[] = Object.keys(attempts)): string => `async (say, before = () => {}) => {
  const fs = require('node:fs');
  const os = require('node:os');
  const canary = ${JSON.stringify(target)};
  const connected = (socket) => new Promise((resolve, reject) => socket.on('connect', () => resolve('connected')).on('error', reject));
  const attempts = { ${names.map((name) => `${JSON.stringify(name)}: () => ${attempts[name]}`).join(',\n')} };
  process.on('uncaughtException', () => {});
  process.on('unhandledRejection', () => {});
  for (const [name, attempt] of Object.entries(attempts)) {
    before();
    const late = new Promise((resolve) => setTimeout(resolve, 1000));
    let got = null;
    try {
      const value = await Promise.race([attempt(), late]);
      if (value !== undefined) got = String(value).slice(0, 200);
    } catch {}
    say(name, got);
  }
}`;
