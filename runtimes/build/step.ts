/**
 * A build step that runs only when what it is made from has changed: its key is the hash of its inputs and of
 * the versions of Node and V8, kept beside the outputs.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface Step {
  readonly name: string;
  /** Files and folders, from the root of the repository. */
  readonly inputs: readonly string[];
  /** What must be there afterwards. */
  readonly outputs: readonly string[];
  readonly run: () => Promise<void> | void;
}

export async function runStep(root: string, keys: string, step: Step): Promise<void> {
  const keyFile = join(keys, `${step.name}.key`);
  const key = hashOf(root, step.inputs);
  const fits = existsSync(keyFile) && readFileSync(keyFile, 'utf8') === key && step.outputs.every((file) => existsSync(join(root, file)));
  if (fits) return;
  const started = performance.now();
  await step.run();
  writeFileSync(keyFile, key);
  process.stdout.write(`${step.name}: ${Math.round(performance.now() - started)} ms\n`);
}

function hashOf(root: string, inputs: readonly string[]): string {
  const hash = createHash('sha256').update(`${process.versions.node} ${process.versions.v8} ${process.arch} ${process.platform}`);
  for (const input of inputs) {
    for (const file of filesOf(join(root, input))) hash.update(`\n${relative(root, file)}\n`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function filesOf(path: string): string[] {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
