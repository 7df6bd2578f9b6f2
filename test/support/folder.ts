import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** The content of a file, or a link. */
export type Content = string | Uint8Array | { readonly linkTo: string };

/**
 * Makes a folder with files for the running test; it is removed afterwards.
 *
 * @returns its path, without links.
 * @example const folder = makeFolder({ 'base/main.ts': '…', 'base/link.ts': { linkTo: '../secret.ts' } });
 */
export function makeFolder(files: Readonly<Record<string, Content>>): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'vivarium-test-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    if (typeof content === 'object' && 'linkTo' in content) symlinkSync(content.linkTo, file);
    else writeFileSync(file, content);
  }
  return folder;
}
