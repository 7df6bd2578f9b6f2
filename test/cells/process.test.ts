import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { CellMessage } from '../../runtimes/protocol.ts';
import { VivariumError } from '../../sdk/errors.ts';
import { writeHost } from '../support/hostScript.ts';
import { availableLevels } from '../support/levels.ts';
import { gone, isRunning } from '../support/processes.ts';
import { startStandIn } from '../support/standIn.ts';
import { dataLimitOf } from '../support/dataLimit.ts';

const levels = await availableLevels();
const MiB = 1024 * 1024;

describe.each(levels)('a cell process at level %s', (level) => {
  test('reports its start, and answers', async () => {
    const { cell, messages, payloads } = await startStandIn(
      level,
      `ready(); received((header, region) => send({ type: 'emit', runs: [1, 0, 0, 1], execution: [header.token], length: [region.length] }, region));`,
    );
    expect((await cell.ready).node).toBe(process.versions.node);
    const large = Buffer.alloc(3 * MiB, 'vivarium');
    cell.send({ type: 'ping', token: 1 });
    cell.send({ type: 'ping', token: 2 }, [large]);
    await expect.poll(() => messages.length).toBe(2);
    expect(messages.map((message) => message.type === 'emit' && message.execution[0])).toEqual([1, 2]);
    expect(payloads.map((payload) => payload.equals(large))).toEqual([false, true]);
  });

  test('delivers what was sent before the end, then the end', async () => {
    const { cell, exit, messages } = await startStandIn(
      level,
      `ready(); received(() => { for (let i = 0; i < 500; i += 1) say(i); channel.end(() => process.exit(3)); });`,
    );
    await cell.ready;
    cell.send({ type: 'ping', token: 1 });
    expect(await exit).toMatchObject({ code: 3, signal: null, reason: undefined });
    expect(messages).toHaveLength(500);
    expect(cell.alive).toBe(false);
  });

  test.each(['SIGSEGV', 'SIGABRT', 'SIGKILL'] as const)('tells that it died of %s', async (signal) => {
    const { cell, exit } = await startStandIn(level, `ready(); received(() => process.kill(process.pid, '${signal}'));`);
    await cell.ready;
    cell.send({ type: 'ping', token: 1 });
    expect(await exit).toMatchObject({ code: null, signal, reason: undefined });
  });

  test('is gone when it was killed, with everything that it started, and the first reason stands', async () => {
    const { cell, exit, said } = await startStandIn(
      level,
      `ready(); const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
      child.on('spawn', () => say(child.pid));`,
      { flags: ['--allow-child-process'] },
    );
    const inside = Number(await said());
    const pid = cell.pid as number;
    expect(isRunning(pid)).toBe(true);
    if (level === 'process') expect(isRunning(inside)).toBe(true);
    const reason = new VivariumError('limit.wall', 'It took too long.');
    cell.kill(reason);
    cell.kill(new VivariumError('limit.cpu', 'Another reason.'));
    expect(await exit).toMatchObject({ code: null, signal: 'SIGKILL', reason });
    await gone(pid);
    if (level === 'process') await gone(inside);
  });

  test('that ends at its start says why, with its last words', async () => {
    const { cell, exit } = await startStandIn(level, `console.error('no such luck'); process.exit(7);`);
    await expect(cell.ready).rejects.toMatchObject({ code: 'cell.start', message: expect.stringMatching(/exit code 7.*no such luck/s) });
    expect(await exit).toMatchObject({ code: 7, lastWords: 'no such luck\n' });
  });

  test('that ends the moment it is ready has ended by itself', async () => {
    const { cell, exit } = await startStandIn(level, `ready(); process.kill(process.pid, 'SIGKILL');`);
    await cell.ready.catch((error) => expect(error).toMatchObject({ code: 'cell.start', message: expect.stringContaining('SIGKILL') }));
    expect(await exit).toMatchObject({ signal: 'SIGKILL', reason: undefined });
  });

  test('that does not get ready in time is killed', async () => {
    const { cell, exit } = await startStandIn(level, `setInterval(() => {}, 1e6);`, { startLimit: 300 });
    await expect(cell.ready).rejects.toMatchObject({ code: 'cell.start', message: expect.stringContaining('not ready within 300 ms') });
    expect((await exit).signal).toBe('SIGKILL');
  });

  test('that floods its standard error is not listened to for long', async () => {
    const { cell, exit } = await startStandIn(
      level,
      `ready(); process.stderr.on('error', () => process.exit(5)); setInterval(() => process.stderr.write('x'.repeat(65536)), 5);`,
    );
    await cell.ready;
    const { code, lastWords } = await exit;
    expect(code).toBe(5);
    expect(lastWords.length).toBeLessThanOrEqual(4096);
  });
});

describe.each(levels)('a cell at level %s that breaks the protocol is killed', (level) => {
  const emit = { type: 'emit', runs: [0, 0, 0, 1], execution: [0], length: [1] };
  test.each([
    ['when it speaks before it is ready', `say('early');`],
    ['when it speaks another version', `send({ type: 'ready', version: 1, node: '', denied: {}, environment: [], boot: 0 });`],
    ['when it is ready twice', `ready(); ready();`],
    ['by a frame of no length', `ready(); channel.write(Buffer.alloc(4));`],
    ['by a frame beyond the cap', `ready(); channel.write(Buffer.from([1, 0, 0, 4]));`],
    ['by a header that is no JSON', `ready(); channel.write(Buffer.from([7, 0, 0, 0, 3, 0, 0, 0, 0x7b, 0x7b, 0x7b]));`],
    ['by a message of no known type', `ready(); send({ type: 'hello' });`],
    ['by a field that nobody knows', `ready(); send({ type: 'stopped', actor: 1, __proto__: null, constructor: 1 });`],
    ['by a wrong type of a field', `ready(); send({ type: 'stopped', actor: '1' });`],
    ['by an index out of range', `ready(); send({ type: 'stopped', actor: 65536 });`],
    ['by columns of different lengths', `ready(); send(${JSON.stringify({ ...emit, execution: [0, 0] })}, Buffer.from('x'));`],
    ['by lengths that exceed the payloads', `ready(); send(${JSON.stringify(emit)});`],
    ['by payloads that exceed the lengths', `ready(); send(${JSON.stringify(emit)}, Buffer.from('xy'));`],
    ['by payloads where none belong', `ready(); send({ type: 'stopped', actor: 1 }, Buffer.from('x'));`],
    [
      'by a header of four million objects',
      `ready(); const text = '{"type":"emit","runs":[' + '{},'.repeat(2.6e6) + '0]}'; channel.write(frame({}).subarray(0, 0)); const head = Buffer.alloc(8); head.writeUInt32LE(4 + text.length, 0); head.writeUInt32LE(text.length, 4); channel.write(head); channel.write(text);`,
    ],
    ['by a column of four million numbers', `ready(); send({ type: 'emit', runs: Array(4e6).fill(1), execution: [], length: [] });`],
    ['when it closes its channel and lives on', `ready(); channel.end(); setInterval(() => {}, 1e6);`],
  ])('%s', async (_, body) => {
    const { cell, exit, messages } = await startStandIn(level, body);
    const { reason, signal } = await exit;
    expect(reason?.code).toMatch(/^cell\.(protocol|start)$/);
    expect(signal).toBe('SIGKILL');
    expect(messages).toEqual([]);
    expect(cell.alive).toBe(false);
  });

  test('when the host fails at what it sent', async () => {
    const onMessage = (message: CellMessage): void => {
      throw new TypeError(`cannot take ${message.type}`);
    };
    const { exit } = await startStandIn(level, `ready(); say('anything');`, { onMessage });
    expect((await exit).reason).toMatchObject({ code: 'cell.protocol', cause: expect.any(TypeError) });
  });

  test('when it never reads', async () => {
    const { cell, exit } = await startStandIn(level, `ready(); channel.pause(); setInterval(() => {}, 1e6);`);
    await cell.ready;
    const megabyte = Buffer.alloc(MiB);
    let sent = 0;
    expect(cell.writable).toBe(true);
    while (cell.alive && sent < 1000) {
      cell.send({ type: 'ping', token: 0 }, [megabyte]);
      sent += 1;
    }
    expect(sent).toBeGreaterThan(100);
    expect(sent).toBeLessThan(200);
    expect(cell.writable).toBe(false);
    await cell.drained();
    expect((await exit).reason).toMatchObject({ code: 'cell.protocol', message: expect.stringContaining('read') });
  });
});

describe('a cell process', () => {
  test('lets a sender wait until it has read', async () => {
    const { cell, messages } = await startStandIn('process', `ready(); received((header) => { if (header.token === 9) say('all'); });`);
    await cell.ready;
    while (cell.writable) cell.send({ type: 'ping', token: 0 }, [Buffer.alloc(MiB)]);
    expect(cell.send({ type: 'ping', token: 9 })).toBe(false);
    await cell.drained();
    expect(cell.writable).toBe(true);
    await expect.poll(() => messages.length).toBe(1);
  });

  test('that drips a frame byte by byte is killed after 5 s', async () => {
    const { cell, exit } = await startStandIn(
      'process',
      `ready(); const bytes = frame({ type: 'stopped', actor: 1 }); let at = 0; setInterval(() => channel.write(bytes.subarray(at, ++at)), 400);`,
    );
    await cell.ready;
    const begin = performance.now();
    expect((await exit).reason).toMatchObject({ code: 'cell.protocol', message: expect.stringContaining('within 5 s') });
    expect(performance.now() - begin).toBeGreaterThan(4_500);
    expect(performance.now() - begin).toBeLessThan(8_000);
  });

  test('that reads nothing of a little is killed after 10 s', async () => {
    const { cell, exit } = await startStandIn('process', `ready(); channel.pause(); setInterval(() => {}, 1e6);`);
    await cell.ready;
    const begin = performance.now();
    cell.send({ type: 'ping', token: 0 }, [Buffer.alloc(MiB)]);
    expect((await exit).reason).toMatchObject({ code: 'cell.protocol', message: expect.stringContaining('10 s') });
    expect(performance.now() - begin).toBeGreaterThan(9_000);
  });

  test('that cannot be started tells why', async () => {
    const { cell, exit } = await startStandIn('process', '', { entry: 'missing.cjs' });
    await expect(cell.ready).rejects.toMatchObject({ code: 'cell.start', message: expect.stringContaining('missing.cjs') });
    expect((await exit).code).toBe(1);
  });
});

describe.each(levels)('the memory of a cell at level %s', (level) => {
  test('is measured, and its limit moves with the isolates', async () => {
    const { cell } = await startStandIn(level, 'ready();');
    expect(cell.memory()).toBeUndefined();
    await cell.ready;
    const bare = cell.memory();
    expect(bare?.resident).toBeGreaterThan(20 * MiB);
    expect(bare?.resident).toBeLessThan(200 * MiB);
    expect(bare?.data).toBeGreaterThan(100 * MiB);
    await cell.reserve({ javascript: 10 });
    const soft = (): number => dataLimitOf(cell.pid);
    expect(soft()).toBe(cell.memory()?.dataLimit);
    expect(soft()).toBeGreaterThan((bare?.dataLimit ?? Infinity) + 8 * 500 * MiB);
    await cell.reserve({ javascript: 2 });
    // What isolates held has a second to go.
    expect(soft()).toBeGreaterThan(5_000 * MiB);
    await expect.poll(soft, { timeout: 20_000 }).toBeLessThan(2_500 * MiB);
  });

  test('waits for no limit to move that has room already, unless isolates were just given up', async () => {
    const { cell } = await startStandIn(level, 'ready();');
    await cell.ready;
    const soft = (): number => dataLimitOf(cell.pid);
    await cell.reserve({ javascript: 4 });
    const four = soft();
    await cell.reserve({ javascript: 5 });
    expect(soft()).toBe(four);
    await expect.poll(() => cell.memory()?.dataLimit, { timeout: 20_000 }).toBeGreaterThan(four + 500 * MiB);
    expect(soft()).toBe(cell.memory()?.dataLimit);
    const five = soft();
    await cell.reserve({ javascript: 4 });
    await cell.reserve({ javascript: 6 });
    expect(soft()).toBeGreaterThan(five + 500 * MiB);
  });

  test('waits for no limit to move before the first actor starts beside an isolate that is kept', async () => {
    // What this one has when it is ready is what the next one is expected to have, and more than that has.
    const larger = await startStandIn(level, `globalThis.ballast = Buffer.alloc(${64 * MiB}); ready();`);
    await larger.cell.ready;
    const { cell } = await startStandIn(level, 'ready();');
    await cell.ready;
    const soft = (): number => dataLimitOf(cell.pid);
    const atStart = soft();
    await cell.reserve({ javascript: 1 });
    await cell.reserve({ javascript: 2 });
    expect(soft()).toBe(atStart);
  });

  test('has room for isolates that were ended by force, beside what takes their place, until they had time to go', async () => {
    const { cell } = await startStandIn(level, 'ready();');
    await cell.ready;
    const soft = (): number => dataLimitOf(cell.pid);
    await cell.reserve({ javascript: 4 });
    const four = soft();
    cell.broke('javascript');
    cell.broke('javascript');
    await cell.reserve({ javascript: 4 });
    expect(soft()).toBeGreaterThan(four + 2 * 500 * MiB);
    // A cell cannot have its limit raised by telling of more than it had.
    for (let times = 0; times < 1_000; times++) cell.broke('javascript');
    await cell.reserve({ javascript: 4 });
    expect(soft()).toBeLessThan(four + 5 * 600 * MiB);
    await expect.poll(soft, { timeout: 20_000 }).toBe(four);
  });

  test('is not lowered below what the cell holds: it would die of the next page of its heap', async () => {
    const body = `
      ready();
      let held;
      const heap = [];
      const grow = () => { for (let at = 0; at < 1e5; at++) heap.push([at]); return heap.length; };
      const acts = [() => { held = Buffer.alloc(${1024 * MiB}); }, grow, () => Buffer.alloc(${256 * MiB}), () => { held = undefined; gc(); }];
      received(({ token }) => say(attempt(acts[token])));`;
    const { cell, said } = await startStandIn(level, body, { memoryBudget: 128 * MiB, flags: ['--expose-gc'] });
    const act = (number: number): Promise<unknown> => {
      cell.send({ type: 'ping', token: number });
      return said();
    };
    await cell.ready;
    const soft = (): number => dataLimitOf(cell.pid);
    await cell.reserve({ javascript: 3 });
    const three = soft();
    expect(await act(0)).toBe('done');
    await cell.reserve({});
    await expect.poll(soft).toBeLessThan(three);
    expect(await act(1)).toBe(100_000);
    expect(await act(2)).toBe('Array buffer allocation failed');
    expect(await act(3)).toBe('done');
    await expect.poll(soft).toBeLessThan(1_000 * MiB);
  });

  test('is a clean error for what asks for too much at once', async () => {
    const body = `ready(); received(({ token }) => say(attempt(() => Buffer.alloc(token).length)));`;
    const { cell, said } = await startStandIn(level, body, { memoryBudget: 128 * MiB });
    await cell.ready;
    await cell.reserve({});
    await expect.poll(() => (cell.memory()?.dataLimit ?? Infinity) - (cell.memory()?.data ?? 0), { timeout: 20_000 }).toBeLessThan(200 * MiB);
    cell.send({ type: 'ping', token: 1024 * MiB });
    expect(await said()).toBe('Array buffer allocation failed');
    cell.send({ type: 'ping', token: MiB });
    expect(await said()).toBe(MiB);
  });

  test('is watched: a cell that outgrows it is killed, with the reason', async () => {
    // Touched, so that it is resident; 8 MB each 5 ms.
    const hog = `ready(); const all = []; received(() => setInterval(() => all.push(Buffer.alloc(8 << 20, 1)), 5));`;
    const { cell, exit } = await startStandIn(level, hog, { memoryBudget: 300 * MiB });
    await cell.ready;
    await cell.reserve({ javascript: 1 });
    let most = 0;
    const sampling = setInterval(() => {
      most = Math.max(most, cell.memory()?.resident ?? 0);
    }, 5);
    cell.send({ type: 'ping', token: 1 });
    const { reason } = await exit;
    clearInterval(sampling);
    expect(reason).toMatchObject({ code: 'limit.memory', message: expect.stringMatching(/held \d+ MiB/) });
    expect(most).toBeGreaterThan(300 * MiB);
    expect(most).toBeLessThan(600 * MiB);
  });
});

describe.each(levels)('when its host ends, a cell at level %s ends', (level) => {
  const endings = [
    ['is killed', '', 'SIGKILL'],
    ['is terminated', '', 'SIGTERM'],
    ['exits', 'setTimeout(() => process.exit(0), 50);', undefined],
    ['throws', 'setTimeout(() => { throw new Error("over"); }, 50);', undefined],
  ] as const;
  const attentions = [
    ['that watches its channel', 'ready(); dieWithHost();'],
    ['that ignores its channel', 'ready(); channel.on("end", () => {}); setInterval(() => {}, 1e6);'],
    ['that never comes back from a loop', 'ready(); received(() => {}); setTimeout(() => { for (;;); }, 20);'],
  ] as const;

  test.each(endings.flatMap(([how, ending, signal]) => attentions.map(([kind, cell]) => [how, kind, ending, signal, cell] as const)))(
    'that %s, also one %s',
    async (_how, _kind, ending, signal, cell) => {
      const host = spawn(process.execPath, [writeHost(level, cell, `const cell = await startCell(); console.log(cell.pid); ${ending}`)], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const [line] = await once(host.stdout as Readable, 'data');
      const pid = Number(String(line));
      expect(pid).toBeGreaterThan(1);
      if (signal !== undefined) {
        expect(isRunning(pid)).toBe(true);
        host.kill(signal);
      }
      await once(host, 'exit');
      await gone(pid);
      expect(isRunning(pid)).toBe(false);
    },
  );
});
