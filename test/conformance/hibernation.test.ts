/** Actors that share a place: they sleep and wake, with nothing lost but their globals. */
import { describe, expect, test } from 'vitest';
import type { ManifestObject } from '../../host/index.ts';
import { type Language, languages } from './languages.ts';
import { type FlowPlan, setStage } from './suite.ts';

const stage = setStage({ limits: { isolates: 1 } });

/** Actors that count their starts and calls, and have one place. */
const planOf = (language: Language, config: object = {}, connections: readonly string[] = ['one -> other', 'other -> third']): FlowPlan => {
  const counter = (): object => language.actor('lifecycle', { config, policy: { limits: { cpu: '5s' } } });
  return {
    actors: { one: counter(), other: counter(), third: counter() },
    connections,
    inputs: { one: 'one' },
    outputs: { out: 'third' },
  } as FlowPlan;
};

describe.each(languages)('in %s', (language) => {
  test('an actor makes room for another, and wakes as a fresh instance', async () => {
    const namespace = `${language}-room`;
    const flow = await stage.deploy(planOf(language, {}, []), namespace);
    const ask = (actor: string): Promise<unknown> => flow.actor(actor).ask(null);
    expect(flow.status().actors.map(({ state }) => state)).toEqual(['live', 'asleep', 'asleep']);
    expect(await ask('other')).toMatchObject({ starts: 1, calls: 1 });
    expect(await ask('other')).toMatchObject({ starts: 1, calls: 2 });
    expect(await ask('third')).toMatchObject({ starts: 1, calls: 1 });
    expect(await ask('other')).toMatchObject({ starts: 1, calls: 1 });
    expect(stage.host.report().actors).toEqual({ live: 1, waiting: 0 });
    await flow.stop();
    const logs = stage.logs().filter((event) => event.namespace === namespace);
    expect(logs.filter(({ text }) => text.startsWith('start')).length).toBe(logs.filter(({ text }) => text.startsWith('stop')).length);
    expect(logs.filter(({ actor, text }) => actor === 'other' && text === 'stop 2')).toHaveLength(1);
  });

  test('messages go from actor to actor though only one of them lives', async () => {
    const flow = await stage.deploy(planOf(language), `${language}-chain`);
    const results = await Promise.all(Array.from({ length: 5 }, () => flow.run({ one: null })));
    for (const result of results) expect(result).toMatchObject({ status: 'completed', outputs: { out: [{ starts: 1 }] } });
    expect(results.map(({ actors }) => Object.keys(actors))).toEqual(results.map(() => ['one', 'other', 'third']));
    await flow.stop();
  });

  test('an actor that does not wake answers what waits for it, and others go on', async () => {
    const plan = planOf(language, { start: 'fail' });
    const actors = { ...plan.actors, sound: language.actor('lifecycle', {}) };
    const namespace = `${language}-fails`;
    const flow = await stage.host.deploy({ vivarium: 1, namespace, ...plan, actors } as ManifestObject, { base: process.cwd(), start: 'message' });
    const failed = { code: 'actor.start', message: 'cannot start', record: { actor: 'one' } };
    await expect(flow.actor('one').ask(null)).rejects.toMatchObject(failed);
    expect(await flow.run({ one: null })).toMatchObject({ status: 'failed', errors: [{ code: 'actor.start', actor: 'one' }] });
    expect(await flow.actor('sound').ask(null)).toMatchObject({ starts: 1, calls: 1 });
    await flow.stop();
  });
});
