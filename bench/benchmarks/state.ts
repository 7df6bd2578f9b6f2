/**
 * What state costs: operations a second by language, in memory and in a file, beside the same operations on `node:sqlite` without
 * Vivarium, measured in the same run. A guest asks one thing after the other, and waits for each.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Host } from '../../host/index.ts';
import { type Measured, openHost, type Options, ratesOf, type Rates, scaled } from '../benchmark.ts';
import { deploy, plugin } from '../flows.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf } from '../report.ts';
import { rate } from '../timing.ts';

export const summary = 'puts and gets of a guest, in memory and in a file: operations per second';

/** Of one message: fewer than the limits of a turn in time. Half of them puts, half gets. */
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
  'wasm, suspended': { source: join(plugin, '../state.wasm'), function: 'repeat', policy },
} as const;

const operationsOf = (options: Options): number => operationsOfTurn * scaled(options, 10);

async function ofLanguage(host: Host, name: keyof typeof actors, options: Options): Promise<Rates> {
  await using flow = await deploy(host, { vivarium: 1, namespace: 'bench', actors: { keeper: actors[name] } });
  const operations = operationsOf(options);
  return await ratesOf(options.repetitions, operations, async () => {
    for (let done = 0; done < operations; done += operationsOfTurn) await flow.actor('keeper').ask(operationsOfTurn / 2);
  });
}

/** What a program of one's own would do: prepared statements, the same journal. */
async function plain(path: string, options: Options): Promise<number> {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT) STRICT');
  const put = database.prepare('INSERT INTO entries VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value');
  const get = database.prepare('SELECT value FROM entries WHERE key = ?');
  const operations = operationsOf(options);
  const measured = await rate(options.repetitions, operations, async () => {
    for (let i = 0; i < operations / 2; i++) {
      put.run('counter', JSON.stringify(i));
      JSON.parse(get.get('counter')?.['value'] as string);
    }
  });
  database.close();
  return measured;
}

const places = { memory: undefined, 'a file': 'state.db' } as const;

async function ofPlace(place: keyof typeof places, folder: string, options: Options): Promise<Measured> {
  const file = places[place];
  const value = await plain(file === undefined ? ':memory:' : join(folder, 'plain.db'), options);
  const peer = { name: 'node:sqlite', lacks: 'no sandbox, no policy, no bound of a namespace; and no call to another process', value };
  await using host = await openHost({ ceiling: 'unrestricted', ...(file !== undefined && { store: { path: join(folder, file) } }) });
  const figures: Figure[] = [];
  for (const name of Object.keys(actors) as (keyof typeof actors)[]) {
    say(`state in ${place}: ${name}`);
    const { values, processorMicroseconds } = await ofLanguage(host, name, options);
    figures.push(figureOf(`state in ${place}: ${name}`, 'operations/s', values, { processorMicroseconds, peers: [peer] }));
  }
  return { sandbox: host.report().sandbox, figures };
}

export async function measure(options: Options): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-bench-'));
  try {
    const memory = await ofPlace('memory', folder, options);
    const file = await ofPlace('a file', folder, options);
    return { sandbox: file.sandbox, figures: [...memory.figures, ...file.figures] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
