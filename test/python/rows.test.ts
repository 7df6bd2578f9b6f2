import { describe, expect, it, onTestFinished } from 'vitest';
import { Fallen, type InstanceOptions, type TestInstance } from '../support/isolate.ts';
import { startPython } from '../support/python.ts';

async function start(code: string, options: Partial<InstanceOptions> = {}): Promise<TestInstance> {
  const actor = await startPython(code, options);
  onTestFinished(() => actor.dispose());
  return actor;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('messages that arrive in a row', () => {
  it('give each its own result, whatever the others give', async () => {
    const actor = await start(`
      import asyncio
      import datetime

      counts = {"n": 0}

      async def later(n):
          await asyncio.sleep(0)
          return {"later": n}

      async def at_once(n):
          return {"at once": n}

      def several(n):
          yield n
          yield n + 1

      def handle(n):
          counts["n"] += 1
          match n % 14:
              case 0: return None
              case 1: return counts
              case 2: return {"large": 2**53 + n}
              case 3: return {"n": float("nan")}
              case 4: return b"bytes"
              case 5: raise ValueError(f"no {n}")
              case 6: return later(n)
              case 7: return at_once(n)
              case 8: return several(n)
              case 9: return {"text": "😀" * (n % 5)}
              case 10: return [n, {"in": [n]}]
              case 11: return {"broken": "\\ud800"}
              case 12: return datetime.datetime.fromtimestamp(0, datetime.UTC)
              case 13: return f"text {n}"
    `);
    const results = await actor.deliverAll(numbers(140));
    results.forEach((result, n) => {
      const expected = [
        { is: 'nothing' },
        { is: 'value', value: { n: n + 1 } },
        { is: 'value', value: { large: 2n ** 53n + BigInt(n) } },
        { is: 'value', value: { n: Number.NaN } },
        { is: 'value', value: new TextEncoder().encode('bytes') },
        { is: 'error', error: { code: 'actor.failed', message: `no ${n}` } },
        { is: 'value', value: { later: n } },
        { is: 'value', value: { 'at once': n } },
        { is: 'nothing', answer: n, sent: [{ outlet: 'out', value: n + 1 }] },
        { is: 'value', value: { text: '😀'.repeat(n % 5) } },
        { is: 'value', value: [n, { in: [n] }] },
        { is: 'error', error: { code: 'message.unsupported' } },
        { is: 'value', value: new Date(0) },
        { is: 'value', value: `text ${n}` },
      ];
      expect(result).toMatchObject(expected[n % 14] as object);
    });
  });

  it('are read each by its own length, in every script', async () => {
    const actor = await start('def handle(message): return message');
    for (const texts of [
      ['a', 'é', 'ÿÿ'],
      ['€', 'a', '漢字'],
      ['😀', 'a', '😀😀b'],
      ['\ud83d\ude00', 'x'],
    ]) {
      const messages = [...texts, ...texts].map((text, index) => ({ text, index }));
      expect((await actor.deliverAll(messages)).map(({ value }) => value)).toEqual(messages);
    }
  });

  it('that are no messages fail alone', async () => {
    const actor = await start('def handle(message): return message');
    const texts = ['{"a":1}', '{"a":', '1,2', '"\\ud800"', '[[]', '{"b":12345678901234567890}', `${'['.repeat(70)}${']'.repeat(70)}`, '{"c":"\\u0041"}', ' 7 '];
    const results = await actor.deliverPayloads(texts.map((text) => ({ lane: 0, text })));
    expect(results.map((result) => result.error?.code ?? result.value)).toEqual([{ a: 1 }, ...Array(6).fill('message.invalid'), { c: 'A' }, 7]);
  });

  it('that are broken harm no other, however deep those behind them are, and wherever they stand', async () => {
    const actor = await start('def handle(message): return message');
    const deep = `${'['.repeat(60)}${']'.repeat(60)}`;
    const whole = Array.from({ length: 40 }, (_, n) => (n % 3 === 0 ? deep : `{"n":${n}}`));
    for (const broken of ['[', '{"a":', '"', '1', '-', 'N', '', '['.repeat(60)]) {
      const texts = [...whole, broken, 'aN', ...whole, broken, '2}', ...whole];
      const results = await actor.deliverPayloads(texts.map((text) => ({ lane: 0, text })));
      expect(results.map((result) => result.error?.code ?? result.value)).toEqual(
        texts.map((text) => {
          try {
            return JSON.parse(text);
          } catch {
            return 'message.invalid';
          }
        }),
      );
    }
  });

  it('have the time of the machine, after their memory has grown too', async () => {
    const actor = await start(`
      import time
      kept = []
      def handle(n):
          if n == 2: kept.append(bytes(40 * 1024 * 1024))
          before = time.monotonic()
          while time.monotonic() - before < 0.003: pass
          return [time.time(), before]
    `);
    const begun = Date.now() / 1000 - 0.002;
    const told = (await actor.deliverAll(numbers(6))).map(({ value }) => value as [time: number, monotonic: number]);
    for (const [time] of told) expect(time >= begun && time <= Date.now() / 1000).toBe(true);
    for (let turn = 1; turn < told.length; turn++) expect((told[turn] as number[])[1]).toBeGreaterThan((told[turn - 1] as number[])[1] as number);
  });

  it('log and send in their own turns, in their order', async () => {
    const actor = await start(
      `
      def handle(n, context):
          if n % 3 == 1: print("line", n)
          if n % 3 == 2: context.emit("extra", n)
          return {"n": n}
    `,
      { outlets: ['extra'] },
    );
    const first = actor.nextTurn;
    const results = await actor.deliverAll(numbers(30));
    results.forEach((result, n) => {
      expect(result).toMatchObject({ is: 'value', value: { n }, sent: n % 3 === 2 ? [{ outlet: 'extra', value: n }] : [] });
    });
    expect(actor.logs.map(({ turn, text }) => [turn, text])).toEqual(numbers(10).map((index) => [first + index * 3 + 1, `line ${index * 3 + 1}`]));
  });

  it('leave nothing to the next turn', async () => {
    const actor = await start(`
      import asyncio

      begun = []

      def handle(n):
          cancelled = [task.cancelling() > 0 for task in begun]
          if n == 1: begun.append(asyncio.get_event_loop().create_task(asyncio.sleep(60)))
          return cancelled
    `);
    expect((await actor.deliverAll(numbers(4))).map(({ value }) => value)).toEqual([[], [], [true], [true]]);
  });

  it('are told apart, whenever what they leave behind speaks', async () => {
    const actor = await start(`
      import gc

      class Loud:
          def __init__(self, n):
              self.n = n
              self.itself = self

          def __del__(self):
              print("gone", self.n)

      def handle(n):
          gc.set_threshold(1)
          Loud(n)
          return {"n": n}
    `);
    const results = await actor.deliverAll(numbers(60));
    expect(results.map(({ value }) => value)).toEqual(numbers(60).map((n) => ({ n })));
    expect(actor.logs.length).toBeGreaterThan(40);
  });

  it('are told apart when what a message was given speaks once the next one is read', async () => {
    const actor = await start(`
      class Loud:
          def __del__(self):
              print("gone")

      def handle(message):
          message["loud"] = Loud()
          return {"n": message["n"]}
    `);
    const results = await actor.deliverAll(numbers(40).map((n) => ({ n })));
    expect(results.map(({ value }) => value)).toEqual(numbers(40).map((n) => ({ n })));
    expect(actor.logs.length).toBe(40);
  });

  it('keep the limits of what one turn sends', async () => {
    const actor = await start('def handle(n): return "x" * n if n % 2 else {"x": "x" * n}', { limits: { message: 2000, outboundBytes: 1000 } });
    const results = await actor.deliverAll([10, 11, 1500, 12, 3000, 13, 992, 994]);
    expect(results.map((result) => result.error?.code ?? result.is)).toEqual([
      'value',
      'value',
      'limit.outbound',
      'value',
      'limit.message',
      'value',
      'value',
      'limit.outbound',
    ]);
  });

  it('blame the turn that runs when time is up, and keep what was done long before', async () => {
    const actor = await start(
      `
      import time

      def handle(n):
          if n < 3: spin(3)
          while n == 5: pass
          return {"n": n}

      def spin(milliseconds):
          end = time.monotonic() + milliseconds / 1000
          while time.monotonic() < end: pass
    `,
      { limits: { wall: 400 } },
    );
    const first = actor.nextTurn;
    await expect(actor.deliverAll(numbers(10))).rejects.toThrow(Fallen);
    expect(actor.blamed).toBe(first + 5);
  });

  it('end when the slice is over, and go on', async () => {
    const actor = await start(`
      import time

      def handle(n):
          end = time.monotonic() + 0.004
          while time.monotonic() < end: pass
          return n
    `);
    expect((await actor.deliverAll(numbers(20))).map(({ value }) => value)).toEqual(numbers(20));
  });

  it('run as many at once as the concurrency allows', async () => {
    const actor = await start(
      `
      import asyncio

      running = most = 0

      async def handle(n):
          global running, most
          running += 1
          most = max(most, running)
          await asyncio.sleep(0.001)
          running -= 1
          return {"most": most}
    `,
      { concurrency: 3 },
    );
    const results = await actor.deliverAll(numbers(12));
    expect(results.at(-1)?.value).toEqual({ most: 3 });
  });
});
