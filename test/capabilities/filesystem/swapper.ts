/**
 * A process that keeps putting links in the place of folders and files, as fast as it can, until it is told to stop.
 * What it swaps is `folder/dir` (for a link to `outside`) and `folder/dir/file` (for a link to `outside/file`).
 */
import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const [folder = '', outside = ''] = process.argv.slice(2);
const at = (name: string): string => join(folder, name);

let going = true;
let swaps = 0;
process.on('message', () => {
  going = false;
});

function swap(name: string, target: string): void {
  renameSync(at(name), at('aside'));
  try {
    symlinkSync(target, at(name));
    swaps++;
  } catch {
    // Whoever is raced has made something of this name.
  }
  rmSync(at(name), { recursive: true });
  renameSync(at('aside'), at(name));
}

function round(): void {
  for (let i = 0; i < 50; i++) {
    swap('dir', outside);
    swap('dir/file', join(outside, 'file'));
    swap('dir', '../outside');
  }
  if (going) setImmediate(round);
  else {
    process.send?.({ swaps });
    process.disconnect?.();
  }
}
process.send?.('ready');
round();
