/**
 * The programs of wasi-testsuite, each as an actor of its own on a real host: those that lie beside this file, and those of the
 * folder that VIVARIUM_WASI_TESTSUITE names. The folder that a program wants is mounted at `/`.
 */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createHost, type Host } from '../../host/index.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** What a program expects, as the suite writes it. */
interface Specification {
  readonly root?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly exit_code?: number;
  readonly stdout?: string;
}

const noArguments = 'an actor has no arguments';
const noLinks = 'a guest makes no links';
const coarse = 'times of files are told to the millisecond';
/** Programs that do not run to their end here, and why. That they do not is tested too. */
const exceptions: Readonly<Record<string, string>> = {
  'args_get-multiple-arguments': noArguments,
  'args_sizes_get-multiple-arguments': noArguments,
  'args_sizes_get-no-arguments': noArguments,
  'sock_shutdown-invalid_fd': 'descriptor 3 is the private /tmp',
  fd_filestat_set: coarse,
  fd_flags_set: 'what was opened to be appended to stays so',
  fd_readdir: 'a folder tells no identities of what lies in it',
  nofollow_errors: noLinks,
  path_exists: noLinks,
  path_filestat: coarse,
  path_link: noLinks,
  path_symlink_trailing_slashes: noLinks,
  poll_oneoff_stdio: 'there is nothing to wait for',
  readlink: noLinks,
  symlink_create: noLinks,
  symlink_filestat: noLinks,
};

const beside = path.join(import.meta.dirname, 'wasi-testsuite');
const folders = [
  ...['assemblyscript', 'c', 'rust'].map((language) => path.join(beside, language)),
  ...(process.env['VIVARIUM_WASI_TESTSUITE'] ?? '').split(':'),
].filter((folder) => folder !== '');

const scratch = realpathSync(mkdtempSync(path.join(tmpdir(), 'vivarium-wasi-')));
let host: Host;
const printed: { namespace: string; text: string }[] = [];
beforeAll(async () => {
  host = await createHost({ ceiling: 'unrestricted' });
  host.on('log', ({ namespace, text }) => printed.push({ namespace, text }));
});
afterAll(async () => {
  await host.close();
  rmSync(scratch, { recursive: true, force: true });
});

let programs = 0;

async function run(folder: string, name: string): Promise<{ error: string | undefined; printed: string }> {
  const specification = path.join(folder, `${name}.json`);
  const { root, env = {} } = (existsSync(specification) ? JSON.parse(readFileSync(specification, 'utf8')) : {}) as Specification;
  const namespace = `program-${++programs}`;
  const own = path.join(scratch, namespace);
  if (root !== undefined) cpSync(path.join(folder, root), own, { recursive: true });
  const policy = {
    environment: Object.fromEntries(Object.entries(env).map(([key, value]) => [key, { default: value }])),
    ...(root === undefined ? {} : { filesystem: { '/': { path: own, access: 'read-write' as const } } }),
  };
  const program = { source: path.join(folder, `${name}.wasm`), wasi: true, function: '_start', input: 'text' as const, output: 'text' as const, policy };
  const flow = await host.deploy({ vivarium: 1, namespace, actors: { program }, inputs: { in: 'program' }, outputs: { out: 'program' } }, { base: folder });
  const { errors } = await flow.run({ in: '' });
  await flow.stop();
  const text = printed.filter((line) => line.namespace === namespace).map((line) => line.text);
  return { error: errors[0]?.message, printed: text.join('\n') };
}

describe.each(folders)('the programs of wasi-testsuite in %s', (folder) => {
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.wasm'))
    .map((file) => file.slice(0, -'.wasm'.length));

  test('are some', () => expect(names.length).toBeGreaterThan(0));

  test.each(names.filter((name) => !(name in exceptions)))('%s', async (name) => {
    const specification = path.join(folder, `${name}.json`);
    const { exit_code: code = 0, stdout = '' } = (existsSync(specification) ? JSON.parse(readFileSync(specification, 'utf8')) : {}) as Specification;
    const told = await run(folder, name);
    expect(told.error, told.printed).toBe(code === 0 ? undefined : `the plugin exited with code ${code}`);
    expect(told.printed).toContain(stdout.trimEnd());
  });

  test.each(names.filter((name) => name in exceptions).map((name) => [name, exceptions[name]]))('%s: not here, because %s', async (name) => {
    expect((await run(folder, name as string)).error).toBeDefined();
  });
});
