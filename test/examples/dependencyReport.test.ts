/** `npm run demo`, as a newcomer runs it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '../..');

/** The rows of a table by its title, cells by column. */
function rows(report: string, title: string): Record<string, string>[] {
  const lines = report.split('\n');
  const begin = lines.findIndex((line) => line.startsWith(title));
  if (begin < 0) throw new Error(`no table '${title}' in\n${report}`);
  const end = lines.indexOf('', begin);
  const [head = '', , ...body] = lines.slice(begin + 1, end);
  const names = head.trim().split(/ {2,}/);
  return body.map((line) =>
    Object.fromEntries(
      line
        .trim()
        .split(/ {2,}/)
        .map((cell, column) => [names[column] as string, cell]),
    ),
  );
}

test('the demo computes over real lock files in three languages, and shows a refusal', { timeout: 120_000 }, () => {
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  expect(scripts['demo']).toBe('node examples/dependency-report/demo.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, ['examples/dependency-report/demo.ts'], { cwd: root, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });

  const packages = Object.keys((JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as { packages: object }).packages);
  const npm = new Set(packages.filter((key) => key !== '').map((key) => key.split('node_modules/').at(-1))).size;
  const pyodide = JSON.parse(readFileSync(path.join(root, 'node_modules/pyodide/pyodide-lock.json'), 'utf8')) as {
    packages: Record<string, { package_type: string }>;
  };
  const records = npm + Object.values(pyodide.packages).filter((entry) => entry.package_type === 'package').length;
  expect(stdout).toContain(`${records} records`);

  const scored = rows(stdout, 'What deserves the most attention');
  expect(scored).toHaveLength(10);
  const scores = scored.map(({ score }) => Number(score));
  expect(scores).toEqual(scores.toSorted((one, other) => other - one));
  expect(rows(stdout, 'Names that could be mistaken')).toContainEqual({ package: 'rebound', and: 'reboundx', 'edits apart': '1' });

  expect(rows(stdout, 'Messages')).toEqual([
    { from: 'input lockFiles', to: 'clean', messages: '2' },
    { from: 'clean', to: 'score', messages: `${records}` },
    { from: 'clean.names', to: 'lookalikes', messages: '2' },
    { from: 'score', to: 'output scored', messages: `${records}` },
    { from: 'lookalikes', to: 'output lookalikes', messages: '2' },
  ]);
  expect(rows(stdout, 'Time of the actors').map(({ actor, language, messages }) => [actor, language, messages])).toEqual([
    ['clean', 'TypeScript', '2'],
    ['score', 'Python', `${records}`],
    ['lookalikes', 'WebAssembly', '2'],
  ]);
  expect(stdout).toContain(`its ${records} calls of the service usage.count`);
  expect(stdout).toMatch(/^Sandbox level: (jail|process)/m);

  expect(stdout).toContain(`${records + 1} decisions audited, 1 refused`);
  expect(stdout).toMatch(/when deployed {2}score: score\.policy\.yaml:4:5: services: \[usage\.forget\] is not granted: the ceiling of the operator would need/);
  expect(stdout).toMatch(/in the audit {3}score: call services usage\.forget: .*the ceiling of the operator does not grant it/);
  expect(stdout).toMatch(/in score\.py {4}score: policy\.denied: `score` may not call the service `usage\.forget`/);
});
