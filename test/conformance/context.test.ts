/** What an actor knows: its config, its environment, its execution. And what it may tell: its logs. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Caller } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';
import { type Language, languages } from './languages.ts';
import { inputsTo, setStage } from './suite.ts';

const secrets = { API_KEY: { to: 'https://api.example.com', header: 'authorization' } };
const policy = {
  secrets,
  services: ['gate.*'],
  environment: { REGION: 'required', LEVEL: { default: 'info' }, COLOUR: 'optional' },
  limits: { logs: 1_050 },
} as const;
const config = { threshold: 0.5, names: ['ä', 'b"c'] };
const inletsOf = (language: Language): string[] => [
  'in',
  'environment',
  'secrets',
  'execution',
  'survive',
  'log',
  'flood',
  ...(language.has('print') ? ['printed'] : []),
];

/** Namespaces whose cell was killed. */
const killed = new Set<string>();
const anything = { input: z.unknown(), output: z.unknown() };
const services = {
  gate: {
    enter: {
      ...anything,
      handle(_: unknown, { namespace }: Caller) {
        if (killed.has(namespace)) return null;
        killed.add(namespace);
        process.kill(stage.processOf(namespace), 'SIGKILL');
        return new Promise(() => {});
      },
    },
  },
};

const stage = setStage(
  { services, environment: { REGION: 'north', TOKEN: 'not for guests' }, secrets: { values: { API_KEY: 'known to the host alone', TOKEN: 'not granted' } } },
  (language) => ({
    actors: { settings: language.actor('settings', { config, policy }) },
    inputs: inputsTo('settings', inletsOf(language)),
    outputs: { out: 'settings' },
  }),
);

describe.each(languages)('an actor in %s', (language) => {
  const flow = () => stage.flow(language);
  const logsOf = async (inlet: string, message: unknown) => {
    const { id } = await flow().run({ [inlet]: message });
    // Its logs are there when the next execution has ended.
    await flow().run({ handle: null });
    return stage.logs(id);
  };

  test('knows its config', async () => {
    expect(await flow().ask('handle', null)).toEqual(config);
  });

  test('knows the variables that were granted, and no others', async () => {
    expect(await flow().ask('environment', null)).toEqual({ REGION: 'north', LEVEL: 'info', COLOUR: null, TOKEN: null });
  });

  test('holds placeholders of the secrets that were granted, and of no others', async () => {
    expect(await flow().ask('secrets', null)).toEqual({ API_KEY: expect.stringMatching(/^secret-[\w-]{32}$/), TOKEN: null });
  });

  test('is not deployed without a variable that it requires', async () => {
    const deploy = (variable: string, environment: Record<string, string>, namespacePolicy: object) =>
      stage.deploy(
        { actors: { settings: language.actor('settings', { policy: { environment: { [variable]: 'required' } } }) }, ...namespacePolicy },
        'required',
        { environment },
      );
    const missing = await failureOf(() => deploy('ABSENT', {}, {}));
    expect(missing).toMatchObject({ code: 'policy.required', record: { actor: 'settings', hint: expect.stringContaining('ABSENT') } });
    const ungranted = await failureOf(() => deploy('REGION', { REGION: 'south' }, { policy: { environment: { LEVEL: 'optional' } } }));
    expect(ungranted).toMatchObject({ code: 'policy.required', record: { actor: 'settings', hint: expect.stringContaining('REGION') } });
    const flow = await deploy('ABSENT', { ABSENT: 'here' }, {});
    expect(flow.actors).toEqual(['settings']);
  });

  test('knows its execution', async () => {
    const deadline = new Date(Date.now() + 60_000);
    const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const named = await flow().run({ execution: null }, { id: `mine-${language}`, parents: ['first', 'second'], deadline, trace });
    expect(named.outputs['out']).toEqual([{ id: `mine-${language}`, attempt: 1, parents: ['first', 'second'], deadline: deadline.getTime(), trace }]);
    const { id, outputs } = await flow().run({ execution: null });
    expect(outputs['out']).toEqual([{ id, attempt: 1, parents: [], deadline: null, trace: null }]);
  });

  test('knows that its execution runs for the second time, after its cell died', async () => {
    expect(await flow().ask('survive', null)).toBe(2);
    expect(await flow().ask('survive', null)).toBe(1);
  });

  test('logs at four levels, and each line says who wrote it', async () => {
    const logs = await logsOf('log', 'naïve');
    expect(logs.map(({ level, text, dropped }) => [level, text, dropped])).toEqual(['debug', 'info', 'warn', 'error'].map((level) => [level, 'naïve', 0]));
    expect(new Set(logs.map(({ namespace, actor }) => `${namespace} ${actor}`))).toEqual(new Set([`${language} settings`]));
    for (const { time } of logs) expect(Math.abs(time - Date.now())).toBeLessThan(60_000);
  });

  test('cannot forge a second line', async () => {
    const [first] = await logsOf('log', language.name === 'wasm' ? 'a\u2028b' : 'a\nERROR b\u001b[31m');
    expect(first?.text).not.toMatch(/[\n\u001b\u2028]/);
    expect(first?.text).toMatch(/^a.*b/);
  });

  test('logs so many bytes in a turn, and what exceeds them is dropped and counted', async () => {
    const logs = await logsOf('flood', 50);
    expect(logs.slice(0, 10).map(({ text }) => text)).toEqual(Array.from({ length: 10 }, (_, n) => String(n).padEnd(100, '.')));
    expect(logs.slice(10)).toMatchObject([
      { level: 'warn', actor: 'settings', namespace: language.name, dropped: 40, text: expect.stringContaining('limit.logs') },
    ]);
    expect(await logsOf('flood', 1)).toHaveLength(1);
  });

  test('has that much for each turn, however many run in a row', async () => {
    const ids = await Array.fromAsync(flow().pipe(Array(300).fill(10), { input: 'flood' }), ({ id }) => id);
    await flow().run({ handle: null });
    const lines = Map.groupBy(stage.logs(), ({ execution }) => execution);
    expect(ids.map((id) => lines.get(id)?.length)).toEqual(Array(300).fill(10));
  });

  if (language.has('print')) {
    test('logs what it prints', async () => {
      const logs = await logsOf('printed', 'text');
      expect(logs.map(({ level }) => level)).toEqual(['info', 'error']);
      expect(logs[0]?.text).toBe('text');
      expect(logs[1]?.text).toMatch(/^text \{ ?['"]?n['"]?: 1 ?\}$/);
    });
  }
});
