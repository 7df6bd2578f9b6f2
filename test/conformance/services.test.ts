/** How guests call functions of the embedder: what they get, what they are refused, what they never learn. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AuditEvent, defineService } from '../../host/index.ts';
import { type Language, languages, root } from './languages.ts';
import { inputsTo, setStage } from './suite.ts';

const callers: unknown[] = [];
let inFlight = 0;
let mostInFlight = 0;

const services = {
  orders: {
    list: defineService({
      input: z.object({ since: z.string() }),
      output: z.array(z.object({ id: z.number() })),
      handle: ({ since }, { namespace, actor, execution, signal }) => {
        callers.push({ namespace, actor, execution, aborted: signal.aborted });
        return [{ id: since.length }];
      },
    }),
    fails: defineService({
      input: z.unknown(),
      output: z.unknown(),
      handle: () => {
        throw Object.assign(new TypeError('the database is closed'), { code: 'ECONNREFUSED', path: import.meta.filename });
      },
    }),
    misshapen: defineService({ input: z.unknown(), output: z.string(), handle: () => 1 as never }),
    echo: defineService({
      input: z.unknown(),
      output: z.unknown(),
      handle: async (input) => {
        mostInFlight = Math.max(mostInFlight, ++inFlight);
        await new Promise((resolve) => setTimeout(resolve, 20));
        inFlight--;
        return input;
      },
    }),
  },
  money: { send: defineService({ input: z.unknown(), output: z.unknown(), handle: () => 'sent' }) },
};

const kinds = ['list', 'fails', 'misshapen', 'denied', 'unknown', 'echo'] as const;
/** The same call, awaited or blocking, where a language has both. */
const waysOf = (language: Language): readonly string[] => (language.has('blocking') && language.has('asynchronous') ? ['', 'Now'] : ['']);
const inletsOf = (language: Language): string[] => [
  'in',
  ...waysOf(language).flatMap((way) => kinds.map((kind) => kind + way)),
  'twice',
  ...(language.has('parallel') ? ['parallel'] : []),
  ...(language.has('passing') ? ['passing'] : []),
];

const policy = { services: ['orders.*', 'money.send'] };
const namespacePolicy = { services: ['orders.*'] };

const stage = setStage({ services }, (language) => ({
  policy: namespacePolicy,
  actors: { clerk: language.actor('services', { policy }) },
  inputs: inputsTo('clerk', inletsOf(language)),
  outputs: { out: 'clerk' },
}));

const cases = languages.flatMap((language) => waysOf(language).map((way) => ({ language, way, title: `${language}${way === '' ? '' : ', without await'}` })));

describe.each(cases)('a call in $title', ({ language, way }) => {
  const answer = (inlet: string, message: unknown): Promise<unknown> => stage.flow(language).ask(inlet + way, message);
  const nothingOfTheHost = (told: unknown): void => {
    for (const secret of ['ECONNREFUSED', 'TypeError', root, 'stack', 'cause', '.ts']) expect(JSON.stringify(told)).not.toContain(secret);
  };

  test('gets what the service returns, and the service knows who calls', async () => {
    const { id, outputs } = await stage.flow(language).run({ [`list${way}`]: { since: 'today' } });
    expect(outputs['out']).toEqual([{ ok: [{ id: 5 }] }]);
    expect(callers).toContainEqual({ namespace: language.name, actor: 'clerk', execution: id, aborted: false });
  });

  test('carries any message both ways', async () => {
    const values = [null, 2n ** 60n, 'naïve 😀', { list: [1.5, [true, null]] }, 'x'.repeat(200_000)];
    for (const value of values) expect(await answer('echo', value)).toEqual({ ok: value });
    if (language.name !== 'wasm')
      expect(await answer('echo', { at: new Date(5), bytes: new Uint8Array([0, 255]) })).toEqual({ ok: { at: new Date(5), bytes: new Uint8Array([0, 255]) } });
  });

  test('is refused an input that does not fit, and told why', async () => {
    const told = await answer('list', { since: 1 });
    expect(told).toMatchObject({ error: { code: 'service.input', message: expect.stringContaining('since') } });
    nothingOfTheHost(told);
  });

  test('is told of a failure by its message alone', async () => {
    const told = await answer('fails', 1);
    expect(told).toEqual({ error: { code: 'service.failed', message: "'orders.fails' failed: the database is closed" } });
    nothingOfTheHost(told);
  });

  test('does not get what does not fit the schema of the output', async () => {
    const told = await answer('misshapen', 1);
    expect(told).toMatchObject({ error: { code: 'service.output' } });
    nothingOfTheHost(told);
  });

  test('is denied by the policy, with the rule that decided and the line that would allow it', async () => {
    const audit: AuditEvent[] = [];
    const off = stage.host.on('audit', (event) => audit.push(event));
    const told = await answer('denied', 1);
    off();
    expect(told).toMatchObject({
      error: {
        code: 'policy.denied',
        message: expect.stringContaining('`clerk` may not call the service `money.send`'),
        hint: expect.stringContaining('services: [money.send]'),
      },
    });
    expect(audit).toMatchObject([
      { namespace: language.name, actor: 'clerk', capability: 'services', operation: 'call', resource: 'money.send', allowed: false },
    ]);
    nothingOfTheHost(told);
  });

  test('is told that a service does not exist', async () => {
    expect(await answer('unknown', 1)).toMatchObject({ error: { code: 'service.unknown', message: expect.stringContaining('orders.none') } });
  });
});

describe.each(languages)('a turn in %s', (language) => {
  test('calls several times in a row', async () => {
    expect(await stage.flow(language).ask('twice', [1, 'x'])).toEqual([
      [1, 'x'],
      [1, 'x'],
    ]);
  });

  if (language.has('parallel')) {
    test('calls several times at once, and each call gets its own answer', async () => {
      mostInFlight = 0;
      expect(await stage.flow(language).ask('parallel', [1, 2, 3, 4])).toEqual([1, 2, 3, 4]);
      expect(mostInFlight).toBe(4);
    });
  }

  if (language.has('passing')) {
    test('fails with the error that it lets pass, code and hint included', async () => {
      const { status, errors } = await stage.flow(language).run({ passing: 1 });
      expect({ status, errors }).toMatchObject({
        status: 'failed',
        errors: [{ code: 'policy.denied', actor: 'clerk', hint: expect.stringContaining('money.send') }],
      });
      expect(errors[0]?.file).toBe(language.file('services'));
    });
  }
});
