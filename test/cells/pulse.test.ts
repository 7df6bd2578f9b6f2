/** How long a cell may be silent, and how long it may speak without answering. */
import { expect, test } from 'vitest';
import { Pulse } from '../../host/cells/pulse.ts';

const pulse = (): Pulse => new Pulse({ actors: [] } as never, 0);
const answer = (to: Pulse, token: number): unknown =>
  to.answered({ type: 'pong', token, oldest: 0, live: 0, idle: 0, cpu: 0, actor: [], messages: [] }, () => undefined);

/** How many pings go out until the cell is given up, and why it is. @param heard at each of them */
function pings(to: Pulse, heard: (ping: number) => number): readonly [number, unknown] {
  for (let ping = 0; ping < 1_000; ping++) {
    const next = to.next(heard(ping));
    if (typeof next !== 'number') return [ping, next.message];
  }
  return [1_000, undefined];
}

test('a cell that is silent is given up after two seconds', () => {
  expect(pings(pulse(), () => 0)).toEqual([8, 'the cell did not answer for 2 s']);
});

test('a cell that speaks and does not answer is given up later', () => {
  expect(pings(pulse(), (ping) => ping)).toEqual([120, 'the cell spoke, and did not answer for 30 s']);
});

test('a cell that falls silent is given up after two seconds from when it was heard last', () => {
  expect(pings(pulse(), (ping) => Math.min(ping, 20))).toEqual([28, 'the cell did not answer for 2 s']);
});

test('a cell that answers lives', () => {
  const answering = pulse();
  const heard = (ping: number): number => {
    if (ping > 0) answer(answering, ping);
    return ping;
  };
  expect(pings(answering, heard)).toEqual([1_000, undefined]);
});

test('who waits for the next answer hears of none to a ping that went before', () => {
  const asked = pulse();
  const told: number[] = [];
  asked.next(0);
  asked.afterNext(() => told.push(1));
  answer(asked, 1);
  expect(told).toEqual([]);
  asked.next(1);
  answer(asked, 2);
  asked.next(2);
  answer(asked, 3);
  expect(told).toEqual([1]);
});
