/** `npm run demo`: what this repository depends on, by three actors in three languages over two real lock files. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type AuditEvent, createHost, defineService, type LogEvent, type RunResult, refusalText } from 'vivarium';
import { z } from 'zod';
import { milliseconds, printTable } from './print.ts';
import { countImports } from './usage.ts';

interface Scored {
  readonly name: string;
  readonly version: string;
  readonly ecosystem: string;
  readonly licence: string;
  readonly dependencies: number;
  readonly importedBy: number;
  readonly score: number;
}

interface Lookalikes {
  readonly pairs: readonly { readonly a: string; readonly b: string; readonly distance: number }[];
  readonly comparisons: number;
}

const repository = path.join(import.meta.dirname, '../..');
const readPackages = (file: string): unknown => JSON.parse(readFileSync(path.join(repository, file), 'utf8')).packages;

const began = performance.now();
const imports = countImports(repository);
let served = 0;

const name = z.object({ name: z.string() });
const usage = {
  count: defineService({
    input: name,
    output: z.object({ files: z.int() }),
    handle: (asked) => {
      served++;
      return { files: imports.get(asked.name) ?? 0 };
    },
  }),
  forget: defineService({ input: name, output: z.null(), handle: () => null }),
};

let decisions = 0;
const refused: AuditEvent[] = [];
const logs: LogEvent[] = [];

// score.policy.yaml asks for both services. The ceiling is the operator's word: `usage.forget` is beyond it.
await using host = await createHost({ services: { usage }, ceiling: { services: ['usage.count'], limits: { cpu: '10s' } } });
host.on('audit', (event) => {
  decisions++;
  if (!event.allowed) refused.push(event);
});
host.on('log', (line) => logs.push(line));
const hostReady = performance.now();
const flow = await host.deploy(path.join(import.meta.dirname, 'vivarium.yaml'));
const deployed = performance.now();

const results: RunResult[] = [];
for (const lockFile of [
  { kind: 'npm', packages: readPackages('package-lock.json') },
  { kind: 'pyodide', packages: readPackages('node_modules/pyodide/pyodide-lock.json') },
]) {
  const result = await flow.run({ lockFiles: lockFile });
  if (result.status !== 'completed') throw new Error(`the execution ${result.status}`, { cause: result.errors });
  results.push(result);
}
const done = performance.now();

const outputs = <Output>(output: string): Output[] => results.flatMap((result) => (result.outputs[output] ?? []) as Output[]);
const scored = outputs<Scored>('scored');
const lookalikes = outputs<Lookalikes>('lookalikes');
const work = (actor: string): { messages: number; time: number } =>
  results.reduce((sum, { actors }) => ({ messages: sum.messages + (actors[actor]?.messages ?? 0), time: sum.time + (actors[actor]?.time ?? 0) }), {
    messages: 0,
    time: 0,
  });

console.log(`Dependencies of this repository (package-lock.json) and of Pyodide (its lock file): ${scored.length} records`);

printTable(
  'What deserves the most attention (points of score.py)',
  ['package', 'version', 'of', 'licence', 'depends on', 'imported by', 'score'],
  scored
    .toSorted((one, other) => other.score - one.score || one.name.localeCompare(other.name))
    .slice(0, 10)
    .map((record) => [record.name, record.version, record.ecosystem, record.licence, record.dependencies, record.importedBy, record.score.toFixed(1)]),
);

const pairs = lookalikes.flatMap((found) => found.pairs).toSorted((one, other) => one.distance - other.distance);
printTable(
  `Names that could be mistaken for one another: ${pairs.length} of ${lookalikes.reduce((sum, { comparisons }) => sum + comparisons, 0)} pairs (digest.wasm), the closest`,
  ['package', 'and', 'edits apart'],
  pairs.slice(0, 8).map(({ a, b, distance }) => [a, b, distance]),
);

printTable(
  'Messages',
  ['from', 'to', 'messages'],
  [
    ['input lockFiles', 'clean', work('clean').messages],
    ['clean', 'score', work('score').messages],
    ['clean.names', 'lookalikes', work('lookalikes').messages],
    ['score', 'output scored', scored.length],
    ['lookalikes', 'output lookalikes', lookalikes.length],
  ],
);

const languages: Readonly<Record<string, string>> = { clean: 'TypeScript', score: 'Python', lookalikes: 'WebAssembly' };
printTable(
  'Time of the actors',
  ['actor', 'language', 'messages', 'time', 'a message'],
  flow.actors.map((actor) => {
    const { messages, time } = work(actor);
    return [actor, languages[actor] ?? '', messages, milliseconds(time), milliseconds(time / messages)];
  }),
);
console.log(`\nThe time of score contains its ${served} calls of the service usage.count, which it waits for one by one.`);
console.log(
  `Host ready in ${milliseconds(hostReady - began)}, flow deployed in ${milliseconds(deployed - hostReady)}, both files done in ${milliseconds(done - deployed)}.`,
);

const { sandbox, missing } = host.report();
console.log(
  `\nSandbox level: ${sandbox}${missing === undefined ? '' : `. No higher one: ${missing.reason}${missing.hint === undefined ? '' : ` (${missing.hint})`}`}`,
);

console.log(`
Policy: ${decisions} decisions audited, ${refused.length} refused. score.policy.yaml asks for two services, and this program grants one of them.`);
for (const { refused: cut, actor } of flow.grants) for (const refusal of cut) console.log(`  when deployed  ${actor}: ${refusalText(refusal)}`);
for (const { actor, operation, capability, resource, reason } of refused)
  console.log(`  in the audit   ${actor}: ${operation} ${capability} ${resource}: ${reason}`);
for (const { actor, level, text } of logs) if (level === 'warn') console.log(`  in score.py    ${actor}: ${text}`);
