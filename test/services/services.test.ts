import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AuditEvent, createHost, defineService, type ServiceTree } from '../../host/index.ts';

const policy = { services: ['orders.*'] };

const actor = (code: string, rest: object = {}) =>
  ({ vivarium: 1, actors: { clerk: { runtime: 'javascript', code, policy, ...rest } }, inputs: { in: 'clerk' }, outputs: { out: 'clerk' } }) as const;

/** Calls `orders.list` with the message, and tells what it gets. */
const caller = actor(
  'export const handle = async (m, { services }) => { try { return { got: await services.orders.list(m) }; } catch (error) { return { ...error.toJSON?.(), code: error.code, message: error.message, stack: String(error.stack) }; } };',
);

const host = (services: ServiceTree, rest: object = {}) => createHost({ services, ceiling: policy, ...rest });

describe('a service', () => {
  test('takes and gives what its schemas admit, and knows its caller from the channel', async () => {
    const callers: unknown[] = [];
    await using vivarium = await createHost({
      ceiling: policy,
      services: {
        orders: {
          list: defineService({
            input: z.object({ since: z.string().transform((text) => text.length) }),
            output: z.array(z.object({ id: z.number() })),
            handle: ({ since }, { namespace, actor: name, execution, signal }) => {
              callers.push({ namespace, name, execution, aborted: signal.aborted });
              return [{ id: since }];
            },
          }),
        },
      },
    });
    const flow = await vivarium.deploy(caller, { namespace: 'shop' });
    const { id, outputs } = await flow.run({ in: { since: 'today' } });
    expect(outputs.out).toEqual([{ got: [{ id: 5 }] }]);
    expect(callers).toEqual([{ namespace: 'shop', name: 'clerk', execution: id, aborted: false }]);
  });

  test('refuses an input that does not fit, and says why', async () => {
    let called = false;
    const list = defineService({ input: z.object({ since: z.string() }), output: z.unknown(), handle: () => (called = true) });
    await using vivarium = await host({ orders: { list } });
    const flow = await vivarium.deploy(caller);
    expect(await flow.ask('in', { since: 1 })).toMatchObject({ code: 'service.input', message: expect.stringContaining('since: ') });
    expect(called).toBe(false);
  });

  test('tells a guest the message of a failure and nothing else of it', async () => {
    const failures: unknown[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (text: string, fields?: object) => failures.push([text, (fields as { cause?: unknown }).cause]) };
    const cause = Object.assign(new TypeError('the database is closed'), { code: 'ECONNREFUSED', path: '/srv/secret' });
    const list = defineService({
      input: z.string(),
      output: z.string(),
      handle: (how): string => {
        if (how === 'throw') throw cause;
        if (how === 'odd') throw { toString: () => import.meta.filename };
        return how === 'number' ? (1 as never) : (Symbol('x') as never);
      },
    });
    await using vivarium = await host({ orders: { list } }, { logger });
    const flow = await vivarium.deploy(caller);
    const answers = await Promise.all(['throw', 'odd', 'number', 'symbol'].map(async (how) => (await flow.ask('in', how)) as Record<string, unknown>));
    expect(answers).toMatchObject([
      { code: 'service.failed', message: "'orders.list' failed: the database is closed" },
      { code: 'service.failed', message: "'orders.list' failed: no reason was given" },
      { code: 'service.output', message: "'orders.list' returned something that does not fit its own schema" },
      { code: 'service.output' },
    ]);
    for (const secret of ['/srv/secret', 'ECONNREFUSED', 'TypeError', import.meta.dirname, 'host/']) expect(JSON.stringify(answers)).not.toContain(secret);
    expect(failures).toContainEqual(["'orders.list' failed: the database is closed", cause]);
  });

  test('is denied unless the policy and the ceiling grant it, and that is audited before anything happens', async () => {
    const events: (AuditEvent | 'called')[] = [];
    const list = defineService({ input: z.unknown(), output: z.unknown(), handle: () => void events.push('called') });
    await using vivarium = await host({ orders: { list }, money: { send: list } }, { ceiling: { services: ['orders.list'] } });
    vivarium.on('audit', (event) => events.push(event));
    const flow = await vivarium.deploy(
      actor(
        'export const handle = async (name, { services }) => { const [group, service] = name.split("."); try { return await services[group][service](); } catch (error) { return error.code + " " + error.message; } };',
        {
          policy: { services: ['orders.list', 'orders.drop'] },
        },
      ),
    );
    expect(await flow.ask('in', 'orders.list')).toBe(null);
    expect(events).toMatchObject([
      { namespace: 'default', actor: 'clerk', capability: 'services', operation: 'call', resource: 'orders.list', allowed: true },
      'called',
    ]);
    expect(vivarium.report().namespaces).toEqual(['default']);
    const { refused } = flow.grants[0] as (typeof flow.grants)[number];
    expect(refused.map(({ line }) => line)).toEqual(['services: [orders.drop]']);
  });

  test('can be called while an actor starts', async () => {
    const list = defineService({ input: z.unknown(), output: z.unknown(), handle: (_, { execution }) => ['orders', execution ?? null] });
    await using vivarium = await host({ orders: { list } });
    const flow = await vivarium.deploy(
      actor('let orders; export const start = async ({ services }) => { orders = await services.orders.list(); }; export const handle = () => orders;'),
    );
    expect(await flow.ask('in', 1)).toEqual(['orders', null]);
  });

  test('sees its signal aborted when the execution is cancelled or the cell is gone', async () => {
    const aborted: unknown[] = [];
    const begun: (() => void)[] = [];
    const list = defineService({
      input: z.unknown(),
      output: z.unknown(),
      handle: (_, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.push((signal.reason as { code: string }).code);
            resolve('too late');
          });
          begun.shift()?.();
        }),
    });
    await using vivarium = await host({ orders: { list } });
    const flow = await vivarium.deploy(caller);
    const hasBegun = () => new Promise<void>((resolve) => begun.push(resolve));
    const [first, called] = [flow.run({ in: 1 }, { timeout: 1_500 }), hasBegun()];
    await called;
    expect(await first).toMatchObject({ status: 'failed', errors: [{ code: 'execution.deadline' }] });
    expect(aborted).toEqual(['call.cancelled']);
    const [second, calledAgain] = [flow.run({ in: 1 }), hasBegun()];
    await calledAgain;
    await flow.stop();
    expect(await second).toMatchObject({ status: 'cancelled' });
    expect(aborted).toEqual(['call.cancelled', 'call.cancelled']);
  });

  test('is called no more often at once than the limit of the actor allows', async () => {
    let most = 0;
    let now = 0;
    const list = defineService({
      input: z.unknown(),
      output: z.unknown(),
      handle: async () => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 20));
        now--;
      },
    });
    await using vivarium = await host({ orders: { list } });
    const flow = await vivarium.deploy(
      actor(
        'export const handle = async (n, { services }) => (await Promise.allSettled(Array.from({ length: n }, async () => services.orders.list()))).map(({ status, reason }) => reason?.code ?? status);',
        {
          policy: { ...policy, limits: { calls: 4 } },
        },
      ),
    );
    const answers = (await flow.ask('in', 10)) as string[];
    expect(most).toBe(4);
    expect(answers.toSorted()).toEqual([...Array(4).fill('fulfilled'), ...Array(6).fill('limit.calls')]);
  });

  test('counts against that limit until its work is over, also when nobody waits for it any more', async () => {
    const works: (() => void)[] = [];
    const list = defineService({ input: z.unknown(), output: z.unknown(), handle: () => new Promise<void>((resolve) => works.push(resolve)) });
    const now = defineService({ input: z.unknown(), output: z.unknown(), handle: () => 'now' });
    await using vivarium = await host({ orders: { list, now } });
    const flow = await vivarium.deploy(
      actor('export const handle = async (name, { services }) => { try { return await services.orders[name](); } catch (error) { return error.code; } };', {
        policy: { ...policy, limits: { calls: 2 } },
      }),
    );
    for (let i = 0; i < 2; i++)
      expect(await flow.run({ in: 'list' }, { timeout: 1_500 })).toMatchObject({ status: 'failed', errors: [{ code: 'execution.deadline' }] });
    expect(works.length).toBe(2);
    expect(await flow.ask('in', 'now')).toBe('limit.calls');
    works[0]?.();
    await expect.poll(() => flow.ask('in', 'now')).toBe('now');
  });

  test('that is given a hundred thousand mistakes answers with few words, and harms nobody', async () => {
    const list = defineService({ input: z.strictObject({}), output: z.unknown(), handle: () => null });
    await using vivarium = await host({ orders: { list } }, { ceiling: { ...policy, limits: { message: '16MiB', memory: '512MiB', cpu: '10s' } } });
    const flow = await vivarium.deploy(
      actor(
        `export const handle = async (count, { services }) => {
          const input = Object.fromEntries(Array.from({ length: count }, (_, index) => ['x'.repeat(1500) + index, 1]));
          try { return await services.orders.list(input); } catch ({ code, message }) { return { code, length: message.length }; }
        };`,
        { policy: { ...policy, limits: { message: '16MiB', memory: '512MiB', cpu: '10s' } } },
      ),
    );
    expect(await flow.ask('in', 9_000)).toEqual({ code: 'service.input', length: 8 * 1024 });
    expect(await flow.ask('in', 0)).toBe(null);
  });

  test('is not called if the decision cannot be recorded', async () => {
    let called = 0;
    const list = defineService({ input: z.unknown(), output: z.unknown(), handle: () => void called++ });
    await using vivarium = await host({ orders: { list } });
    const flow = await vivarium.deploy(caller);
    const forget = vivarium.on('audit', () => {
      throw new Error('the disk is full');
    });
    expect(await flow.ask('in', 1)).toMatchObject({ code: 'audit.failed' });
    expect(called).toBe(0);
    forget();
    expect(await flow.ask('in', 1)).toEqual({ got: null });
    expect(called).toBe(1);
  });
});

test('whoever has no grant cannot name a service, and what the host does not offer is not there', async () => {
  const list = defineService({ input: z.unknown(), output: z.unknown(), handle: () => 'secret' });
  await using vivarium = await host({ orders: { list } });
  const flow = await vivarium.deploy(
    actor('export const handle = (_, { services }) => ({ groups: Object.keys(services), orders: Object.keys(services.orders ?? {}) });', { policy: 'pure' }),
  );
  expect(await flow.ask('in', 1)).toEqual({ groups: [], orders: [] });
});

test('a variable that is granted reaches the actor, and the decision is audited', async () => {
  const ceiling = { environment: { REGION: 'optional' } } as const;
  await using vivarium = await createHost({ ceiling, environment: { REGION: 'north', TOKEN: 'secret' } });
  const audit: AuditEvent[] = [];
  vivarium.on('audit', (event) => audit.push(event));
  const flow = await vivarium.deploy(
    actor('export const handle = (_, { env }) => env;', { policy: { environment: { REGION: 'required', TOKEN: 'optional' } } }),
  );
  expect(await flow.ask('in', 1)).toEqual({ REGION: 'north' });
  expect(audit).toMatchObject([
    { capability: 'environment', resource: 'REGION', allowed: true },
    { capability: 'environment', resource: 'TOKEN', allowed: false },
  ]);
});
