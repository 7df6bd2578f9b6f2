import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { AuditEvent, CellEvent } from '../../host/index.ts';
import { partitionOfKey, replicaFor } from '../../runtimes/replicas.ts';
import { rogueHost } from '../support/rogueHost.ts';

const echo = { runtime: 'javascript', code: 'export const handle = (m) => m;' } as const;

const flow = {
  vivarium: 1,
  actors: { home: { ...echo, policy: { services: ['orders.list'], limits: { calls: 2 } } }, away: { ...echo, cell: 'own' } },
  connections: ['home -> away', 'home.side -> away', 'away.side -> home'],
  inputs: { in: 'home', away: 'away' },
  outputs: { out: 'away' },
} as const;

test('control: an honest stand-in is believed', async () => {
  const host = await rogueHost('');
  const deployed = await host.deploy(flow);
  expect(await deployed.run({ in: 'hello' })).toMatchObject({ status: 'completed', outputs: { out: ['hello'] } });
  expect(await deployed.actor('away').ask('hi')).toBe('hi');
});

/** Only the cell of `home` lies; what it says when it gets a message. Index 0 is `home`, 1 is `away`. */
const lies: Readonly<Record<string, string>> = {
  'a message of an actor that it does not host': `send({ type: 'emit', runs: [1, 0, 0, 1], execution: [execution], length: [1] }, Buffer.from('1'))`,
  'a message from an outlet that there is not': `send({ type: 'emit', runs: [0, 9, 0, 1], execution: [execution], length: [1] }, Buffer.from('1'))`,
  'a message of an execution that never was': `send({ type: 'emit', runs: [0, 0, 0, 1], execution: [execution + 1000], length: [1] }, Buffer.from('1'))`,
  'a message beyond the limit of its actor': `send({ type: 'emit', runs: [0, 0, 0, 1], execution: [execution], length: [4194304] }, Buffer.alloc(4194304, 48))`,
  'more messages than it had credit for': `const row = (value) => Array(20000).fill(value); send({ type: 'emit', runs: [0, 1, 0, 20000], execution: row(execution), length: row(1) }, Buffer.alloc(20000, 48))`,
  'the end of more deliveries than it was sent': `send({ type: 'settled', execution: [execution], received: [2], groups: [1, 0], work: [] })`,
  'the end of an execution that never was': `settle([execution + 1000])`,
  'work of an actor that it does not host': `send({ type: 'settled', execution: [execution], received: [1], groups: [1, 1], work: [1, 1, 1] })`,
  'an answer that nobody waits for': `send({ type: 'answer', reply: 77, error: null, lane: 0, length: [1] }, Buffer.from('1'))`,
  'an answer without a payload': `send({ type: 'answer', reply: 1, error: null, lane: 0, length: [] })`,
  'room for more messages than it was sent': `send({ type: 'credit', actor: [0], messages: [2000] })`,
  'room in an actor that it does not host': `send({ type: 'credit', actor: [1], messages: [1] })`,
  'an instance that nobody asked for': `send({ type: 'created', actor: 1, instance: 1, inlets: [], millis: 0 })`,
  'an instance a second time': `send({ type: 'created', actor: 0, instance: 1, inlets: [], millis: 0 })`,
  'a call of an instance that never was': `send({ type: 'call', actor: 0, instance: 7, call: 1, execution, turn: 1, capability: 'services', operation: 'orders.list', synchronous: false, lane: 0, length: [1] }, Buffer.from('1'))`,
  'a call of an actor that it does not host': `send({ type: 'call', actor: 1, instance: 1, call: 1, execution, turn: 1, capability: 'services', operation: 'orders.list', synchronous: false, lane: 0, length: [1] }, Buffer.from('1'))`,
  'a failure of an actor that it does not host': `send({ type: 'failure', execution, actor: 1, error: { code: 'actor.failed', message: 'x' } })`,
  'a log line of an actor that it does not host': `send({ type: 'log', lines: [{ actor: 1, execution, level: 'info', text: 'x', dropped: 0 }] })`,
  'the stop of an actor that nobody stops': `send({ type: 'stopped', actor: 0 })`,
  'the answer to a ping that was not sent': `send({ type: 'pong', token: 4000, oldest: 0, live: 1, idle: 0, cpu: 0, actor: [], messages: [] })`,
  'messages of an actor that it does not host': `cell.ping = ({ token }) => send({ type: 'pong', token, oldest: 0, live: 1, idle: 0, cpu: 0, actor: [1], messages: [1] })`,
  'that it keeps an interpreter, though it was told to keep none': `send({ type: 'interpreters', ready: 1, taken: 0 })`,
  'that it is ready, again': `ready()`,
  'no JSON at all': `channel.write(Buffer.from([6, 0, 0, 0, 2, 0, 0, 0, 1, 1]))`,
};

describe.each(Object.entries(lies))('a cell that sends %s', (_, lie) => {
  test('is killed, and the caller is told', async () => {
    const host = await rogueHost(
      `const { message } = cell; cell.message = function (actor, execution, reply, payload) { if (actor !== 0) return message(actor, execution, reply, payload); ${lie}; };`,
    );
    const deaths: CellEvent[] = [];
    host.on('cell', (event) => event.event === 'died' && deaths.push(event));
    const deployed = await host.deploy(flow);
    const result = await deployed.run({ in: 'hello' });
    expect(result).toMatchObject({ status: 'failed', outputs: { out: [] }, errors: [{ code: 'cell.protocol', execution: result.id }] });
    expect(deaths.map(({ reason }) => reason?.code)).toEqual(['cell.protocol', 'cell.protocol']);
    expect(await deployed.run({ away: 'hello' })).toMatchObject({ status: 'completed', outputs: { out: ['hello'] } });
  });
});

test('a cell cannot speak for an execution that another cell has', async () => {
  // `away` names the execution that only `home` was given: it has the number before its own.
  const host = await rogueHost(`
    let deliveries = 0;
    const { message } = cell;
    cell.message = function (actor, execution, reply, payload) {
      if (actor === 0) return;
      if (++deliveries === 1) send({ type: 'emit', runs: [1, 0, 0, 1], execution: [execution - 1], length: [1] }, Buffer.from('1'));
      message(actor, execution, reply, payload);
    };`);
  const reasons: unknown[] = [];
  host.on('cell', ({ event, reason }) => event === 'died' && reasons.push(reason?.code));
  const deployed = await host.deploy(flow);
  const held = await deployed.start({ in: 'secret' });
  // The second time the number before its own is that of a past attempt, and what is said of it is dropped.
  expect(await deployed.run({ away: 'hello' })).toMatchObject({ status: 'completed', outputs: { out: ['hello'] } });
  expect(reasons).toEqual(['cell.protocol']);
  await held.cancel();
  expect((await held.result).outputs.out).toEqual([]);
});

test('what a cell says of an execution that has ended is dropped, and costs it nothing', async () => {
  const host = await rogueHost(`
    const { message } = cell;
    cell.message = function (actor, execution, reply, payload) {
      message(actor, execution, reply, payload);
      if (actor === 1) for (let n = 0; n < 3; n++) send({ type: 'failure', execution, actor: 1, error: { code: 'actor.failed', message: 'too late' } });
    };`);
  const deployed = await host.deploy(flow);
  for (let round = 0; round < 3; round++) expect(await deployed.run({ away: round })).toMatchObject({ status: 'completed', outputs: { out: [round] } });
});

describe('a call that a cell makes up', () => {
  /** Sends these calls for the actor `home`, and emits what it gets, and the error of the last. */
  const calling = (...calls: readonly string[]) => `
    let wanted = 0, current;
    cell.message = function (actor, execution, reply, payload) {
      if (actor === 1) { send({ type: 'emit', runs: [1, 0, 0, 1], execution: [execution], length: [payload.length] }, payload); send({ type: 'credit', actor: [1], messages: [1] }); return settle([execution]); }
      current = execution;
      wanted = ${calls.length};
      ${calls.map((call, index) => `{ const [capability, operation, said = 'null'] = ${call}; send({ type: 'call', actor: 0, instance: 1, call: ${index + 1}, execution, turn: 1, capability, operation, synchronous: false, lane: 0, length: [said.length] }, Buffer.from(said)); }`).join('\n')}
    };
    const answers = [], errors = [];
    cell.reply = ({ call, error }) => {
      answers[call - 1] = error?.code ?? 'granted';
      errors[call - 1] = error;
      send({ type: 'log', lines: [{ actor: 0, execution: current, level: 'info', text: answers.filter(Boolean).length + ' answers', dropped: 0 }] });
      if (--wanted > 0) return;
      const text = Buffer.from(JSON.stringify({ answers, last: errors.at(-1) }));
      send({ type: 'emit', runs: [0, 0, 0, 1], execution: [current], length: [text.length] }, text);
      settle([current]);
    };`;

  const list = { input: z.unknown(), output: z.unknown(), handle: () => 'listed' };

  test('is decided by the policy of the actor, told to the audit, and denied with the line that would allow it', async () => {
    const host = await rogueHost(calling("['services', 'orders.list']", "['services', 'orders.drop']"), { orders: { list, drop: list } });
    const audit: AuditEvent[] = [];
    host.on('audit', (event) => audit.push(event));
    const deployed = await host.deploy(flow);
    const { id, outputs } = await deployed.run({ in: 1 });
    expect(outputs.out).toMatchObject([
      { answers: ['granted', 'policy.denied'], last: { code: 'policy.denied', actor: 'home', hint: expect.stringContaining('services: [orders.drop]') } },
    ]);
    expect(audit).toMatchObject([
      { actor: 'home', capability: 'services', resource: 'orders.list', allowed: true, execution: id },
      { actor: 'home', capability: 'services', resource: 'orders.drop', allowed: false, execution: id },
    ]);
  });

  test.each([
    [`['filesystem', 'readFile', '{"path":"/etc/passwd"}']`, 'read `/etc/passwd`'],
    [`['filesystem', 'remove', '{"path":"/etc/passwd"}']`, 'write `/etc/passwd`'],
    [`['network', 'request', '{"method":"GET","url":"https://example.com/","headers":[]}']`, 'reach `https://example.com/` with GET'],
    ["['secrets', 'TOKEN']", "there is no capability 'secrets'"],
    ["['kernel', 'reboot']", "there is no capability 'kernel'"],
  ])('of %s is denied', async (call, told) => {
    const host = await rogueHost(calling(call));
    const deployed = await host.deploy(flow);
    const [answer] = (await deployed.run({ in: 1 })).outputs.out as never as readonly { readonly last: { code: string; message: string } }[];
    expect(answer?.last).toMatchObject({ code: 'policy.denied', message: expect.stringContaining(told) });
  });

  test('beyond the limit of calls in flight is refused', async () => {
    // The calls that were admitted end when the stand-in has been told of the refusals.
    const refused = Promise.withResolvers<void>();
    const slow = { ...list, handle: () => refused.promise };
    const host = await rogueHost(calling(...Array(5).fill("['services', 'orders.list']")), { orders: { list: slow } });
    host.on('log', ({ text }) => text === '3 answers' && refused.resolve());
    const deployed = await host.deploy(flow);
    const [{ answers }] = (await deployed.run({ in: 1 })).outputs.out as never as readonly [{ readonly answers: readonly string[] }];
    expect(answers).toEqual(['granted', 'granted', 'limit.calls', 'limit.calls', 'limit.calls']);
  });

  test('for a service that the host does not offer says no more than that', async () => {
    const host = await rogueHost(calling("['services', 'orders.list']"));
    const deployed = await host.deploy(flow);
    expect((await deployed.run({ in: 1 })).outputs.out).toMatchObject([
      { last: { code: 'service.unknown', message: "the host offers no service 'orders.list'" } },
    ]);
  });
});

describe('a cell that falls silent', () => {
  test('is killed when it answers no ping', async () => {
    const host = await rogueHost('cell.ping = () => {}; cell.message = () => {};');
    const reasons: unknown[] = [];
    host.on('cell', ({ event, reason }) => event === 'died' && reasons.push(reason));
    const deployed = await host.deploy(flow);
    expect(await deployed.run({ in: 1 })).toMatchObject({ status: 'failed', errors: [{ code: 'cell.died' }] });
    expect(reasons).toContainEqual({ code: 'cell.died', message: 'the cell did not answer for 2 s' });
  });

  test('is killed when it does not end what was cancelled', async () => {
    const host = await rogueHost('cell.message = () => {};');
    const deployed = await host.deploy(flow);
    const execution = await deployed.start({ in: 1 });
    const began = performance.now();
    await execution.cancel();
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(await execution.result).toMatchObject({ status: 'cancelled' });
  });

  test('lives as long as it speaks: its answers come behind all that it had to say before', async () => {
    const host = await rogueHost(`
      const { ping } = cell;
      const pings = [];
      let speaking;
      cell.ping = (message) => (speaking === undefined ? ping(message) : pings.push(message));
      cell.message = () => {};
      cell.cancel = ({ execution }) => {
        speaking = setInterval(() => say(pings.length), 50);
        const end = setInterval(() => {
          if (pings.length < 12) return;
          clearInterval(end);
          clearInterval(speaking);
          speaking = undefined;
          settle(execution);
          for (const message of pings) ping(message);
        }, 50);
      };`);
    const deaths: CellEvent[] = [];
    host.on('cell', (event) => event.event === 'died' && deaths.push(event));
    const deployed = await host.deploy(flow);
    const execution = await deployed.start({ in: 1 });
    await execution.cancel();
    expect(await execution.result).toMatchObject({ status: 'cancelled' });
    expect(deaths).toEqual([]);
  });

  test('is killed when a guest runs beyond every limit', async () => {
    const host = await rogueHost(
      "let oldest = 0; cell.ping = ({ token }) => send({ type: 'pong', token, oldest, live: 1, idle: 0, cpu: 0, actor: [], messages: [] }); cell.message = () => { oldest = 40000; };",
    );
    const deployed = await host.deploy(flow);
    expect(await deployed.run({ in: 1 })).toMatchObject({ status: 'failed', errors: [{ code: 'limit.wall' }] });
  });
});

test('an actor that has started and had nothing to do for long may go, however late the host hears of its start', async () => {
  const late =
    'const { create } = cell; cell.create = (message) => { if (message.instance > 1) create(message); else setTimeout(() => { create(message); cell.stop({ actor: message.actor.index }); }, 200); };';
  const host = await rogueHost(late, {}, { idle: 100 });
  const deaths: CellEvent[] = [];
  host.on('cell', (event) => event.event === 'died' && deaths.push(event));
  const deployed = await host.deploy({ vivarium: 1, actors: { home: echo }, inputs: { in: 'home' }, outputs: { out: 'home' } });
  await expect.poll(() => deployed.status().actors.map(({ state }) => state)).toEqual(['asleep']);
  expect(await deployed.run({ in: 'hello' })).toMatchObject({ status: 'completed', outputs: { out: ['hello'] } });
  expect(deaths).toEqual([]);
});

test('a cell that never becomes what it should makes the deployment fail, not wait', async () => {
  const dies = await rogueHost('cell.create = () => process.exit(3);');
  await expect(dies.deploy(flow)).rejects.toMatchObject({ code: 'actor.start', message: expect.stringContaining('died while') });
  const confesses = await rogueHost("send({ type: 'ready', version: 4, node: '26', denied: { 'read /etc/passwd': 'ALLOWED' }, environment: [], boot: 0 });");
  await expect(confesses.deploy(flow)).rejects.toMatchObject({ code: 'cell.start', message: expect.stringContaining('read /etc/passwd') });
});

/** Index 0 is the first of the replicas; 1 is the second, whose cell lies. */
const replicated = {
  vivarium: 1,
  cells: 2,
  actors: { work: { ...echo, replicas: 2 } },
  inputs: { in: 'work' },
  outputs: { out: 'work' },
} as const;
/** Keys of the two. */
const [first, second] = [0, 1].map((replica) => ['a', 'b', 'c', 'd', 'e', 'f'].find((key) => replicaFor(partitionOfKey(key), 2) === replica) as string) as [
  string,
  string,
];

const liesAboutReplicas: Readonly<Record<string, string>> = {
  'a message of another replica of its actor': `send({ type: 'emit', runs: [0, 0, 0, 1], execution: [execution], length: [1] }, Buffer.from('1'))`,
  'work of another replica of its actor': `send({ type: 'settled', execution: [execution], received: [1], groups: [1, 1], work: [0, 1, 1] })`,
  'room in another replica of its actor': `send({ type: 'credit', actor: [0], messages: [1] })`,
  'a failure of another replica of its actor': `send({ type: 'failure', execution, actor: 0, error: { code: 'actor.failed', message: 'x' } })`,
  'a replica that there is not': `send({ type: 'emit', runs: [2, 0, 0, 1], execution: [execution], length: [1] }, Buffer.from('1'))`,
};

describe.each(Object.entries(liesAboutReplicas))('a cell that tells of %s', (_, lie) => {
  test('is killed, and the other replica serves', async () => {
    const host = await rogueHost(
      `const { message } = cell; cell.message = function (actor, execution, reply, payload) { if (actor !== 1) return message(actor, execution, reply, payload); ${lie}; };`,
    );
    const deployed = await host.deploy(replicated);
    expect(await deployed.run({ in: 'hello' }, { partition: first })).toMatchObject({ status: 'completed', outputs: { out: ['hello'] } });
    expect(await deployed.run({ in: 'hello' }, { partition: second })).toMatchObject({ status: 'failed', errors: [{ code: 'cell.protocol' }] });
    expect(await deployed.run({ in: 'hello' }, { partition: first })).toMatchObject({ status: 'completed', outputs: { out: ['hello'] } });
  });
});

test('a cell cannot send an execution to a replica that does not serve it', async () => {
  // It shows the host all that its sender says, and keeps nothing for the replica that lives beside the sender.
  const host = await rogueHost('');
  const deployed = await host.deploy({
    vivarium: 1,
    cells: 2,
    actors: { front: echo, work: { ...echo, replicas: 2 } },
    connections: ['front -> work'],
    inputs: { in: 'front' },
    outputs: { out: 'work' },
  });
  const outputs = async (partition: string) => (await deployed.run({ in: 'hello' }, { partition })).outputs.out;
  expect([await outputs(first), await outputs(second)].toSorted()).toEqual([[], ['hello']]);
});
