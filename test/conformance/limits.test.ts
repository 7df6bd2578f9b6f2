/** Every limit has its own error, and whoever broke one answers the next message. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ErrorRecord, Flow } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';
import { type Language, languages } from './languages.ts';
import { inputsTo, setStage } from './suite.ts';

const anything = { input: z.unknown(), output: z.unknown() };
const services = { gate: { wait: { ...anything, handle: () => new Promise(() => {}) }, pass: { ...anything, handle: () => 'passed' } } };

type Limits = Readonly<Record<string, unknown>>;
const granted = (limits: Limits) => ({ services: ['gate.*'], limits }) as object;

/** Long enough that only those who mean it break it. */
const patient = { wall: '60s', cpu: '60s' };

const hanging = (language: Language): string[] => [
  'hangInCall',
  ...(language.has('asynchronous') ? ['hang'] : []),
  ...(language.has('asynchronous') && language.has('blocking') ? ['hangInSleep', 'hangInCallNow'] : []),
];
const counting = (language: Language): string[] => [
  'large',
  'many',
  'much',
  ...(language.has('timers') ? ['timers'] : []),
  ...(language.has('parallel') ? ['calls'] : []),
];

/** An actor for each kind of limit, because one limit would be broken before another. */
const actors: Readonly<Record<string, { readonly limits: Limits; readonly inlets: (language: Language) => string[] }>> = {
  hasty: { limits: { wall: '1500ms', cpu: '1500ms' }, inlets: hanging },
  busy: { limits: { wall: '60s', cpu: '1s' }, inlets: () => ['spin'] },
  large: { limits: { ...patient }, inlets: () => ['grow', 'growBuffers'] },
  counted: { limits: { ...patient, message: '1KiB', outbound: { messages: 10, bytes: '4KiB' }, timers: 5, calls: 3 }, inlets: counting },
  mute: { limits: { ...patient, outbound: { messages: 0 }, calls: 0 }, inlets: () => ['call', 'many'] },
};

const stage = setStage({ services, limits: { cellMemory: 600 * 1024 * 1024 } });
const flows = new Map<Language, Flow>();

beforeAll(async () => {
  for (const language of languages) {
    const flow = await stage.deploy(
      {
        actors: Object.fromEntries(
          Object.entries(actors).map(([name, { limits, inlets }]) => {
            const memory = name === 'large' && language.name !== 'python' ? { memory: '16MiB' } : {};
            return [name, language.actor('limits', { inlets: ['in', ...inlets(language)], policy: granted({ ...limits, ...memory }) })];
          }),
        ),
        inputs: Object.assign({}, ...Object.entries(actors).map(([name, { inlets }]) => prefixed(name, inputsTo(name, ['in', ...inlets(language)])))),
        outputs: { out: Object.keys(actors) },
      },
      language.name,
    );
    flows.set(language, flow);
  }
});
afterAll(() => flows.clear());

function prefixed(name: string, inputs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(inputs).map(([inlet, place]) => [`${name}_${inlet}`, place]));
}

describe.each(languages)('in %s', (language) => {
  /** Breaks a limit: the error, how long it took, what came out before; and the actor answers what comes next. */
  const breaking = async (actor: string, inlet: string, message: unknown = null): Promise<{ error: ErrorRecord; millis: number; out: readonly unknown[] }> => {
    const flow = flows.get(language) as Flow;
    const began = performance.now();
    const { status, errors, outputs } = await flow.run({ [`${actor}_${inlet}`]: message });
    const millis = performance.now() - began;
    expect({ inlet, status, count: errors.length }).toEqual({ inlet, status: 'failed', count: 1 });
    expect({ inlet, actor: errors[0]?.actor }).toEqual({ inlet, actor });
    expect({ inlet, next: await flow.ask(`${actor}_handle`, inlet) }).toEqual({ inlet, next: ['fine', inlet] });
    return { error: errors[0] as ErrorRecord, millis, out: outputs['out'] ?? [] };
  };
  const passing = async (actor: string, inlet: string, message: unknown = null): Promise<unknown> => {
    const { status, errors, outputs } = await (flows.get(language) as Flow).run({ [`${actor}_${inlet}`]: message });
    expect({ status, errors }).toEqual({ status: 'completed', errors: [] });
    return outputs['out'];
  };

  test.each(hanging(language))('a turn that waits for ever (%s) breaks `wall`', async (inlet) => {
    const { error, millis } = await breaking('hasty', inlet);
    expect(error).toMatchObject({ code: 'limit.wall', hint: expect.stringContaining('wall') });
    expect(millis).toBeGreaterThan(1_490);
    expect(millis).toBeLessThan(10_000);
  });

  test('a turn that computes for ever breaks `cpu`', async () => {
    const { error, millis } = await breaking('busy', 'spin');
    expect(error).toMatchObject({ code: 'limit.cpu', hint: expect.stringContaining('cpu') });
    expect(millis).toBeGreaterThan(990);
    expect(millis).toBeLessThan(20_000);
  });

  test.each(['grow', 'growBuffers'])('a turn that takes ever more memory (%s) breaks `memory`', async (inlet) => {
    const { error } = await breaking('large', inlet);
    expect(error).toMatchObject({ code: 'limit.memory', hint: expect.stringContaining('memory') });
  });

  test('a message that is too large breaks `message`', async () => {
    expect(await passing('counted', 'large', 1_022)).toEqual(['x'.repeat(1_022)]);
    const { error, out } = await breaking('counted', 'large', 1_023);
    expect(error).toMatchObject({ code: 'limit.message' });
    expect(out).toEqual([]);
  });

  test('a turn that sends too many messages breaks `outbound.messages`, and what it sent before is sent', async () => {
    expect(await passing('counted', 'many', 10)).toEqual(Array.from({ length: 10 }, (_, n) => n));
    const { error, out } = await breaking('counted', 'many', 11);
    expect(error).toMatchObject({ code: 'limit.outbound', hint: expect.stringContaining('outbound') });
    expect(out).toEqual(Array.from({ length: 10 }, (_, n) => n));
  });

  test('a turn that sends too many bytes breaks `outbound.bytes`', async () => {
    expect(await passing('counted', 'much', 8)).toHaveLength(8);
    const { error, out } = await breaking('counted', 'much', 9);
    expect(error).toMatchObject({ code: 'limit.outbound' });
    expect(out).toHaveLength(8);
  });

  test('a limit of 0 allows nothing', async () => {
    const flow = flows.get(language) as Flow;
    expect((await flow.run({ mute_many: 1 })).errors).toMatchObject([{ code: 'limit.outbound' }]);
    expect((await flow.run({ mute_call: null })).errors).toMatchObject([{ code: language.has('passing') ? 'limit.calls' : 'limit.outbound' }]);
    expect((await flow.run({ mute_many: 0 })).errors).toEqual([]);
  });

  if (language.has('timers')) {
    test('an actor that sets too many timers breaks `timers`', async () => {
      expect(await passing('counted', 'timers', 5)).toEqual(['set']);
      const { error } = await breaking('counted', 'timers', 6);
      expect(error).toMatchObject({ code: 'limit.timers', hint: expect.stringContaining('timers') });
      // Those of a turn that has ended do not count.
      expect(await passing('counted', 'timers', 5)).toEqual(['set']);
    });
  }

  if (language.has('parallel')) {
    test('an actor with too many calls under way gets `limit.calls` for those beyond', async () => {
      expect(await passing('counted', 'calls', 3)).toEqual([3]);
      expect(await passing('counted', 'calls', 7)).toEqual([3]);
      expect(await passing('counted', 'calls', 3)).toEqual([3]);
    });
  }

  test('an input that is too large is refused before anything begins', async () => {
    const flow = flows.get(language) as Flow;
    expect(await failureOf(() => flow.run({ counted_handle: 'x'.repeat(1_023) }))).toMatchObject({ code: 'limit.message', record: { actor: 'counted' } });
    expect(await flow.ask('counted_handle', 'x')).toEqual(['fine', 'x']);
  });

  test('an actor that does not start in time breaks `start`', async () => {
    const start = language.name === 'python' ? '4s' : '400ms';
    for (const how of ['spin', ...(language.has('asynchronous') ? ['hang'] : [])]) {
      const slow = language.actor('lifecycle', { config: { start: how }, policy: granted({ start, wall: '60s', cpu: '60s' }) });
      expect({ how, failure: await failureOf(() => stage.deploy({ actors: { slow } }, 'slow')) }).toMatchObject({
        how,
        failure: { code: 'limit.start', record: { actor: 'slow' } },
      });
    }
  });
});
