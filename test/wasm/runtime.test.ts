import { describe, expect, it } from 'vitest';
import { fallen, startPlugin, wat } from '../support/plugin.ts';

describe('handlers of a plugin', () => {
  it('serves `in` by `handle`, other inlets by the function of their name, and what the manifest names', async () => {
    const actor = await startPlugin('echo', { inlets: ['in', 'shout', 'named', 'nobody'], functions: { named: 'shout' } });
    expect(actor.inlets).toEqual(['in', 'shout', 'named']);
    expect((await actor.deliver({ to: ['wörld', 1.5, null] })).value).toEqual({ to: ['wörld', 1.5, null] });
    expect((await actor.deliver('quiet', 'shout')).value).toBe('QUIET');
    expect((await actor.deliver('quiet', 'named')).value).toBe('QUIET');
    expect((await actor.deliver('quiet', 'nobody')).error?.code).toBe('actor.inlet');
  });

  it('does not start when the manifest names a function that is not there', async () => {
    expect(await fallen(startPlugin('echo', { functions: { in: 'absent' } }))).toMatchObject({
      by: 'failed',
      error: { code: 'actor.inlet', message: expect.stringContaining('absent') },
    });
  });

  it('sends nothing for no output', async () => {
    const actor = await startPlugin(wat('(func (export "handle"))'));
    expect(await actor.deliver(1)).toEqual({ is: 'nothing', sent: [] });
  });

  it('takes a batch in order', async () => {
    const actor = await startPlugin('context', { input: 'text', inlets: ['in', 'count'] });
    const results = await actor.deliverAll(Array<string>(3000).fill(''), 'count');
    expect(results.map(({ value }) => value)).toEqual(results.map((_, index) => String(index + 1)));
  });

  it('fails a turn by the error that the plugin sets, by its return code, and keeps the instance', async () => {
    const actor = await startPlugin('context', { input: 'text', inlets: ['in', 'count', 'fail'] });
    await actor.deliver('', 'count');
    expect(await actor.deliver('no more paper', 'fail')).toMatchObject({ is: 'error', error: { code: 'actor.failed', message: 'no more paper' } });
    expect((await actor.deliver('', 'count')).value).toBe('2');
    const silent = await startPlugin(wat('(func (export "handle") (result i32) (i32.const 3))'));
    expect((await silent.deliver(1)).error).toMatchObject({ code: 'actor.failed', message: 'the function returned 3' });
  });
});

describe('start and stop', () => {
  const talkative = { inlets: ['in', 'trap'], services: ['settings'] };

  it('runs `start` before the first message, with a service that it waits for, and `stop` at the end', async () => {
    const actor = await startPlugin('learner', { ...talkative, call: () => ({ size: 3 }) });
    expect((await actor.deliver(null)).value).toEqual({ calls: 1, learned: { ok: { size: 3 } } });
    await actor.stop();
    expect(actor.logs.map(({ text }) => text)).toEqual(['stopped after 1 calls']);
  });

  it('runs `start` again in the instance that follows a trap', async () => {
    const actor = await startPlugin('learner', { ...talkative, call: () => 'again' });
    await actor.deliver(null);
    expect((await actor.deliver(null, 'trap')).error?.code).toBe('actor.fatal');
    expect((await actor.deliver(null)).value).toEqual({ calls: 1, learned: { ok: 'again' } });
  });

  it('begins anew when a turn is cancelled for which `start` still waits', async () => {
    let asked = 0;
    const actor = await startPlugin('learner', { ...talkative, call: () => (++asked === 2 ? new Promise(() => {}) : asked) });
    await actor.deliver(null, 'trap');
    const turn = actor.nextTurn;
    const waiting = actor.deliver(null);
    while (asked < 2) await new Promise(setImmediate);
    await actor.cancel(turn, { code: 'execution.cancelled', message: 'enough' });
    expect((await waiting).error?.code).toBe('execution.cancelled');
    expect((await actor.deliver(null)).value).toEqual({ calls: 1, learned: { ok: 3 } });
  });

  it('does not start when `start` fails', async () => {
    const failing = wat('(func (export "start") (result i32) (i32.const 1)) (func (export "handle"))');
    expect(await fallen(startPlugin(failing))).toMatchObject({ by: 'failed', error: { code: 'actor.failed', message: 'the function returned 1' } });
  });

  it('ends an initialisation that does not end', async () => {
    const endless = wat('(func (export "_initialize") (loop $again (br $again))) (func (export "handle"))');
    expect(await fallen(startPlugin(endless, { limits: { start: 200 } }))).toEqual({ by: 'time' });
  });
});

describe('what a plugin gets', () => {
  it('finds config, granted environment, and nothing else', async () => {
    const config = { name: 'strings as they are', list: [1, { two: null }], '': 'empty' };
    const actor = await startPlugin('context', { input: 'text', config, environment: { REGION: 'north', name: 'hidden by config' } });
    const get = async (key: string) => (await actor.deliver(key)).value;
    expect([await get('name'), await get('list'), await get('REGION')]).toEqual(['strings as they are', '[1,{"two":null}]', 'north']);
    for (const key of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'PATH']) expect(await get(key)).toBe('none');
  });

  it('keeps variables as long as the instance lives, within their limit', async () => {
    const actor = await startPlugin('context', { input: 'text', inlets: ['in', 'count', 'forget', 'keep'] });
    const call = (inlet: string, text = '') => actor.deliver(text, inlet);
    expect([(await call('count')).value, (await call('count')).value]).toEqual(['1', '2']);
    await call('forget');
    expect((await call('count')).value).toBe('1');
    expect((await call('keep', '1000000')).value).toBe('kept');
    expect((await call('keep', '1000000')).value).toBe('kept');
    expect((await call('keep', '1048577')).error).toMatchObject({ code: 'limit.memory' });
    expect((await call('count')).value).toBe('1');
  });

  it('logs at its levels', async () => {
    const actor = await startPlugin('context', { input: 'text', inlets: ['in', 'log'] });
    await actor.deliver('héllo', 'log');
    expect(actor.logs.map(({ level, text, turn }) => `${turn} ${level} ${text}`)).toEqual(['1 debug héllo', '1 info héllo', '1 warn héllo', '1 error héllo']);
  });
});

describe('emit, ask and services', () => {
  it('emits to outlets before it returns', async () => {
    const actor = await startPlugin('talk', { outlets: ['extra'] });
    expect(await actor.deliver({ n: 1 })).toEqual({
      is: 'value',
      value: { n: 1 },
      sent: [
        { outlet: 'extra', value: { n: 1 } },
        { outlet: 'extra', value: { n: 1 } },
      ],
    });
  });

  it('ends a call that emits to an outlet that is not there, and what is no message', async () => {
    const actor = await startPlugin('talk', { inlets: ['in', 'nowhere'] });
    expect((await actor.deliver(null, 'nowhere')).error).toMatchObject({ code: 'actor.outlet', message: expect.stringContaining('`nowhere`') });
    const text = await startPlugin('talk', { input: 'text', output: 'json', outlets: ['extra'] });
    expect((await text.deliver('{ this is no JSON')).error?.code).toBe('message.invalid');
  });

  it('waits for services and for other actors', async () => {
    const seen: unknown[] = [];
    const actor = await startPlugin('talk', {
      inlets: ['in', 'service', 'ask', 'repeat'],
      peers: ['peer'],
      services: ['orders.list'],
      call: async ({ kind, name, input, turn }) => {
        seen.push(`${kind} ${name} ${turn}`);
        await new Promise(setImmediate);
        return { answered: input };
      },
    });
    expect((await actor.deliver({ since: 'monday' }, 'service')).value).toEqual({ ok: { answered: { since: 'monday' } } });
    expect((await actor.deliver([1, 'ü'], 'ask')).value).toEqual({ ok: { answered: [1, 'ü'] } });
    expect((await actor.deliver(null, 'repeat')).value).toEqual({ ok: { answered: {} } });
    expect(seen).toEqual(['service orders.list 1', 'ask peer 2', ...Array<string>(10).fill('service orders.list 3')]);
  });

  it('gives the error of a call to the plugin as a value', async () => {
    const options = { inlets: ['in', 'service', 'ask'], services: ['orders.list'] };
    const actor = await startPlugin('talk', { ...options, call: () => Promise.reject(new Error('out of paper')) });
    expect((await actor.deliver(null, 'service')).value).toEqual({ error: { code: 'service.failed', message: 'Error: out of paper' } });
    expect((await actor.deliver(null, 'ask')).value).toMatchObject({ error: { code: 'actor.unknown' } });
    const bytes = await startPlugin('talk', { ...options, call: () => new Uint8Array(3) });
    expect((await bytes.deliver(null, 'service')).value).toMatchObject({ error: { code: 'message.unsupported' } });
  });

  it('runs one call at a time, whatever the concurrency', async () => {
    const answers: ((value: unknown) => void)[] = [];
    const call = () => new Promise((resolve) => answers.push(resolve));
    const actor = await startPlugin('talk', { inlets: ['in', 'service'], services: ['orders.list'], concurrency: 3, call });
    const turns = actor.deliverAll([1, 2, 3], 'service');
    for (const answer of [1, 2, 3]) {
      while (answers.length === 0) await new Promise(setImmediate);
      expect(answers).toHaveLength(1);
      answers.pop()?.(answer);
    }
    expect((await turns).map(({ value }) => value)).toEqual([{ ok: 1 }, { ok: 2 }, { ok: 3 }]);
  });

  it('gives up a call that is cancelled while it waits, and serves the next', async () => {
    let asked = 0;
    const actor = await startPlugin('talk', {
      inlets: ['in', 'service'],
      services: ['orders.list'],
      outlets: ['extra'],
      call: () => (++asked === 1 ? new Promise(() => {}) : 'here'),
    });
    const cancelled = actor.deliver(null, 'service');
    while (asked === 0) await new Promise(setImmediate);
    await actor.cancel(1, { code: 'execution.cancelled', message: 'enough' });
    expect((await cancelled).error?.code).toBe('execution.cancelled');
    expect((await actor.deliver(null, 'service')).value).toEqual({ ok: 'here' });
  });
});
