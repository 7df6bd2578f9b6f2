/** `npm run bench -- NAME`: runs one benchmark of this folder, or tells their names. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -3));
const name = process.argv[2];
if (name !== undefined && names.includes(name)) await import(join(import.meta.dirname, `${name}.ts`));
else {
  process.stderr.write(`npm run bench -- NAME [--json], where NAME is one of: ${names.join(', ')}\n`);
  process.exitCode = 2;
}
