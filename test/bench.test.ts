import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { reportSchema } from '../bench/report.ts';

const root = join(import.meta.dirname, '..');
const command = join(root, 'bench/run.ts');
const bench = (...args: string[]): string =>
  execFileSync(process.execPath, [command, ...args], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const refused = (...args: string[]) => spawnSync(process.execPath, [command, ...args], { cwd: root, encoding: 'utf8' });

const names = readdirSync(join(root, 'bench/benchmarks')).map((file) => file.replace(/\.ts$/, ''));

describe('npm run bench', () => {
  test('lists every benchmark with what it measures, and bench/README.md explains each', () => {
    const listed = bench('--list').trimEnd().split('\n');
    expect(listed.map((line) => line.split(/ {2,}/)[0])).toEqual(names);
    for (const line of listed) expect(line).toMatch(/^\w+ {2,}\S.{20,}$/);
    const readme = readFileSync(join(root, 'bench/README.md'), 'utf8');
    expect(names.filter((name) => !readme.includes(`| \`${name}\` |`))).toEqual([]);
  });

  test('measures a benchmark beside its peers and prints data of the published shape', { timeout: 120_000 }, () => {
    const report = reportSchema.parse(JSON.parse(bench('sizes', '--json', '--scale', '0.01', '--repetitions', '1')));
    expect(report.scale).toBe(0.01);
    expect(report.versions).toHaveProperty('isolated-vm');
    const [measured] = report.benchmarks;
    if (measured === undefined || 'failed' in measured) throw new Error(`it was not measured: ${JSON.stringify(measured)}`);
    expect(measured.figures.map(({ name }) => name)).toEqual(['text, 1 KiB', 'text, 64 KiB', 'text, 1 MiB', 'bytes, 1 KiB', 'bytes, 64 KiB', 'bytes, 1 MiB']);
    for (const { value, peers } of measured.figures) {
      expect(value).toBeGreaterThan(0);
      const [bare] = peers;
      if (bare === undefined || 'absent' in bare) throw new Error('the peer was not measured');
      expect(bare.ratio).toBeCloseTo(value / bare.value);
      expect(bare.target).toEqual({ atLeast: 0.5, reached: bare.ratio >= 0.5 });
    }
  });

  test('refuses what it does not know, and says what there is', () => {
    for (const wrong of [['nothing'], ['--fast'], ['sizes', '--scale', '0'], ['sizes', '--repetitions', '1.5']]) {
      const { status, stdout, stderr } = refused(...wrong);
      expect({ wrong, status, stdout }).toEqual({ wrong, status: 2, stdout: '' });
      expect(stderr).toContain(`The benchmarks are: ${names.join(', ')}`);
    }
  });
});
