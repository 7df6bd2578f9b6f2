/** How many isolates a cell keeps ready. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Warmth } from '../../host/cells/warmth.ts';
import { rogueHost } from '../support/rogueHost.ts';

const most = 4;

function afterBurst(wakes: number, every: number): Warmth {
  const warmth = new Warmth(most);
  for (let wake = 0; wake < wakes; wake++) warmth.woke(wake * every);
  return warmth;
}

test('is one, however often actors wake one by one', () => {
  expect(new Warmth(most).isolates).toBe(1);
  expect(afterBurst(20, 300).isolates).toBe(1);
});

test('is as many as woke at about the same time, up to what may be kept', () => {
  expect(afterBurst(3, 50).isolates).toBe(3);
  expect(afterBurst(1_000, 1).isolates).toBe(most);
});

test('falls when as many were not needed for 10 s, down to one', () => {
  const warmth = afterBurst(4, 0);
  warmth.look(9_999);
  expect(warmth.isolates).toBe(4);
  for (const [seconds, left] of [
    [10, 2],
    [19, 2],
    [20, 1],
    [1_000, 1],
  ] as const) {
    warmth.look(seconds * 1_000);
    expect(warmth.isolates).toBe(left);
  }
});

test('stays while as many are needed', () => {
  const warmth = afterBurst(2, 0);
  for (let second = 5; second < 60; second += 5) {
    for (let wake = 0; wake < 2; wake++) warmth.woke(second * 1_000);
    warmth.look(second * 1_000 + 4_000);
    expect(warmth.isolates).toBe(2);
  }
});

test('is nothing where nothing may be kept', () => {
  const warmth = new Warmth(0);
  for (let wake = 0; wake < 9; wake++) warmth.woke(wake);
  warmth.look(100_000);
  expect(warmth.isolates).toBe(0);
});

const plugin = { source: join(import.meta.dirname, '../../dist/test/plugins/sequence.wasm') };
const javascript = { runtime: 'javascript', code: 'export const handle = (m) => m;' } as const;
const python = { runtime: 'python', code: 'def handle(message): return message' } as const;

/** What a cell was asked to keep last: for JavaScript, for WASM. */
test.each([
  ['JavaScript', { one: javascript }, [1, 0]],
  ['WASM', { one: plugin }, [0, 1]],
  ['Python', { one: python }, [0, 0]],
  ['JavaScript and WASM', { one: javascript, other: plugin }, [1, 1]],
] as const)('is one for each language: actors in %s', async (_, actors, wanted) => {
  const reports = 'const asked = []; cell.warm = ({ javascript, wasm }) => asked.push([javascript, wasm]); const { message } = cell;';
  const host = await rogueHost(`${reports} cell.message = function (...given) { say(asked); message.apply(this, given); };`, {}, { warm: 4 });
  const asked: unknown[] = [];
  host.on('log', ({ text }) => asked.push(...(JSON.parse(text) as unknown[])));
  const flow = await host.deploy({ vivarium: 1, actors }, { base: '/' });
  const latest = async (): Promise<unknown> => {
    await flow.actor('one').ask(null);
    return asked.at(-1) ?? [0, 0];
  };
  await expect.poll(latest, { timeout: 5_000 }).toEqual(wanted);
});
