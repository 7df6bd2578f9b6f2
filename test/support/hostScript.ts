/** Hosts of their own: scripts in processes that a test can end in any way. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';
import type { SandboxLevel } from '../../host/cells/levels.ts';
import { writeStandIn } from './standIn.ts';

const source = (name: string): string => JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../host/cells', name)).href);

/**
 * Writes a script that can use `startCell()`, which starts a stand-in and waits until it is ready, `chooseLevel`, `fs` and `childProcess`.
 *
 * @returns the path of the script, in a folder that goes when the test ends
 */
export function writeHost(level: SandboxLevel, cell: string, body: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'host-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'host.mjs');
  const program = JSON.stringify({ level, ...writeStandIn(cell) });
  writeFileSync(
    path,
    `import fs from 'node:fs';
    import childProcess from 'node:child_process';
    import { CellProcess } from ${source('process.ts')};
    import { chooseLevel, detectSandbox } from ${source('sandbox.ts')};
    const startCell = async () => {
      const cell = CellProcess.spawn({ ...${program}, sandbox: await detectSandbox(), onMessage() {}, onExit() {} });
      await cell.ready;
      return cell;
    };
    ${body}`,
  );
  return path;
}
