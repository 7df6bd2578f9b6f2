/**
 * Drops every permission that the cell had while it booted, and finds out by trying that they are gone.
 * A layer, not the boundary: Node says itself that its model does not stop malicious code.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { Worker } from 'node:worker_threads';

const scopes = ['addon', 'fs', 'worker', 'child', 'net', 'inspector', 'wasi', 'ffi'] as const;

/** What is tried after the drop. Each must throw at once; the addon itself is never tried: a second dlopen aborts. */
const attempts: Record<string, () => unknown> = {
  'read own files': () => readFileSync(__filename),
  'read /etc/passwd': () => readFileSync('/etc/passwd'),
  'start a process': () => {
    const { error } = spawnSync('/bin/true');
    if (error) throw error;
  },
  'start a worker': () => new Worker('', { eval: true }),
  'load an addon': () => process.dlopen({ exports: {} }, '/nonexistent.node'),
  listen: () => createServer().listen(0),
};

/** @returns for each attempt the code it was refused with, or `ALLOWED` */
export function dropPermissions(): Record<string, string> {
  const permission = (process as unknown as { permission?: { drop(scope: string): void } }).permission;
  for (const scope of scopes) {
    try {
      permission?.drop(scope);
    } catch {
      // A scope that this Node does not know was never given.
    }
  }
  const denied: Record<string, string> = {};
  for (const [name, attempt] of Object.entries(attempts)) denied[name] = outcome(attempt);
  return denied;
}

function outcome(attempt: () => unknown): string {
  try {
    attempt();
    return 'ALLOWED';
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code ?? 'refused');
  }
}
