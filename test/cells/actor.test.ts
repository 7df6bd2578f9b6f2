/** An actor in its cell: what it tells of its end, and when. */
import { expect, test } from 'vitest';
import { Actor, type Router } from '../../runtimes/cell/actor.ts';
import type { Instance } from '../../runtimes/cell/instance.ts';
import { defaultLimits } from '../../runtimes/limits.ts';
import type { ActorPlan } from '../../runtimes/protocol.ts';

const error = { code: 'actor.failed', message: 'it will not' } as const;
const plan = { index: 0, name: 'late', outlets: [], limits: defaultLimits.javascript, concurrency: 1 } as unknown as ActorPlan;

/** An actor that is about to start, and what its cell hears of it. */
function starting(): { readonly actor: Actor; readonly heard: readonly string[] } {
  const heard: string[] = [];
  const router = { failed: () => heard.push('failed'), stopped: () => heard.push('stopped') } as Partial<Router> as Router;
  const actor = new Actor(plan, 1, router, () => ({ outstanding: 0, entered: 0 }) as Instance);
  actor.create();
  return { actor, heard };
}

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test.each([
  ['fails', (actor: Actor, left: Promise<void>) => actor.failed(error, left)],
  ['breaks a limit', (actor: Actor, left: Promise<void>) => actor.broke(error, undefined, [], left)],
])('one that %s as it starts is gone when its thread has left the isolate: the room of that is given to others', async (_, end) => {
  const { actor, heard } = starting();
  const left = Promise.withResolvers<void>();
  end(actor, left.promise);
  await soon();
  expect(heard).toEqual([]);
  left.resolve();
  await soon();
  expect(heard).toEqual(['failed']);
});

test('one that is stopped meanwhile tells that it has stopped, at the same time, and nothing else', async () => {
  const { actor, heard } = starting();
  const left = Promise.withResolvers<void>();
  actor.failed(error, left.promise);
  actor.stop();
  await soon();
  expect(heard).toEqual([]);
  left.resolve();
  await soon();
  expect(heard).toEqual(['stopped']);
});
