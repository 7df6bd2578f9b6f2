import { describe, expect, it } from 'vitest';
import type { GuestCall } from '../support/isolate.ts';
import { startPython } from '../support/python.ts';

const answering = (seen: GuestCall[]) => (call: GuestCall) => {
  seen.push(call);
  return { [call.name]: call.input };
};

describe('calls from Python', { timeout: 60_000 }, () => {
  it('blocks in a plain function, and is awaited in a coroutine', async () => {
    const seen: GuestCall[] = [];
    const actor = await startPython(
      `
      import asyncio
      def handle(message, context):
          return context.services.orders.list(since=message)
      async def later(message, context):
          first = context.services.orders.list({"since": message})
          assert asyncio.isfuture(first)
          return await asyncio.gather(first, context.ask("peer", 1), context.services["orders.list"]())
      def asking(message, context):
          return context.ask("peer", message)
      `,
      { inlets: ['in', 'later', 'asking'], peers: ['peer'], services: ['orders.list'], call: answering(seen) },
    );
    expect((await actor.deliver('monday')).value).toEqual({ 'orders.list': { since: 'monday' } });
    expect((await actor.deliver('monday', 'later')).value).toEqual([{ 'orders.list': { since: 'monday' } }, { peer: 1 }, { 'orders.list': null }]);
    expect((await actor.deliver([1], 'asking')).value).toEqual({ peer: [1] });
    expect(seen.map(({ kind, synchronous }) => `${kind} ${synchronous}`)).toEqual(['service true', 'service false', 'ask false', 'service false', 'ask true']);
    expect(seen.map(({ turn }) => turn)).toEqual([1, 2, 2, 2, 3]);
    actor.dispose();
  });

  it('carries long replies, bytes and text beyond Latin-1 through the blocking call', async () => {
    const bytes = new Uint8Array(700_000).map((_, index) => index % 251);
    const values: unknown[] = ['x'.repeat(900_000), 'ż😀'.repeat(50_000), bytes];
    const actor = await startPython('def handle(message, context): return context.services.echo(message)', { call: ({ input }) => input });
    for (const value of values) expect((await actor.deliver(value)).value).toEqual(value);
    actor.dispose();
  });

  it('is answered, also when a large request has left before the guest sleeps', async () => {
    const actor = await startPython('def handle(message, context): return len(context.services.echo(message))', { call: () => [] });
    const bytes = new Uint8Array(900_000);
    for (let i = 0; i < 10; i++) expect((await actor.deliver(bytes)).value).toBe(0);
    actor.dispose();
  });

  it('takes one value or keywords, and nothing else', async () => {
    const actor = await startPython('def handle(message, context): return context.services.echo(1, 2)', { call: ({ input }) => input });
    expect((await actor.deliver(0)).error).toMatchObject({ name: 'TypeError', message: expect.stringContaining('echo') });
    actor.dispose();
  });

  it('calls in `start` and in what it began, outside any turn', async () => {
    const seen: GuestCall[] = [];
    const actor = await startPython(
      `
      import asyncio
      async def watch(context):
          while True:
              await context.services.tick()
              await asyncio.sleep(0.001)
      def start(context):
          global watcher, table
          table = context.services.table()
          watcher = asyncio.ensure_future(watch(context))
      def handle(message): return [table, watcher.done()]
      `,
      { call: answering(seen) },
    );
    for (let turn = 0; turn < 20; turn++) expect((await actor.deliver(0)).value).toEqual([{ table: null }, false]);
    const before = seen.length;
    await expect.poll(() => seen.length).toBeGreaterThan(before + 5);
    expect(new Set(seen.map(({ turn }) => turn))).toEqual(new Set([0]));
    actor.dispose();
  });

  it('refuses more calls in flight than the limit', async () => {
    const actor = await startPython(
      `
      import asyncio
      async def handle(message, context):
          calls = [context.services.wait() for n in range(message)]
          return len(await asyncio.gather(*calls))
      `,
      { limits: { calls: 8 }, call: () => null },
    );
    expect((await actor.deliver(8)).value).toBe(8);
    expect((await actor.deliver(9)).error).toMatchObject({ code: 'limit.calls', line: 3 });
    expect((await actor.deliver(8)).value).toBe(8);
    actor.dispose();
  });

  it('ends with its turn what the turn left behind', async () => {
    const actor = await startPython(
      `
      import asyncio
      log = []
      async def leftover(context):
          try:
              await asyncio.sleep(3600)
          except asyncio.CancelledError:
              log.append("cancelled")
              try:
                  context.emit("out", 1)
              except Exception as error:
                  log.append(error.code)
              raise
      async def handle(message, context):
          asyncio.ensure_future(leftover(context))
          asyncio.get_event_loop().call_later(3600, log.append, "late")
          await asyncio.sleep(0)
      def not_begun(message, context):
          asyncio.ensure_future(leftover(context))
      def seen(message): return log
      `,
      { inlets: ['in', 'not_begun', 'seen'] },
    );
    await actor.deliver(0);
    await actor.deliver(0, 'not_begun');
    await actor.deliver(0);
    expect((await actor.deliver(0, 'seen')).value).toEqual(['cancelled', 'actor.turn-ended', 'cancelled', 'actor.turn-ended']);
    expect(actor.background).toEqual([]);
    expect(actor.pendingTimers).toBe(0);
    actor.dispose();
  });

  it('cancels a turn: the coroutine hears of it, the generator is closed', async () => {
    const actor = await startPython(
      `
      import asyncio
      async def handle(message, context):
          try:
              await asyncio.sleep(3600)
          except asyncio.CancelledError:
              print("cancelled", context.signal.aborted)
              raise
      def generate(message, context):
          try:
              while True: yield 1
          finally:
              print("closed", context.signal.aborted)
      async def generate_async(message):
          try:
              while True: yield 1
          finally:
              print("closed")
      `,
      { inlets: ['in', 'generate', 'generate_async'], room: 3 },
    );
    const error = { code: 'execution.cancelled', message: 'enough' } as const;
    for (const inlet of ['in', 'generate', 'generate_async']) {
      const turn = actor.nextTurn;
      const result = actor.deliver(0, inlet);
      await actor.enter('room', [inlet === 'in' ? 3 : 0]);
      await actor.cancel(turn, error);
      expect((await result).error).toEqual(error);
      actor.room = 3;
    }
    await expect.poll(() => actor.logs.map(({ text }) => text)).toEqual(['cancelled True', 'closed True', 'closed']);
    actor.dispose();
  });

  it('sleeps in a plain function, and runs whole event loops there', async () => {
    const actor = await startPython(
      `
      import asyncio, time
      async def main(context):
          await asyncio.sleep(0.01)
          async with asyncio.timeout(5):
              one, two = await asyncio.gather(context.services.echo(1), asyncio.to_thread(lambda: 2))
          return one + two
      def handle(message, context):
          before = time.monotonic()
          time.sleep(0.02)
          slept = time.monotonic() - before
          return [slept >= 0.019, asyncio.run(main(context))]
      async def nested(message): return asyncio.run(main(None))
      def for_ever(message): asyncio.run(asyncio.Event().wait())
      `,
      { inlets: ['in', 'nested', 'for_ever'], call: ({ input }) => input },
    );
    expect((await actor.deliver(0)).value).toEqual([true, 3]);
    expect((await actor.deliver(0, 'nested')).error).toMatchObject({ name: 'RuntimeError', message: expect.stringContaining('await it') });
    expect((await actor.deliver(0, 'for_ever')).error).toMatchObject({ name: 'RuntimeError', message: expect.stringContaining('nothing will ever wake') });
    expect((await actor.deliver(0)).value).toEqual([true, 3]);
    actor.dispose();
  });

  it('lets other turns run while one keeps its loop busy', async () => {
    const actor = await startPython(
      `
      import asyncio
      enough = False
      async def handle(message):
          global enough
          if message == "enough":
              enough = True
          while not enough:
              await asyncio.sleep(0)
      `,
      { concurrency: 2 },
    );
    const busy = actor.deliver('go');
    await actor.deliver('enough');
    expect((await busy).is).toBe('nothing');
    actor.dispose();
  });

  it('refuses more timers than the limit', async () => {
    const actor = await startPython(
      `
      import asyncio
      async def handle(message):
          await asyncio.gather(*[asyncio.sleep(0.001) for _ in range(message)])
      `,
      { limits: { timers: 20 } },
    );
    expect((await actor.deliver(20)).is).toBe('nothing');
    expect((await actor.deliver(21)).error).toMatchObject({ code: 'limit.timers' });
    expect((await actor.deliver(20)).is).toBe('nothing');
    actor.dispose();
  });
});
