import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SandboxLevel } from '../../host/cells/levels.ts';
import { detectSandbox } from '../../host/cells/sandbox.ts';
import { confinedCommand } from '../../host/sources/confinement.ts';
import { makeFolder } from '../support/folder.ts';
import { availableLevels } from '../support/levels.ts';

const script = path.join(import.meta.dirname, '../fixtures/confined.ts');
const packageFile = path.join(import.meta.dirname, '../../package.json');

interface Answer {
  readonly environment: Record<string, string>;
  readonly connected: string;
  readonly read: string;
  readonly write: string;
  readonly childRead: string;
  readonly interfaces: string[];
  readonly processor: string;
  readonly core: string;
  readonly files: string;
}

/** A file with a secret, and a listener on this machine that counts who knocks. */
async function canaries(): Promise<{ file: string; port: number; knocks: () => number }> {
  let knocks = 0;
  const server = createServer((socket) => {
    knocks += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const file = path.join(makeFolder({ secret: 'token-4711' }), 'secret');
  return { file, port: typeof address === 'object' && address !== null ? address.port : 0, knocks: () => knocks };
}

async function run(file: string, args: readonly string[], env: Record<string, string>): Promise<Answer> {
  const { stdout } = await promisify(execFile)(file, args, { env });
  return JSON.parse(stdout) as Answer;
}

async function confined(level: SandboxLevel, args: readonly string[]): Promise<Answer> {
  const command = confinedCommand({ script, arguments: args, readable: [packageFile] }, await detectSandbox(), level);
  // The environment is scrubbed by the command itself, whoever spawns it.
  return run(command.file, command.arguments, { PATH: '/usr/bin', TOKEN: 'token-4711', NODE_OPTIONS: '--no-warnings' });
}

describe.each(await availableLevels())('a confined program at level %s', (level) => {
  it('has no environment, no files, no network and little time', async () => {
    const { file, port, knocks } = await canaries();
    const answer = await confined(level, [file, String(port)]);
    expect(answer.environment).toEqual({});
    expect(answer).toMatchObject({ read: 'ERR_ACCESS_DENIED', write: 'ERR_ACCESS_DENIED', connected: 'ERR_ACCESS_DENIED' });
    expect(answer).toMatchObject({ processor: 20, core: 0, files: 0 });
    expect(knocks()).toBe(0);
  });
});

it('what the program starts sees nothing either, in the jail', async () => {
  const { file, port } = await canaries();
  for (const level of await availableLevels()) {
    const { childRead, interfaces } = await confined(level, [file, String(port)]);
    expect(childRead).toBe(level === 'jail' ? '' : 'token-4711');
    if (level === 'jail') expect(interfaces).toEqual(['lo']);
  }
});

it('control: unconfined, the same program reads, connects and sees the environment', async () => {
  const { file, port, knocks } = await canaries();
  const answer = await run(process.execPath, [script, file, String(port)], { TOKEN: 'token-4711' });
  expect(answer).toMatchObject({ environment: { TOKEN: 'token-4711' }, read: 'done: token-4711', connected: 'connected', childRead: 'token-4711' });
  expect(knocks()).toBe(1);
});
