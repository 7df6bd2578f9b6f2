/** `npm run bench`: runs the benchmarks of `benchmarks/`, all or those that are named, and prints what they measured. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Benchmark, Measured, Options } from './benchmark.ts';
import { measureApart } from './apart.ts';
import { circumstances } from './circumstances.ts';
import { say, silence } from './progress.ts';
import { type BenchmarkResult, type Report, tableOf } from './report.ts';

const usage = `npm run bench -- [NAME …] [options]

  NAME             a benchmark; all of them if none is named
  --list           tells their names, and what they measure
  --json           prints data instead of tables
  --repetitions N  measures each figure so often (3)
  --scale N        does this part of the usual work (1): to see that everything runs, not for figures
`;

const folder = join(import.meta.dirname, 'benchmarks');
const fileOf = (name: string): string => join(folder, `${name}.ts`);
const names = readdirSync(folder).map((file) => file.replace(/\.ts$/, ''));

async function list(): Promise<void> {
  for (const name of names) {
    const { summary } = (await import(fileOf(name))) as Benchmark;
    process.stdout.write(`${name.padEnd(12)} ${summary}\n`);
  }
}

async function run(name: string, options: Options): Promise<BenchmarkResult> {
  const { summary } = (await import(fileOf(name))) as Benchmark;
  const began = performance.now();
  try {
    const { sandbox, figures } = await measureApart<Measured>(fileOf(name), options);
    return { benchmark: name, summary, sandbox, seconds: (performance.now() - began) / 1000, figures: [...figures] };
  } catch (error) {
    return { benchmark: name, summary, failed: (error as Error).message };
  } finally {
    silence();
  }
}

async function runAll(chosen: readonly string[], options: Options, json: boolean): Promise<void> {
  const report: Report = { ...circumstances(), scale: options.scale, benchmarks: [] };
  if (!json) process.stdout.write(head(report));
  for (const [index, name] of chosen.entries()) {
    if (process.stderr.isTTY) say(`${name} …`);
    else process.stderr.write(`${name}: ${index + 1} of ${chosen.length}\n`);
    const result = await run(name, options);
    report.benchmarks.push(result);
    if ('failed' in result) process.exitCode = 1;
    if (!json) process.stdout.write(`\n${'sandbox' in result ? `[${result.sandbox}] ` : ''}${tableOf(result)}`);
  }
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
}

const head = ({ machine, versions, commit, scale }: Report): string =>
  `${machine.cores} × ${machine.processor}, ${machine.system}\n` +
  `${Object.entries(versions)
    .map((version) => version.join(' '))
    .join(', ')}; commit ${commit}\n` +
  (scale === 1 ? '' : `${scale} of the usual work: these are no figures\n`);

function refuse(reason: string): void {
  process.stderr.write(`${reason}\n\n${usage}\nThe benchmarks are: ${names.join(', ')}\n`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      scale: { type: 'string', default: '1' },
      repetitions: { type: 'string', default: '3' },
    },
  });
  const [scale, repetitions] = [Number(values.scale), Number(values.repetitions)];
  const unknown = positionals.filter((name) => !names.includes(name));
  if (values.help) process.stdout.write(usage);
  else if (values.list) await list();
  else if (unknown.length > 0) refuse(`no benchmark is called ${unknown.join(', ')}`);
  else if (!(scale > 0 && scale <= 10)) refuse('--scale is a number above 0, 10 at most');
  else if (!(Number.isInteger(repetitions) && repetitions >= 1 && repetitions <= 100)) refuse('--repetitions is an integer from 1 to 100');
  else await runAll(positionals.length > 0 ? positionals : names, { scale, repetitions }, values.json);
}

try {
  await main();
} catch (error) {
  if (!String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS')) throw error;
  refuse((error as Error).message);
}
