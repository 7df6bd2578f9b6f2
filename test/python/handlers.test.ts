import { describe, expect, it } from 'vitest';
import { startPython } from '../support/python.ts';

describe('handlers in Python', { timeout: 60_000 }, () => {
  it('takes a message and answers with what it returns', async () => {
    const actor = await startPython(`
      def handle(order):
          return {"total": order["price"] * order["quantity"]}
    `);
    expect(await actor.deliver({ price: 2.5, quantity: 4 })).toEqual({ is: 'value', value: { total: 10 }, sent: [] });
    expect(actor.inlets).toEqual(['in']);
    actor.dispose();
  });

  it('sends nothing when it returns nothing', async () => {
    const actor = await startPython('def handle(message, context): pass');
    expect(await actor.deliver(1)).toEqual({ is: 'nothing', sent: [] });
    actor.dispose();
  });

  it('carries every kind of value both ways', async () => {
    const actor = await startPython('def handle(message): return message');
    const values = [
      true,
      0,
      -1.5,
      2 ** 53,
      12345678901234567890n / 10n,
      Number.NaN,
      'naïve 😀',
      new Uint8Array([0, 255]),
      new Date(1_000),
      [1, [2]],
      { a: { b: [] } },
    ];
    const results = await actor.deliverAll(values);
    expect(results.map((result) => result.value)).toEqual(values);
    actor.dispose();
  });

  it('gives the context to handlers that take it, in any form', async () => {
    const actor = await startPython(
      `
      class Handler:
          def __call__(self, message, context):
              return context.config

      handle = Handler()
      other = lambda *all: len(all)
      def third(message, /, context=None): return context is not None
      `,
      { inlets: ['in', 'other', 'third'], config: { threshold: 0.5 } },
    );
    expect((await actor.deliver(1)).value).toEqual({ threshold: 0.5 });
    expect((await actor.deliver(1, 'other')).value).toBe(2);
    expect((await actor.deliver(1, 'third')).value).toBe(true);
    actor.dispose();
  });

  it('serves an inlet by the function of its name, or by the one that the manifest names', async () => {
    const actor = await startPython(
      `
      def handle(message): return "handle"
      def refunds(message): return "refunds"
      def special(message): return "special"
      def start(context): pass
      `,
      { inlets: ['in', 'refunds', 'other', 'start'], functions: { other: 'special' } },
    );
    expect(actor.inlets).toEqual(['in', 'refunds', 'other']);
    expect((await actor.deliver(0, 'other')).value).toBe('special');
    expect((await actor.deliver(0, 'refunds')).value).toBe('refunds');
    expect((await actor.deliver(0, 'start')).error).toMatchObject({ code: 'actor.inlet' });
    actor.dispose();
  });

  it('awaits coroutines, and what they return', async () => {
    const actor = await startPython(
      `
      import asyncio
      async def handle(message):
          return message + 1
      async def slow(message):
          await asyncio.sleep(0.01)
          return message + 2
      async def many(message):
          async with asyncio.TaskGroup() as group:
              tasks = [group.create_task(asyncio.sleep(0, result=n)) for n in range(message)]
          return [task.result() for task in tasks]
      def future(message):
          return asyncio.ensure_future(slow(message))
      `,
      { inlets: ['in', 'slow', 'many', 'future'] },
    );
    expect((await actor.deliver(1)).value).toBe(2);
    expect((await actor.deliver(1, 'slow')).value).toBe(3);
    expect((await actor.deliver(4, 'many')).value).toEqual([0, 1, 2, 3]);
    expect((await actor.deliver(1, 'future')).value).toBe(3);
    actor.dispose();
  });

  it('runs as many turns at once as its concurrency allows', async () => {
    const code = `
      import asyncio
      running = most = 0
      async def handle(message):
          global running, most
          running += 1
          most = max(most, running)
          await asyncio.sleep(0.005)
          running -= 1
          return most
    `;
    const one = await startPython(code);
    const three = await startPython(code, { concurrency: 3 });
    expect((await one.deliverAll([1, 2, 3, 4])).map(({ value }) => value)).toEqual([1, 1, 1, 1]);
    expect(Math.max(...(await three.deliverAll([1, 2, 3, 4])).map(({ value }) => value as number))).toBe(3);
    one.dispose();
    three.dispose();
  });

  it('sends the yields of a generator one by one, the first as the answer', async () => {
    const actor = await startPython(`
      def handle(message, context):
          for n in range(message):
              context.log.info("yielding", n)
              yield n
    `);
    const result = await actor.deliver(3);
    expect(result).toEqual({
      is: 'nothing',
      answer: 0,
      sent: [
        { outlet: 'out', value: 1 },
        { outlet: 'out', value: 2 },
      ],
    });
    expect(await actor.deliver(0)).toEqual({ is: 'nothing', sent: [] });
    actor.dispose();
  });

  it('sends the yields of an asynchronous generator', async () => {
    const actor = await startPython(`
      import asyncio
      async def handle(message):
          try:
              for n in range(message):
                  await asyncio.sleep(0)
                  yield n
          finally:
              await asyncio.sleep(0)
              print("closed")
    `);
    expect(await actor.deliver(2)).toEqual({ is: 'nothing', answer: 0, sent: [{ outlet: 'out', value: 1 }] });
    expect(actor.logs.map(({ text }) => text)).toEqual(['closed']);
    actor.dispose();
  });

  it('pulls a generator only while the receivers have room', async () => {
    for (const kind of ['def', 'async def']) {
      const actor = await startPython(
        `
        ${kind} handle(message):
            for n in range(message):
                print("made", n)
                yield n
        `,
        { room: 3 },
      );
      const result = actor.deliver(10);
      await expect.poll(() => actor.waits).toBe(1);
      expect(actor.logs.length).toBe(3);
      await actor.enter('room', [100]);
      expect((await result).sent.length).toBe(9);
      expect(actor.logs.length).toBe(10);
      actor.dispose();
    }
  });

  it('emits to its outlets, and waits for room when awaited', async () => {
    const actor = await startPython(
      `
      async def handle(message, context):
          for n in range(4):
              await context.emit("odd" if n % 2 else "out", n)
          return "done"
      def plain(message, context):
          context.emit("odd", 7)
      `,
      { outlets: ['odd'], inlets: ['in', 'plain'], room: 2 },
    );
    const result = actor.deliver(0);
    await expect.poll(() => actor.waits).toBe(1);
    await actor.enter('room', [100]);
    actor.room = 100;
    expect(await result).toEqual({
      is: 'value',
      value: 'done',
      sent: [
        { outlet: 'out', value: 0 },
        { outlet: 'odd', value: 1 },
        { outlet: 'out', value: 2 },
        { outlet: 'odd', value: 3 },
      ],
    });
    expect((await actor.deliver(0, 'plain')).sent).toEqual([{ outlet: 'odd', value: 7 }]);
    actor.dispose();
  });

  it('tells the execution, and nothing of it in `start`', async () => {
    const actor = await startPython(`
      def start(context):
          assert context.execution is None
      def handle(message, context):
          execution = context.execution
          return [execution.id, list(execution.parents), execution.attempt, execution.deadline, execution.trace, context.signal.aborted]
    `);
    expect((await actor.deliver(0)).value).toEqual(['execution-1', [], 1, null, null, false]);
    actor.dispose();
  });

  it('hands back what it has not begun when its slice is over, and takes it again', async () => {
    const actor = await startPython(`
      import time
      def handle(message):
          until = time.time() + 0.004
          while time.time() < until: pass
          return message
    `);
    const results = await actor.deliverAll([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(results.map(({ value }) => value)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    actor.dispose();
  });
});
