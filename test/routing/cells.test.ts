import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type CellEvent, createHost } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';

const javascript = (code: string, rest: object = {}) => ({ runtime: 'javascript', code, ...rest }) as const;

describe('actors in cells of their own', () => {
  test('get every message once, and in order', async () => {
    await using host = await createHost();
    const flow = await host.deploy({
      vivarium: 1,
      actors: {
        burst: javascript('export function* handle(count) { for (let n = 0; n < count; n++) yield n; }'),
        away: javascript('export const handle = (n) => n;', { cell: 'own', mailbox: 10 }),
        home: javascript('let seen = 0; export const handle = (n) => { if (n === 0) seen = 0; return n === seen++ ? n : "wrong"; };'),
      },
      connections: ['burst -> away', 'away -> home'],
      inputs: { in: 'burst' },
      outputs: { out: 'home' },
    });
    const { status, outputs, actors } = await flow.run({ in: 5_000 });
    expect(status).toBe('completed');
    expect(outputs.out).toEqual(Array.from({ length: 5_000 }, (_, n) => n));
    expect(actors['away']?.messages).toBe(5_000);
  });

  test('are asked across the border, by name, and answer with their own errors', async () => {
    await using host = await createHost();
    const flow = await host.deploy({
      vivarium: 1,
      actors: {
        front: javascript(
          'export const handle = async (m, context) => { try { return { answer: await context.ask("back", m) }; } catch (error) { return { code: error.code, message: error.message, actor: error.actor }; } };',
        ),
        back: javascript('export const handle = (m) => { if (m === "bad") throw new Error("no good"); return m + "!"; };', { cell: 'own' }),
        stranger: javascript('export const handle = (m) => m;', { cell: 'own' }),
      },
      connections: ['front.questions -> back'],
      inputs: { in: 'front' },
      outputs: { out: 'front' },
    });
    expect(await flow.ask('in', 'hello')).toEqual({ answer: 'hello!' });
    expect(await flow.ask('in', 'bad')).toMatchObject({ code: 'actor.failed', message: 'no good' });
    expect(flow.live).toBeLessThanOrEqual(1);
  });

  test('send their errors along the connection of the outlet `error`', async () => {
    await using host = await createHost();
    const flow = await host.deploy({
      vivarium: 1,
      actors: {
        risky: javascript('export const handle = (m) => { throw new RangeError("about " + m); };', { cell: 'own' }),
        nurse: javascript('export const handle = (error) => ({ message: error.message, code: error.code });'),
      },
      connections: ['risky.error -> nurse'],
      inputs: { in: 'risky' },
      outputs: { out: 'nurse' },
    });
    expect(await flow.run({ in: 'x' })).toMatchObject({ status: 'completed', outputs: { out: [{ message: 'about x', code: 'actor.failed' }] } });
  });

  test('go round in a circle until it is over', async () => {
    await using host = await createHost();
    const countDown = 'export const handle = (n, context) => { context.emit(n === 0 ? "done" : "out", n === 0 ? "over" : n - 1); };';
    const flow = await host.deploy({
      vivarium: 1,
      actors: { ping: javascript(countDown), pong: javascript(countDown, { cell: 'own' }) },
      connections: ['ping -> pong', 'pong -> ping'],
      inputs: { in: 'ping' },
      outputs: { out: ['ping.done', 'pong.done'] },
    });
    expect(await flow.run({ in: 101 })).toMatchObject({
      status: 'completed',
      outputs: { out: ['over'] },
      actors: { ping: { messages: 51 }, pong: { messages: 51 } },
    });
  });

  test('refuse what does not fit into their mailbox, if they are told to', async () => {
    await using host = await createHost();
    const flow = await host.deploy({
      vivarium: 1,
      actors: {
        slow: javascript('export const handle = () => new Promise((done) => setTimeout(done, 300));', { mailbox: 1, overflow: 'reject', cell: 'own' }),
      },
      inputs: { in: 'slow' },
      outputs: { out: 'slow' },
    });
    const results = await Promise.all(Array.from({ length: 6 }, () => flow.run({ in: 1 })));
    const codes = results.flatMap(({ errors }) => errors.map(({ code }) => code));
    expect(codes.length).toBeGreaterThanOrEqual(3);
    expect(new Set(codes)).toEqual(new Set(['mailbox.full']));
    expect(results.some(({ status }) => status === 'completed')).toBe(true);
  });

  test('make a slow receiver slow the sender down, instead of filling the host', async () => {
    const count = 1_500;
    let sent = 0;
    let received = 0;
    let furthest = 0;
    const unchecked = { input: z.unknown(), output: z.unknown() };
    // The receiver does not go on before the sender has run ahead.
    const ahead = Promise.withResolvers<void>();
    const sends = () => {
      furthest = Math.max(furthest, ++sent - received);
      if (furthest > 300) ahead.resolve();
    };
    const receives = async () => {
      await ahead.promise;
      received++;
    };
    const policy = { services: ['count.*'], limits: { cpu: '60s', wall: '60s', outbound: { bytes: '200MiB' } } } as const;
    await using host = await createHost({
      ceiling: policy,
      services: { count: { sends: { ...unchecked, handle: sends }, receives: { ...unchecked, handle: receives } } },
    });
    const flow = await host.deploy({
      vivarium: 1,
      actors: {
        fast: javascript(
          'export async function* handle(count, { services }) { for (let n = 0; n < count; n++) { await services.count.sends(); yield "x".repeat(60_000); } }',
          { policy },
        ),
        slow: javascript('export const handle = async (_, { services }) => { for (let n = 0; n < 3; n++) await null; await services.count.receives(); };', {
          cell: 'own',
          mailbox: 4,
          policy,
        }),
      },
      connections: ['fast -> slow'],
      inputs: { in: 'fast' },
      outputs: { out: 'slow' },
    });
    expect(await flow.run({ in: count })).toMatchObject({ status: 'completed', actors: { slow: { messages: count } } });
    expect({ sent, received }).toEqual({ sent: count, received: count });
    // 32 MiB in messages of 60,000 bytes are 559; a few more are in mailboxes.
    expect(furthest).toBeLessThan(700);
  });

  test('are limited in number by the host', async () => {
    await using host = await createHost({ limits: { cells: 1 }, spare: false });
    const own = javascript('export const handle = (m) => m;', { cell: 'own' });
    expect(await failureOf(() => host.deploy({ vivarium: 1, actors: { a: own, b: own } }))).toMatchObject({
      code: 'cell.start',
      record: { hint: 'createHost({ limits: { cells: … } })' },
    });
  });
});

describe('a namespace with several cells', () => {
  test('has its actors in as many processes, and their messages find each other', async () => {
    await using host = await createHost();
    const started: CellEvent[] = [];
    host.on('cell', (event) => started.push(event));
    const stamp = (name: string) => javascript(`export const handle = (m) => [...m, '${name}'];`);
    const flow = await host.deploy({
      vivarium: 1,
      cells: 2,
      actors: { a: stamp('a'), b: stamp('b'), c: stamp('c'), d: stamp('d') },
      connections: ['a -> b', 'b -> c', 'c -> d'],
      inputs: { in: 'a' },
      outputs: { out: 'd' },
    });
    expect(new Set(started.map(({ pid }) => pid)).size).toBe(2);
    for await (const { status, outputs } of flow.pipe([[], ['x']], { input: 'in' }))
      expect({ status, names: (outputs.out[0] as string[]).slice(-4) }).toEqual({ status: 'completed', names: ['a', 'b', 'c', 'd'] });
  });

  test('loses what one of them had, and nothing else', async () => {
    await using host = await createHost();
    const cells: CellEvent[] = [];
    const replaced = Promise.withResolvers<void>();
    host.on('cell', (event) => {
      cells.push(event);
      if (event.event === 'replaced') replaced.resolve();
    });
    const counter = javascript('let served = 0; export const handle = () => ++served;');
    const flow = await host.deploy({
      vivarium: 1,
      cells: 2,
      actors: { left: counter, right: counter },
      inputs: { left: 'left', right: 'right' },
      outputs: { left: 'left', right: 'right' },
    });
    const counts = async () => Promise.all([flow.ask('left', null), flow.ask('right', null)]);
    expect(await counts()).toEqual([1, 1]);
    process.kill(cells[0]?.pid as number, 'SIGKILL');
    await replaced.promise;
    expect((await counts()).toSorted()).toEqual([1, 2]);
    expect((await counts()).toSorted()).toEqual([2, 3]);
  });
});
