/**
 * Section K of the corpus: a guest that has broken out of its isolate and runs JavaScript in the Node realm of its cell. A real cell is
 * made to attack when it is pinged: started as every cell is, after it has dropped its permissions, with the words of the attacker at
 * the end of its program.
 *
 * Not here: descriptors, environment, limits, namespaces, privileges (189–191, 194) in test/cells/sandbox.test.ts; the death of the host
 * (193) in test/cells/process.test.ts; versions and tampered files (196, 197) in test/cells/versions.test.ts and files.test.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { appendFileSync, closeSync, cpSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cellFiles } from '../../host/cells/files.ts';
import { CellProcess } from '../../host/cells/process.ts';
import { detectSandbox } from '../../host/cells/sandbox.ts';
import { availableLevels } from '../support/levels.ts';
import { gone, isRunning } from '../support/processes.ts';
import { Canaries } from './canaries.ts';
import { attack, attempts } from './nodeRealm.ts';

/** What the level `process` does not hold, as SECURITY.md says, and the attempts that show it. */
const gaps: Readonly<Record<string, readonly string[]>> = {
  'signals to processes of the same user, the host included': ['188 signal the host', '188 signal everybody', '187 be inspected'],
  'facts about the machine': ['188 know the machine', '188 know the machine by a report', '188 know the networks of the machine', '188 know who runs the host'],
};
const mostGaps = 5;

/** In the place of the host, which signals would harm: they could open its inspector. */
const bystander = (): ChildProcess => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });

describe.each(await availableLevels())('K, a cell that is in the hands of its guest, at level %s', (level) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'evil-cell-'));
  const got = new Map<string, string | null>();
  let canaries: Canaries;
  let stranger: ChildProcess;

  beforeAll(async () => {
    canaries = await Canaries.set();
    stranger = bystander();
    cpSync((await cellFiles()).folder, folder, { recursive: true });
    const program = attack({ ...canaries.places, pid: stranger.pid as number, hostname: os.hostname() });
    appendFileSync(path.join(folder, 'cell.cjs'), `;cell.receive = ${onPing(program)};`);
    const ended = Promise.withResolvers<unknown>();
    const exit = Promise.withResolvers<unknown>();
    const cell = CellProcess.spawn({
      sandbox: await detectSandbox(),
      level,
      folder,
      entry: 'cell.cjs',
      onMessage(message) {
        if (message.type !== 'log') return;
        const [name, text] = JSON.parse(message.lines[0]?.text ?? '') as [string, string | null];
        if (name === 'end') ended.resolve(undefined);
        else got.set(name, text);
      },
      onExit(reached) {
        ended.reject(new Error(`the cell ended: ${JSON.stringify(reached)}`));
        exit.resolve(reached);
      },
    });
    const { denied } = await cell.ready;
    expect(Object.values(denied)).not.toContain('ALLOWED');
    cell.send({ type: 'ping', token: 1 });
    await ended.promise;
    const { pid } = cell;
    cell.kill();
    await exit.promise;
    if (pid !== undefined) await gone(pid);
  });

  afterAll(async () => {
    stranger?.kill('SIGKILL');
    await canaries?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(Object.keys(attempts))('%s', (name) => {
    expect(got.has(name), 'it was tried').toBe(true);
    const gap = level === 'process' ? Object.keys(gaps).find((title) => gaps[title]?.includes(name)) : undefined;
    if (gap === undefined) expect(got.get(name)).toBeNull();
    else expect(typeof got.get(name), `the gap “${gap}” is documented, and has been closed`).toBe('string');
  });

  test('the canaries are untouched', () => {
    canaries.demandUntouched({ result: [...got], refused: undefined });
    expect(isRunning(stranger.pid as number)).toBe(true);
  });
});

const onPing = (program: string): string => `async (message) => {
  if (message.type !== 'ping') return;
  const say = (name, text) => send({ type: 'log', lines: [{ actor: 0, execution: 0, level: 'info', text: JSON.stringify([name, text]), dropped: 0 }] }, []);
  await (${program})(say);
  say('end', null);
}`;

test('SECURITY.md names the gaps of the level process, and no others', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../SECURITY.md'), 'utf8');
  const section = /## What level `process` does not hold\n([^#]*)/.exec(page)?.[1] ?? '';
  const named = [...section.matchAll(/^\| (?!gap |---)([^|]+) \|/gm)].map(([, gap]) => gap);
  expect(named).toEqual(Object.keys(gaps));
  expect(named.length).toBeLessThanOrEqual(mostGaps);
});

test('control: in a plain Node nearly every attempt gets what it wants', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'plain-node-'));
  const file = path.join(folder, 'canary.txt');
  const token = `token-${randomUUID()}`;
  const content = `module.exports = '${token}'`;
  const variable = 'VIVARIUM_CONTROL';
  const server = createServer((_, response) => response.end('here')).on('upgrade', ({ headers }, socket) => {
    const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.end(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const local = createServer();
  await new Promise<void>((resolve) => local.listen(path.join(folder, 'canary.sock'), resolve));
  writeFileSync(file, content);
  const stranger = bystander();
  const descriptors = [openSync(file, 'r'), openSync(path.join(folder, 'large'), 'w')] as const;
  const program = path.join(folder, 'control.cjs');
  const target = {
    file,
    variable,
    port: (server.address() as AddressInfo).port,
    socket: local.address() as string,
    pid: stranger.pid as number,
    hostname: os.hostname(),
  };
  const got = new Map<string, string | null>();
  for (let names = Object.keys(attempts); names.length > 0; names = names.filter((name) => !got.has(name))) {
    const say = '(...row) => console.log(JSON.stringify(row))';
    writeFileSync(
      program,
      `(${attack(target, names)})(${say}, () => require('node:fs').writeFileSync(...${JSON.stringify([file, content])})).then(() => process.exit());`,
    );
    const child = spawn(process.execPath, [program], {
      cwd: folder,
      env: { ...process.env, [variable]: token },
      stdio: ['ignore', 'pipe', 'ignore', 'ignore', ...descriptors],
    });
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) got.set(...(JSON.parse(line) as [string, string | null]));
    // Some attempts end a Node that nobody keeps from them.
    const last = names.find((name) => !got.has(name));
    if (last !== undefined) got.set(last, 'ended');
  }
  for (const descriptor of descriptors) closeSync(descriptor);
  stranger.kill('SIGKILL');
  server.closeAllConnections();
  server.close();
  local.close();
  rmSync(folder, { recursive: true, force: true });
  // A canary that is no module cannot be imported, nobody becomes root who is not, and the kernel of a machine may forbid a few more.
  const denied = [...got.keys()].filter((name) => got.get(name) === null);
  expect(denied.length, denied.join(', ')).toBeLessThanOrEqual(5);
  expect([...got.values()].filter((text) => text === 'ended').length).toBeLessThanOrEqual(3);
}, 60_000);
