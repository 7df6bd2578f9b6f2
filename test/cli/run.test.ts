/** What the folders of test/specs cannot say of `vivarium run`: signals, readers that leave, and how much it holds. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { makeFolder } from '../support/folder.ts';

const program = path.join(import.meta.dirname, '../../dist/host/cli/main.js');

const manifest = (code: string): string => `vivarium: 1
actors:
  only: { runtime: javascript, code: ${JSON.stringify(code)}, policy: { limits: { wall: 10m, message: 2MiB } } }
inputs: { numbers: only }
outputs: { results: only }
`;

/** Answers 1 at once and all others never. */
const patient = manifest('export const handle = (n) => (n === 1 ? n : new Promise(() => {}));');

interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  /** The next line of its standard output. */
  readonly line: () => Promise<string>;
  readonly ended: Promise<{ readonly exit: number | null; readonly signal: NodeJS.Signals | null; readonly stderr: string }>;
}

function start(flow: string, nodeOptions: readonly string[] = []): Running {
  const folder = makeFolder({ 'vivarium.yaml': flow });
  const child = spawn(process.execPath, [...nodeOptions, program, 'run', 'vivarium.yaml'], { cwd: folder });
  onTestFinished(() => void child.kill('SIGKILL'));
  child.stdin.on('error', () => undefined);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async (): Promise<string> => (await lines.next()).value as string;
  const ended = Promise.all([once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>, text(child.stderr)]);
  return { child, line, ended: ended.then(([[exit, signal], stderr]) => ({ exit, signal, stderr })) };
}

test.for(['SIGINT', 'SIGTERM'] as const)('%s cancels what is under way, and the summary is told', async (signal) => {
  const { child, line, ended } = start(patient);
  child.stdin.write('1\n2\n3\n');
  expect(JSON.parse(await line())).toMatchObject({ output: 'results', message: 1 });
  child.kill(signal);
  const { exit, stderr } = await ended;
  expect(exit).toBe(1);
  expect(stderr).toContain('1 execution completed, 0 failed, 2 cancelled');
  expect(stderr).toContain('ended early: interrupted');
});

test('a reader that leaves stops an input that never ends', async () => {
  const { child, line, ended } = start(manifest('export const handle = (n) => n;'));
  const endless = pipeline(Readable.from(endlessNumbers()), child.stdin).catch(() => undefined);
  await line();
  child.stdout.destroy();
  const { exit, stderr } = await ended;
  await endless;
  expect(exit).toBe(1);
  expect(stderr).toContain('ended early: the reader of the output left');
  expect(stderr).not.toContain('at LineOutput');
});

test('far more messages than fit into memory pass', async () => {
  const { child, ended } = start(manifest('export const handle = (text) => text.length;'), ['--max-old-space-size=64']);
  const messages = 2_000;
  const line = `${JSON.stringify('x'.repeat(64 * 1024))}\n`;
  child.stdout.resume();
  await pipeline(Readable.from(new Array<string>(messages).fill(line)), child.stdin);
  const { exit, stderr } = await ended;
  expect(stderr).toContain(`${messages} executions completed, 0 failed`);
  expect(exit).toBe(0);
});

function* endlessNumbers(): Generator<string> {
  for (let n = 0; ; n++) yield `${n}\n`;
}
