/**
 * What state costs: operations a second by language, in memory and in a file, beside the same operations on `node:sqlite` without
 * Vivarium, measured in the same run. A guest asks one thing after the other, and waits for each.
 *
 *     npm run bench -- state [--json]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createHost, type Host } from '../host/index.ts';
import { type Figure, figureOf, milliseconds, repeat, report } from './report.ts';

const rounds = 3;
/** Half of them puts, half gets. */
const operations = 2_000;
/** Of one message: fewer than the limits of a turn in time. */
const operationsOfTurn = 200;

const policy = { state: '1MiB', limits: { cpu: '10s' } };

const actors = {
  'javascript, await': {
    runtime: 'javascript',
    policy,
    code: 'export async function handle(n, { state }) { for (let i = 0; i < n; i++) { await state.put("counter", i); await state.get("counter"); } return n; }',
  },
  'python, plain': {
    runtime: 'python',
    policy,
    code: 'def handle(n, context):\n    for i in range(n):\n        context.state.put("counter", i)\n        context.state.get("counter")\n    return n\n',
  },
  'python, await': {
    runtime: 'python',
    policy,
    code: 'async def handle(n, context):\n    for i in range(n):\n        await context.state.put("counter", i)\n        await context.state.get("counter")\n    return n\n',
  },
  'wasm, suspended': { source: 'dist/test/plugins/state.wasm', function: 'repeat', policy },
} as const;

const rateOf = async (run: () => Promise<unknown>): Promise<number> => operations / ((await milliseconds(run)) / 1000);

async function ofLanguage(host: Host, name: keyof typeof actors): Promise<readonly number[]> {
  await using flow = await host.deploy({ vivarium: 1, namespace: 'bench', actors: { keeper: actors[name] } } as never, { base: '.' });
  const keeper = flow.actor('keeper' as never);
  const run = async (): Promise<void> => {
    for (let done = 0; done < operations; done += operationsOfTurn) await keeper.ask(operationsOfTurn / 2);
  };
  return await repeat(rounds, () => rateOf(run));
}

/** What a program of one's own would do: prepared statements, the same journal. */
async function plain(path: string): Promise<number> {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT) STRICT');
  const put = database.prepare('INSERT INTO entries VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value');
  const get = database.prepare('SELECT value FROM entries WHERE key = ?');
  const measured = await rateOf(async () => {
    for (let i = 0; i < operations / 2; i++) {
      put.run('counter', JSON.stringify(i));
      JSON.parse(get.get('counter')?.['value'] as string);
    }
  });
  database.close();
  return measured;
}

const folder = mkdtempSync(join(tmpdir(), 'vivarium-bench-'));
const figures: Figure[] = [];
try {
  for (const [place, file] of [
    ['memory', undefined],
    ['a file', join(folder, 'state.db')],
  ] as const) {
    const peer = { name: 'node:sqlite', value: await plain(file === undefined ? ':memory:' : join(folder, 'plain.db')) };
    await using host = await createHost({ ceiling: 'unrestricted', ...(file !== undefined && { store: { path: file } }) });
    for (const name of Object.keys(actors) as (keyof typeof actors)[])
      figures.push(figureOf(`state in ${place}: ${name}`, 'operations/s', await ofLanguage(host, name), [peer]));
    if (file !== undefined) report('state', host.report().sandbox, figures);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
