import { readFileSync } from 'node:fs';
import path from 'node:path';
import createPlugin, { type CallContext, type ExtismPluginOptions, type Plugin } from '@extism/extism';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { allowedImports } from '../../runtimes/wasm/imports.ts';
import { checkModule } from '../../runtimes/wasm/module.ts';

const root = path.join(import.meta.dirname, '../..');

/** Opens a plugin in Node, without a sandbox: these tests are about the plugins alone. */
async function open(file: string, options: ExtismPluginOptions = {}): Promise<Plugin> {
  const { bytes } = checkModule(readFileSync(path.join(root, file)), allowedImports({ wasi: false }));
  const plugin = await createPlugin({ wasm: [{ data: bytes }] }, { useWasi: false, ...options });
  onTestFinished(() => plugin.close());
  return plugin;
}

interface Report {
  readonly pairs: readonly { readonly a: string; readonly b: string; readonly distance: number }[];
  readonly comparisons: number;
}

/** The textbook: one row after the other, no limit. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) next.push(Math.min((row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1), (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    row = next;
  }
  return row[b.length] ?? 0;
}

function expectedReport(names: readonly string[]): Report {
  const long = names.filter((name) => name.length >= 5);
  const scope = (name: string): string => (name.startsWith('@') ? name.slice(0, name.indexOf('/') + 1) : '');
  const couples = long.flatMap((a, i) => long.slice(i + 1).map((b) => ({ a, b }))).filter(({ a, b }) => scope(a) === '' || scope(a) !== scope(b));
  const pairs = couples.map(({ a, b }) => ({ a, b, distance: editDistance(a, b) })).filter(({ distance }) => distance > 0 && distance <= 2);
  return { pairs, comparisons: couples.length };
}

describe('the digest of the dependency report', () => {
  const digest = async (plugin: Plugin, input: unknown): Promise<Report> => (await plugin.call('digest', JSON.stringify(input)))?.json() as Report;

  it('finds names that could be mistaken for one another', async () => {
    const plugin = await open('examples/dependency-report/digest.wasm');
    const report = await digest(plugin, {
      other: [{ deep: [1.5e3, null, 'x"'] }],
      names: ['lodash', 'lodahs', 'left-pad', 'leftpad', 'is', 'ms', 'express', '@a/core', '@b/core', '@a/cora'],
    });
    expect(report.pairs).toEqual([
      { a: 'lodash', b: 'lodahs', distance: 2 },
      { a: 'left-pad', b: 'leftpad', distance: 1 },
      { a: '@a/core', b: '@b/core', distance: 1 },
      { a: '@b/core', b: '@a/cora', distance: 2 },
    ]);
    expect(report.comparisons).toBe((8 * 7) / 2 - 1);
  });

  it('finds what the textbook finds', async () => {
    const plugin = await open('examples/dependency-report/digest.wasm');
    const name = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'b', '-', 'ü', '"', '\\'), maxLength: 12 }),
      fc.string({ maxLength: 8 }),
      fc.constantFrom('@s/aaaaa', '@s/aaaab', '@t/aaaaa'),
    );
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { maxLength: 25 }), async (names) => {
        expect(await digest(plugin, { names })).toEqual(expectedReport(names));
      }),
      { numRuns: 200 },
    );
  });

  it('compares 1,500 names in well under two seconds', async () => {
    const plugin = await open('examples/dependency-report/digest.wasm');
    const syllables = ['react', 'node', 'type', 'script', 'path', 'util', 'color', 'parse', 'stream', 'lite'];
    const names = Array.from(
      { length: 1_500 },
      (_, index) => `${syllables[index % 10]}-${syllables[Math.floor(index / 10) % 10]}${index % 7}-${syllables[Math.floor(index / 100) % 10]}`,
    );
    const start = process.cpuUsage();
    const report = await digest(plugin, { names });
    expect(report.comparisons).toBe((1_500 * 1_499) / 2);
    expect(report.pairs.length).toBeGreaterThan(100);
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(2_000);
  });

  it.each([
    '',
    '[]',
    '{',
    '{"names":["a"',
    '{"names":["a",]}',
    '{"names":[1]}',
    '{"names":["\\q"]}',
    '{"names":["\\u12"]}',
    '{}',
    '{"names":[]} x',
    `{"x":${'['.repeat(100_000)}`,
  ])('says what is wrong with %j', async (input) => {
    const plugin = await open('examples/dependency-report/digest.wasm');
    await expect(plugin.call('digest', input)).rejects.toThrow(/The input is not \{ "names": \[string, …\] \}: .+ at character \d+/);
  });
});

describe('the plugins of the tests', () => {
  const text = async (plugin: Plugin, name: string, input = ''): Promise<string | undefined> => (await plugin.call(name, input))?.text();

  it('echo, config, variables and errors', async () => {
    const echo = await open('dist/test/plugins/echo.wasm');
    expect([await text(echo, 'handle', '"ü"'), await text(echo, 'shout', 'ü')]).toEqual(['"ü"', 'Ü']);
    const context = await open('dist/test/plugins/context.wasm', { config: { key: 'value' } });
    expect([await text(context, 'handle', 'key'), await text(context, 'handle', 'other')]).toEqual(['value', 'none']);
    expect([await text(context, 'count'), await text(context, 'count'), await text(context, 'forget'), await text(context, 'count')]).toEqual([
      '1',
      '2',
      'forgotten',
      '1',
    ]);
    await expect(context.call('fail', 'no luck')).rejects.toThrow('no luck');
  });

  it('trap in four ways', async () => {
    const trap = await open('dist/test/plugins/trap.wasm');
    await expect(trap.call('handle')).rejects.toThrow('unreachable');
    await expect(trap.call('outOfBounds')).rejects.toThrow('out of bounds');
    await expect(trap.call('divide')).rejects.toThrow('divide by zero');
    await expect(trap.call('recurse')).rejects.toThrow('call stack');
  });

  it('speak with the host by blocks', async () => {
    const heard: string[] = [];
    const hear = (context: CallContext, name: bigint, message: bigint): void =>
      void heard.push(`${context.read(name)?.text()} ${context.read(message)?.text()}`);
    const answer = (context: CallContext, name: bigint, message: bigint): bigint => {
      hear(context, name, message);
      return context.store('{"ok":1}');
    };
    const talk = await open('dist/test/plugins/talk.wasm', {
      functions: {
        'extism:host/user': {
          vivarium_emit: (context: CallContext, outlet: bigint, message: bigint) => {
            hear(context, outlet, message);
            return 0n;
          },
          vivarium_service_call: answer,
          vivarium_ask: answer,
        },
      },
    });
    expect(await text(talk, 'handle', '7')).toBe('7');
    expect(await text(talk, 'service', '{}')).toBe('{"ok":1}');
    expect(await text(talk, 'ask', '"x"')).toBe('{"ok":1}');
    expect(heard).toEqual(['extra 7', 'extra 7', 'orders.list {}', 'peer "x"']);
  });
});
