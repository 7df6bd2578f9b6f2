/**
 * The command line as folders of data. `test/specs/CASE/` holds a manifest and whatever it needs, and
 *
 * - `command.json`: `{ "args": […], "exit": 0 }`; where needed also `environment` (variables) `plugins` (of test/fixtures/plugins), and
 *   `without` (programs that the machine then lacks);
 * - `stdin`: what is typed;
 * - `stdout`, `stderr`: what is expected, line by line; without the file, nothing;
 * - `expected/`: files that the command writes.
 *
 * The command runs in a copy of the folder. For what differs from run to run see test/support/expectedText.ts.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { detectSandbox } from '../host/cells/sandbox.ts';
import { comparison } from './support/expectedText.ts';

interface SpecCommand {
  readonly args: readonly string[];
  readonly exit: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly plugins?: readonly string[];
  readonly without?: readonly string[];
}

const folder = path.join(import.meta.dirname, 'specs');
const build = path.join(import.meta.dirname, '../dist');
const program = path.join(build, 'host/cli/main.js');

const cases = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());

describe('the command line', () => {
  test('has cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(20);
  });

  test.for(cases.map(({ name }) => name))('%s', async (name) => {
    const spec = path.join(folder, name);
    const command = JSON.parse(readFileSync(path.join(spec, 'command.json'), 'utf8')) as SpecCommand;
    const workFolder = copy(spec, command);
    const { exit, stdout, stderr } = await run(workFolder, command, content(spec, 'stdin'));
    const told = { stdout: comparison(stdout, content(spec, 'stdout')), stderr: comparison(withoutMissingLevel(stderr), content(spec, 'stderr')) };
    expect({ exit, stdout: told.stdout.actual, stderr: told.stderr.actual }).toEqual({
      exit: command.exit,
      stdout: told.stdout.wanted,
      stderr: told.stderr.wanted,
    });
    for (const file of expectedFiles(spec)) {
      const { actual, wanted } = comparison(readFileSync(path.join(workFolder, file), 'utf8'), content(spec, path.join('expected', file)));
      expect(actual, file).toEqual(wanted);
    }
  });
});

function copy(spec: string, { plugins = [] }: SpecCommand): string {
  const workFolder = mkdtempSync(path.join(tmpdir(), 'vivarium-spec-'));
  onTestFinished(() => rmSync(workFolder, { recursive: true, force: true }));
  cpSync(spec, workFolder, { recursive: true });
  for (const plugin of plugins) cpSync(path.join(build, 'test/plugins', `${plugin}.wasm`), path.join(workFolder, `${plugin}.wasm`));
  return workFolder;
}

/** Bubblewrap itself makes a machine that lacks something; one without it lacks it already. */
async function commandLine({ args, without = [] }: SpecCommand): Promise<[string, ...string[]]> {
  const { bwrap, ...others } = (await detectSandbox()).programs;
  if (without.length === 0 || bwrap === undefined) return [process.execPath, program, ...args];
  const places: Record<string, string | undefined> = { bwrap, ...others };
  const hidden = without.flatMap((name) => ['--ro-bind', '/dev/null', places[name] as string]);
  return [bwrap, '--dev-bind', '/', '/', ...hidden, '--', process.execPath, program, ...args];
}

async function run(cwd: string, command: SpecCommand, stdin: string): Promise<{ exit: number | null; stdout: string; stderr: string }> {
  const [file, ...args] = await commandLine(command);
  const child = spawn(file, args, { cwd, env: { PATH: process.env['PATH'], ...command.environment } });
  const closed = new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  // A command that reads nothing may be gone before everything was typed.
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  const [exit, stdout, stderr] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
  return { exit, stdout, stderr };
}

const content = (spec: string, file: string): string => (existsSync(path.join(spec, file)) ? readFileSync(path.join(spec, file), 'utf8') : '');

const expectedFiles = (spec: string): string[] => (existsSync(path.join(spec, 'expected')) ? readdirSync(path.join(spec, 'expected')) : []);

/** Said where the machine has no jail, and only there. */
const withoutMissingLevel = (stderr: string): string => stderr.replace(/^ {2}no higher level: .*\n/m, '');
