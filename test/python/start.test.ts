import { describe, expect, it } from 'vitest';
import { startPython } from '../support/python.ts';

describe('an instance of a Python actor', { timeout: 60_000 }, () => {
  it('imports from the folder of the actor, and finds it there', async () => {
    const actor = await startPython({
      'flow/score.py': `
        import os, sys
        from rules import limit
        import shop.orders
        def handle(message):
            return [limit, shop.orders.name, os.getcwd(), sorted(os.listdir(".")), __name__, __file__, sys.modules["score"] is sys.modules[__name__]]
      `,
      'flow/rules.py': 'limit = 3',
      'flow/shop/__init__.py': '',
      'flow/shop/orders.py': 'from .names import name',
      'flow/shop/names.py': 'name = "orders"',
    });
    expect((await actor.deliver(0)).value).toEqual([3, 'orders', '/actor/flow', ['rules.py', 'score.py', 'shop'], 'score', '/actor/flow/score.py', true]);
    actor.dispose();
  });

  it('has the environment that was granted and no other', async () => {
    const actor = await startPython(
      `
      import os
      def handle(message, context): return [dict(os.environ), dict(context.env), os.getenv("HOME"), os.getenv("REGION")]
      `,
      { environment: { REGION: 'eu-1', LEVEL: 'ż' } },
    );
    const environment = { REGION: 'eu-1', LEVEL: 'ż' };
    expect((await actor.deliver(0)).value).toEqual([environment, environment, null, 'eu-1']);
    actor.dispose();
  });

  it('runs `start` before the first message and `stop` at the end, in any form', async () => {
    for (const kind of ['def', 'async def']) {
      for (const parameters of ['', 'context']) {
        const actor = await startPython(`
          import asyncio
          state = []
          ${kind} start(${parameters}):
              state.append("started")
          ${kind} stop(${parameters}):
              print("stopped", state)
          def handle(message): return state
        `);
        expect((await actor.deliver(0)).value).toEqual(['started']);
        await actor.stop();
        expect(actor.logs.map(({ text }) => text)).toEqual(["stopped ['started']"]);
      }
    }
  });

  it('waits for an asynchronous `start`, and for what `stop` awaits', async () => {
    const actor = await startPython(`
      import asyncio
      async def start(context):
          global state
          await asyncio.sleep(0.01)
          state = "ready"
      async def stop(context):
          await asyncio.sleep(0.01)
          print("stopped")
      def handle(message): return state
    `);
    expect((await actor.deliver(0)).value).toBe('ready');
    await actor.stop();
    expect(actor.logs.map(({ text }) => text)).toEqual(['stopped']);
  });

  it('stops although `stop` fails, and says so', async () => {
    const actor = await startPython('def stop(context): raise ValueError("stuck")');
    await actor.stop();
    expect(actor.logs).toMatchObject([{ level: 'error', text: expect.stringContaining('stuck') }]);
  });

  it('draws other random numbers than any other instance', async () => {
    const code = `
      import os, random, secrets, tempfile, uuid
      at_import = random.random()
      def handle(message):
          return [at_import, random.random(), random.getrandbits(64).to_bytes(8).hex(), os.urandom(8).hex(), secrets.token_hex(8), str(uuid.uuid4()), random.SystemRandom().random(), tempfile.mktemp()]
    `;
    const actors = await Promise.all([startPython(code), startPython(code), startPython(code)]);
    const drawn = await Promise.all(actors.map(async (actor) => (await actor.deliver(0)).value as unknown[]));
    for (let place = 0; place < (drawn[0]?.length ?? 0); place++) expect(new Set(drawn.map((values) => values[place])).size).toBe(actors.length);
    for (const actor of actors) actor.dispose();
  });

  it('shares nothing with another instance', async () => {
    const code = `
      import builtins, os, sys
      def handle(message):
          seen = [getattr(builtins, "mark", None), os.path.exists("/actor/mark"), os.environ.get("MARK"), "mark" in sys.path]
          builtins.mark = "here"
          open("mark", "w").close()
          os.environ["MARK"] = "here"
          sys.path.append("mark")
          return seen
    `;
    const [one, other] = await Promise.all([startPython(code), startPython(code)]);
    const nothing = [null, false, null, false];
    expect((await one.deliver(0)).value).toEqual(nothing);
    expect((await one.deliver(0)).value).toEqual(['here', true, 'here', true]);
    expect((await other.deliver(0)).value).toEqual(nothing);
    one.dispose();
    other.dispose();
  });

  it('has no clock finer than a millisecond', async () => {
    const actor = await startPython(`
      import time, datetime
      clocks = [time.time, time.monotonic, time.perf_counter, lambda: time.time_ns() / 1e9, lambda: datetime.datetime.now().timestamp(), time.process_time]
      def finest(clock):
          steps, last = set(), clock()
          while len(steps) < 5:
              now = clock()
              if now != last:
                  steps.add(round((now - last) * 1e6))
                  last = now
              elif len(steps) == 4: break
              if len(steps) > 0 and now - last > 0.05: break
              if sum(steps) > 20_000: break
          return min(steps)
      def handle(message):
          return [finest(clock) for clock in clocks]
    `);
    for (const microseconds of (await actor.deliver(0)).value as number[]) expect(microseconds).toBeGreaterThanOrEqual(990);
    actor.dispose();
  });

  it('lets authors import the types that they annotate with', async () => {
    const actor = await startPython(`
      from vivarium import Context, Execution, Log, Service, Signal, VivariumError
      def handle(message: dict, context: Context) -> bool:
          return isinstance(context, Context) and isinstance(context.log, Log) and isinstance(context.services, Service)
    `);
    expect((await actor.deliver(0)).value).toBe(true);
    actor.dispose();
  });
});
