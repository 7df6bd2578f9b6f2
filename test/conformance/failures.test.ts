/** What becomes of an author's mistake: it is told with the author's own place, to whoever can do something about it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ErrorRecord } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';
import { type Language, languages, root, wasm } from './languages.ts';
import { inputsTo, setStage } from './suite.ts';

const inletsOf = (language: Language): string[] => [
  'in',
  'after',
  'fine',
  ...(language.has('places') ? ['deep'] : ['mute', 'trap']),
  ...(language.has('asynchronous') ? ['later'] : []),
  ...(language.has('generators') ? ['halfway', 'halfwayLater'] : []),
];

/** `bare`: nobody hears its errors. `minded`: its outlet `error` leads to an output. */
const stage = setStage({}, (language) => ({
  actors: { bare: language.actor('failures'), minded: language.actor('failures'), nurse: language.actor('echo'), cared: language.actor('failures') },
  connections: ['cared.error -> nurse'],
  inputs: { ...inputsTo('bare', inletsOf(language)), minded: 'minded', cared: 'cared' },
  outputs: { out: 'bare', minded: 'minded', errors: 'minded.error', nursed: 'nurse' },
}));

/** The line that ends with such a comment. */
const lineOf = (file: string, comment: string): number =>
  readFileSync(path.join(root, file), 'utf8')
    .split('\n')
    .findIndex((line) => new RegExp(`(//|#) ${comment}$`).test(line)) + 1;

const className = { javascript: 'RangeError', python: 'ValueError', wasm: undefined } as const;

/** What must never be told: how an actor is run, and where. */
const ours = /guest\.js|vivarium:|extism|pyodide|actor\.py|node:|node_modules|\/runtimes\/|\/actor\/|isolated|<anonymous>/i;

describe.each(languages)('a failure in %s', (language) => {
  const flow = () => stage.flow(language);
  const failing = async (inlet: string, message: unknown): Promise<ErrorRecord> => {
    const { id, status, errors } = await flow().run({ [inlet]: message });
    expect({ status, count: errors.length, execution: errors[0]?.execution }).toEqual({ status: 'failed', count: 1, execution: id });
    expect(JSON.stringify(errors)).not.toMatch(ours);
    expect(JSON.stringify(errors)).not.toContain(root);
    return errors[0] as ErrorRecord;
  };
  const own = language.has('places') ? language.file('failures') : '';

  test('fails the execution, if nobody hears of it', async () => {
    const error = await failing('handle', 'x');
    expect(error).toMatchObject({ code: 'actor.failed', actor: 'bare', message: 'too far: "x"' });
    expect(error.name).toBe(className[language.name]);
  });

  test('rejects the question of who asked', async () => {
    expect(await failureOf(() => flow().actor('bare').ask(1))).toMatchObject({ code: 'actor.failed', message: 'too far: 1', record: { actor: 'bare' } });
    expect(await failureOf(() => flow().ask('handle', 1))).toMatchObject({ code: 'actor.failed', message: 'too far: 1' });
  });

  test('goes to the outlet `error`, if that is connected', async () => {
    const { status, outputs, errors } = await flow().run({ minded: 2 });
    expect({ status, errors }).toEqual({ status: 'completed', errors: [] });
    const error = outputs['errors']?.[0] as unknown as Error & { code: string };
    expect(error).toBeInstanceOf(Error);
    expect({ name: error.name, message: error.message, code: error.code }).toEqual({
      name: className[language.name] ?? 'VivariumError',
      message: 'too far: 2',
      code: 'actor.failed',
    });
    expect(error.stack).not.toMatch(ours);
    if (language.has('places')) expect(error.stack).toContain(`${path.basename(own)}`);
  });

  test('is a message like others to the actor that hears of it', async () => {
    // As JSON an error cannot be handed to a plugin.
    const { status, outputs, errors } = await flow().run({ cared: 3 });
    if (language === wasm) expect({ status, errors }).toMatchObject({ status: 'failed', errors: [{ actor: 'nurse', code: 'message.unsupported' }] });
    else expect({ status, error: outputs['nursed']?.[0] }).toMatchObject({ status: 'completed', error: { message: 'too far: 3', code: 'actor.failed' } });
  });

  test('does not take back what was sent before', async () => {
    const { status, outputs, errors } = await flow().run({ after: 'x' });
    expect({ status, outputs: outputs['out'], message: errors[0]?.message }).toEqual({ status: 'failed', outputs: ['x'], message: 'after all' });
  });

  test('leaves the actor as it was', async () => {
    const results = await Array.fromAsync(flow().pipe([1, 2, 3], { input: 'handle' }), ({ errors }) => errors[0]?.message);
    expect(results).toEqual(['too far: 1', 'too far: 2', 'too far: 3']);
    expect(await flow().ask('fine', 1)).toEqual(['fine', 1]);
  });

  if (language.has('places')) {
    test('tells the author’s file and line', async () => {
      const error = await failing('handle', 1);
      expect({ file: error.file, line: error.line }).toEqual({ file: own, line: lineOf(own, 'here') });
      expect(error.stack).toContain(own);
      expect(error.stack).toContain('too far');
    });

    test('tells the place in the author’s other files too', async () => {
      const helper = language.file('arithmetic');
      const error = await failing('deep', 1);
      expect({ file: error.file, line: error.line, message: error.message }).toEqual({
        file: helper,
        line: lineOf(helper, 'here'),
        message: 'division by zero',
      });
      expect(error.stack).toContain(helper);
      expect(error.stack).toContain(own);
    });
  }

  if (language.has('asynchronous')) {
    test('is told in the same way after an await', async () => {
      expect(await failing('later', 1)).toMatchObject({ code: 'actor.failed', message: 'too late: 1', file: own, line: lineOf(own, 'later') });
    });
  }

  if (language.has('generators')) {
    test.each(['halfway', 'halfwayLater'])('of a generator (%s) does not take back what it yielded', async (inlet) => {
      const { outputs, errors } = await flow().run({ [inlet]: 'x' });
      expect(outputs['out']).toEqual(['x']);
      expect(errors).toMatchObject([
        { code: 'actor.failed', message: inlet === 'halfway' ? 'half way' : 'half way, later', file: own, line: lineOf(own, inlet) },
      ]);
    });
  }
});

test('a plugin that fails without a word is told by its return code', async () => {
  const { errors } = await stage.flow(wasm).run({ mute: 1 });
  expect(errors).toMatchObject([{ code: 'actor.failed', actor: 'bare', message: 'the function returned 3' }]);
});

test('a plugin that traps gets a fresh instance', async () => {
  const { errors } = await stage.flow(wasm).run({ trap: 1 });
  expect(errors).toMatchObject([{ code: 'actor.fatal', actor: 'bare', message: expect.stringContaining('unreachable') }]);
  expect(JSON.stringify(errors)).not.toMatch(ours);
  expect(await stage.flow(wasm).ask('fine', 1)).toEqual(['fine', 1]);
});

const broken: readonly [name: string, code: Readonly<Record<'javascript' | 'python', string>>, expected: string, line: number][] = [
  ['does not compile', { javascript: 'export const handle = (;\n', python: 'def handle(:\n' }, 'source.invalid', 1],
  ['fails as it is loaded', { javascript: '\nthrow new TypeError("no way");', python: '\nraise TypeError("no way")' }, 'actor.start', 2],
];

describe.each(languages.filter(({ name }) => name !== 'wasm'))('a source in %s', ({ name }) => {
  test.each(broken)('that %s is refused, and the place is told', async (_, codes, code, line) => {
    const runtime = name as 'javascript' | 'python';
    const failure = await failureOf(() => stage.deploy({ actors: { broken: { runtime, code: codes[runtime] } } }, 'broken'));
    expect({ code: failure.code, actor: failure.record.actor, line: failure.record.line }).toEqual({ code, actor: 'broken', line });
    expect(JSON.stringify(failure.record)).not.toMatch(ours);
  });
});
