import { describe, expect, it } from 'vitest';
import { startPython } from '../support/python.ts';

const lines = (actor: Awaited<ReturnType<typeof startPython>>): string[] => actor.logs.map(({ level, text }) => `${level}: ${text}`);

describe('what Python prints', () => {
  it('arrives line by line, with the level of its stream', async () => {
    const actor = await startPython(`
      import sys
      print("at import")
      def handle(message):
          print("one\\ntwo")
          print("three", end="")
          print(" still three")
          sys.stderr.write("wrong\\n")
          print("no end", end="")
    `);
    await actor.deliver(0);
    expect(lines(actor)).toEqual(['info: at import', 'info: one', 'info: two', 'info: three still three', 'error: wrong', 'info: no end']);
    expect(actor.logs.map(({ turn }) => turn)).toEqual([0, 1, 1, 1, 1, 1]);
    actor.dispose();
  });

  it('brings `logging`, `warnings` and `context.log` with their levels', async () => {
    const actor = await startPython(`
      import logging, warnings
      logging.basicConfig(level=logging.ERROR)
      def handle(message, context):
          logger = logging.getLogger("shop")
          logger.debug("d %s", 1)
          logger.info("i")
          logger.warning("w")
          logger.critical("c")
          try:
              1 / 0
          except ZeroDivisionError:
              logger.exception("failed")
          warnings.warn("old")
          context.log.debug("a", 1, None)
          context.log.warn("b")
          logger.info("%d", "not a number")
    `);
    await actor.deliver(0);
    const [first, second, third, fourth, failed, warned, ...rest] = lines(actor);
    expect([first, second, third, fourth]).toEqual(['debug: d 1', 'info: i', 'warn: w', 'error: c']);
    expect(failed).toMatch(/^error: failed\nTraceback[\s\S]*ZeroDivisionError/);
    expect(warned).toMatch(/^warn: .*UserWarning: old/);
    expect(rest).toEqual(['debug: a 1 None', 'warn: b', 'info: a log record that cannot be shown: TypeError']);
    actor.dispose();
  });

  it('brings errors of tasks that nobody waits for', async () => {
    const actor = await startPython(`
      import asyncio, gc
      async def forgotten():
          raise LookupError("told to nobody")
      async def handle(message):
          asyncio.create_task(forgotten())
          asyncio.get_running_loop().call_soon(lambda: 1 / 0)
          await asyncio.sleep(0.001)
          gc.collect()
    `);
    await actor.deliver(0);
    const told = lines(actor);
    expect(told.map((line) => line.split('\n')[0])).toEqual([
      expect.stringContaining('error: Exception in callback'),
      'error: Task exception was never retrieved',
    ]);
    expect(told[1]).toMatch(/line \d+, in forgotten[\s\S]*LookupError: told to nobody$/);
    actor.dispose();
  });

  it('brings what is written past `sys.stdout`', async () => {
    const actor = await startPython(`
      import os
      def handle(message):
          os.write(1, b"to the descriptor\\n")
          os.write(2, b"to the other\\n")
    `);
    await actor.deliver(0);
    expect(lines(actor)).toEqual(['info: to the descriptor', 'error: to the other']);
    actor.dispose();
  });

  it('keeps the budget of a turn, and counts what it drops', async () => {
    const actor = await startPython(
      `
      def handle(message):
          if message == "many":
              for n in range(10_000): print("line", n)
          if message == "long": print("x" * 10_000_000)
          if message == "no end":
              for n in range(100_000): print("x", end="")
      `,
      { limits: { logs: 64 * 1024 } },
    );
    for (const kind of ['many', 'long', 'no end']) {
      actor.logs.length = 0;
      await actor.deliver(kind);
      expect(actor.logs.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(64 * 1024 + 100);
      expect(Math.max(...actor.logs.map(({ text }) => text.length))).toBeLessThanOrEqual(8192);
      if (kind === 'many') expect(actor.logs.at(-1)?.dropped).toBeGreaterThan(1000);
    }
    actor.dispose();
  });

  it('has nothing to read', async () => {
    const actor = await startPython('def handle(message): return input()');
    expect((await actor.deliver(0)).error?.name).toBe('EOFError');
    actor.dispose();
  });
});
