import { describe, expect, it } from 'vitest';
import { VivariumError } from '../../sdk/errors.ts';
import { createPythonRuntime } from '../../runtimes/python/python.ts';
import { Fallen } from '../support/isolate.ts';
import { startPython } from '../support/python.ts';

const reasonOf = async (starting: Promise<unknown>): Promise<unknown> => {
  const thrown = await starting.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(Fallen);
  return (thrown as Fallen).by;
};

describe('errors in Python', { timeout: 60_000 }, () => {
  it('shows the author’s lines alone, with the place', async () => {
    const actor = await startPython({
      'score.py': `
        import json
        from helpers.prices import total

        def handle(order):
            return total(order)
      `,
      'helpers/__init__.py': '',
      'helpers/prices.py': `
        import json

        def total(order):
            return json.loads(order["text"])
      `,
    });
    const { error } = await actor.deliver({});
    expect(error).toEqual({
      code: 'actor.failed',
      name: 'KeyError',
      message: "'text'",
      file: 'helpers/prices.py',
      line: 4,
      column: 23,
      stack: [
        'Traceback (most recent call last):',
        '  File "score.py", line 5, in handle',
        '    return total(order)',
        '  File "helpers/prices.py", line 4, in total',
        '    return json.loads(order["text"])',
        '                      ~~~~~^^^^^^^^',
        "KeyError: 'text'",
      ].join('\n'),
    });
    // The error is raised in the standard library; the place is where the author called it.
    const inLibrary = await actor.deliver({ text: '{' });
    expect(inLibrary.error).toMatchObject({ name: 'JSONDecodeError', file: 'helpers/prices.py', line: 4 });
    expect(inLibrary.error?.stack).not.toMatch(/decoder\.py|vivarium|actor\//);
    actor.dispose();
  });

  it('shows causes and groups', async () => {
    const actor = await startPython(`
      def handle(message):
          try:
              1 / 0
          except ZeroDivisionError as error:
              if message:
                  raise ExceptionGroup("several", [error, TypeError("other")])
              raise ValueError("wrapped") from error
    `);
    const wrapped = (await actor.deliver(false)).error;
    expect(wrapped).toMatchObject({ name: 'ValueError', message: 'wrapped', line: 7 });
    expect(wrapped?.stack).toContain('ZeroDivisionError: division by zero\n\nThe above exception was the direct cause');
    expect((await actor.deliver(true)).error?.stack).toContain('TypeError: other');
    actor.dispose();
  });

  it('shows errors of coroutines and generators', async () => {
    const actor = await startPython(
      `
      import asyncio

      async def handle(message):
          await asyncio.sleep(0.001)
          await inner()

      async def inner():
          raise LookupError("not there")

      def generate(message):
          yield 1
          raise LookupError("at the end")

      async def generate_async(message):
          yield 1
          raise LookupError("at the end")
      `,
      { inlets: ['in', 'generate', 'generate_async'] },
    );
    expect((await actor.deliver(0)).error).toMatchObject({ code: 'actor.failed', name: 'LookupError', message: 'not there', line: 8 });
    expect(await actor.deliver(0, 'generate')).toMatchObject({ is: 'error', answer: 1, error: { message: 'at the end', line: 12 } });
    expect(await actor.deliver(0, 'generate_async')).toMatchObject({ is: 'error', answer: 1, error: { message: 'at the end', line: 16 } });
    expect(await actor.deliver(0, 'generate')).toMatchObject({ is: 'error', answer: 1 });
    actor.dispose();
  });

  it('takes SystemExit, KeyboardInterrupt and CancelledError for failures of the handler', async () => {
    const actor = await startPython(
      `
      import asyncio, sys
      errors = [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()]
      def handle(message): raise errors[message]
      async def later(message):
          if message > 3: await asyncio.sleep(0)
          raise errors[message % 4]
      `,
      { inlets: ['in', 'later'] },
    );
    const names = ['SystemExit', 'KeyboardInterrupt', 'CancelledError', 'GeneratorExit'];
    expect((await actor.deliverAll([0, 1, 2, 3])).map(({ error }) => error?.name)).toEqual(names);
    expect((await actor.deliverAll([0, 1, 2, 3, 4, 5, 6, 7], 'later')).map(({ error }) => error?.name)).toEqual([...names, ...names]);
    actor.dispose();
  });

  it('keeps the code of an error of the host, and of no error that the author made', async () => {
    const actor = await startPython(
      `
      from vivarium import VivariumError
      class Denied(Exception):
          code = "policy.denied"
      def handle(message, context):
          context.emit("nowhere", 1)
      def forged(message):
          raise VivariumError("no", "policy.denied") if message else Denied("no")
      def caught(message, context):
          try:
              context.ask("nobody", 1)
          except VivariumError as error:
              return [error.code, error.hint, str(error)]
      `,
      { inlets: ['in', 'forged', 'caught'] },
    );
    expect((await actor.deliver(0)).error).toMatchObject({ code: 'actor.outlet', name: 'VivariumError', line: 5, hint: expect.stringContaining('output') });
    expect((await actor.deliverAll([0, 1], 'forged')).map(({ error }) => error?.code)).toEqual(['actor.failed', 'actor.failed']);
    expect((await actor.deliver(0, 'caught')).value).toEqual(['actor.unknown', 'connections: [actor -> nobody]', expect.stringContaining('nobody')]);
    actor.dispose();
  });

  it('names what is no message, with its path', async () => {
    const actor = await startPython('def handle(message): return {"items": [{"price": print}]}');
    expect((await actor.deliver(0)).error).toMatchObject({ code: 'message.unsupported', message: expect.stringContaining('items[0].price') });
    actor.dispose();
  });

  it('says where the source does not compile', async () => {
    const by = await reasonOf(startPython({ 'score.py': 'import json\n\ndef handle(order:\n    return 1\n' }));
    expect(by).toMatchObject({ by: 'failed', error: { code: 'source.invalid', name: 'SyntaxError', file: 'score.py', line: 3 } });
    const inHelper = await reasonOf(startPython({ 'score.py': 'import helper', 'helper.py': 'x = = 1' }));
    expect(inHelper).toMatchObject({ error: { code: 'source.invalid', name: 'SyntaxError', file: 'helper.py', line: 1 } });
  });

  it('says why the actor could not start', async () => {
    expect(await reasonOf(startPython('import nowhere'))).toMatchObject({ error: { code: 'actor.start', name: 'ModuleNotFoundError', line: 1 } });
    expect(await reasonOf(startPython('raise SystemExit(1)'))).toMatchObject({ error: { code: 'actor.start', name: 'SystemExit' } });
    expect(await reasonOf(startPython('def start(context): return {}["x"]'))).toMatchObject({ error: { code: 'actor.start', name: 'KeyError', line: 1 } });
    expect(await reasonOf(startPython('import asyncio\nasync def start(context):\n    await asyncio.sleep(0)\n    1 / 0'))).toMatchObject({
      error: { code: 'actor.start', line: 4 },
    });
    expect(await reasonOf(startPython('start = 3'))).toMatchObject({ error: { code: 'actor.start', message: expect.stringContaining('`start`') } });
    expect(await reasonOf(startPython('handle = 3'))).toMatchObject({ error: { code: 'actor.inlet' } });
    expect(await reasonOf(startPython('x = 1', { functions: { in: 'score' } }))).toMatchObject({
      error: { code: 'actor.inlet', message: expect.stringContaining('`score`') },
    });
  });

  it('is bounded whatever the error is', async () => {
    const actor = await startPython(`
      class Long(Exception):
          def __str__(self): return "x" * 100_000_000
      class Broken(Exception):
          def __str__(self): raise RuntimeError
      class NoText(Exception):
          def __str__(self): return 7
      def deep(n):
          return deep(n + 1)
      def cycle():
          a, b = ValueError("a"), ValueError("b")
          a.__cause__, b.__cause__ = b, a
          raise a
      def handle(message):
          if message == "deep": deep(0)
          if message == "cycle": cycle()
          if message == "name": raise type("N" * 10_000, (Exception,), {})
          if message == "half": raise ValueError("\\ud800")
          raise {"long": Long, "broken": Broken, "no text": NoText}[message]
    `);
    for (const kind of ['long', 'broken', 'no text', 'deep', 'cycle', 'name', 'half']) {
      const { error } = await actor.deliver(kind);
      expect(error?.code).toBe('actor.failed');
      expect(JSON.stringify(error).length).toBeLessThan(20_000);
    }
    expect((await actor.deliver('deep')).error).toMatchObject({ name: 'RecursionError', line: 8 });
    actor.dispose();
  });

  it('finds the place of a stack on the side of the cell', () => {
    const locate = createPythonRuntime(undefined as never).locate(undefined as never, []);
    const stack = 'Traceback (most recent call last):\n  File "a.py", line 3, in handle\n  File "b/c.py", line 12, in total\nKeyError';
    expect(locate(stack)).toEqual({ stack, file: 'b/c.py', line: 12 });
    expect(locate(undefined)).toEqual({ stack: undefined });
  });

  it('raises the error of a service where it is called', async () => {
    const call = (): never => {
      throw new VivariumError('service.failed', 'the shop is closed', { hint: 'come back tomorrow' });
    };
    const actor = await startPython(
      `
      def handle(message, context):
          return context.services.orders.list()
      async def later(message, context):
          return await context.services.orders.list()
      `,
      { inlets: ['in', 'later'], call },
    );
    const expected = { code: 'service.failed', message: 'the shop is closed', hint: 'come back tomorrow', name: 'VivariumError' };
    expect((await actor.deliver(0)).error).toMatchObject({ ...expected, line: 2 });
    expect((await actor.deliver(0, 'later')).error).toMatchObject({ ...expected, line: 4 });
    actor.dispose();
  });
});
