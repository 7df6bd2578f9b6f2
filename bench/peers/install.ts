/** The packages that only peers need: installed into this folder when a benchmark first asks for them. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = import.meta.dirname;

const read = (...path: string[]): { readonly version?: string; readonly dependencies?: Readonly<Record<string, string>> } =>
  JSON.parse(readFileSync(join(folder, ...path, 'package.json'), 'utf8'));

const isInstalled = (): boolean =>
  Object.entries(read().dependencies ?? {}).every(
    ([name, version]) => existsSync(join(folder, 'node_modules', name, 'package.json')) && read('node_modules', name).version === version,
  );

/** Installs the packages unless they are there. @returns why they are not, or undefined if they are */
export async function whyNotInstalled(): Promise<string | undefined> {
  if (isInstalled()) return undefined;
  process.stderr.write('\ninstalling the peers of the benchmarks into bench/peers/node_modules (about 120 MB) …\n');
  // As npm itself was started, if it was: the `npm` of the path may belong to another Node.
  const { npm_execpath: npm } = process.env;
  const [command, before] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  const child = spawn(command, [...before, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder, stdio: ['ignore', 2, 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ending = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(code === 0 ? '' : `npm ended with ${code}: ${said.split('\n').find((line) => line.includes('error')) ?? ''}`));
  });
  return isInstalled() ? undefined : `not installed: ${ending}`;
}
