/** A file of secrets: `NAME=value`, one a line, or a JSON object of strings. */
import { type FileHandle, open } from 'node:fs/promises';
import { VivariumError } from '../../../sdk/errors.ts';

const largestFile = 1024 * 1024;
const name = /^[A-Za-z_]\w{0,127}$/;

/**
 * Reads the file anew each time it is called, so that a changed value is there at the next deployment.
 * No message quotes anything of the file but names.
 *
 * @throws VivariumError host.option: it cannot be read, others may read it, or a line of it is none
 */
export async function readSecretsFile(path: string): Promise<ReadonlyMap<string, string>> {
  const text = await readPrivate(path);
  return text.trimStart().startsWith('{') ? fromJson(path, text) : fromLines(path, text);
}

async function readPrivate(path: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const { mode, size } = await file.stat();
    if ((mode & 0o170000) !== 0o100000) throw wrong(path, 'it is no file');
    if ((mode & 0o007) !== 0)
      throw wrong(path, 'everybody on this machine may read or change it', `chmod o= ${path}, or read it yourself: secrets: { values }`);
    if (size > largestFile) throw wrong(path, `it is larger than ${largestFile} bytes`);
    return await file.readFile('utf8');
  } catch (error) {
    if (error instanceof VivariumError) throw error;
    throw wrong(path, `it cannot be read (${(error as NodeJS.ErrnoException).code})`);
  } finally {
    await file?.close();
  }
}

function fromJson(path: string, text: string): ReadonlyMap<string, string> {
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // What the parser says quotes the text.
    throw wrong(path, 'it begins like JSON, and is none');
  }
  return new Map(
    Object.entries(parsed).map(([key, value]) => {
      if (!name.test(key) || typeof value !== 'string') throw wrong(path, `\`${key.slice(0, 128)}\` is no name of a secret, or its value is no text`);
      return [key, value];
    }),
  );
}

/** A value is what stands behind the `=`, without spaces around it and without one pair of quotes. */
function fromLines(path: string, text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, key, value = ''] = /^\s*(?:export\s+)?([A-Za-z_]\w{0,127})\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key === undefined) throw wrong(path, `line ${index + 1} is not \`NAME=value\``);
    if (values.has(key)) throw wrong(path, `line ${index + 1} gives a second value to ${key}`);
    values.set(key, value.replace(/^(["'])(.*)\1$/, '$2'));
  }
  return values;
}

const wrong = (path: string, reason: string, hint = 'a file of secrets has lines NAME=value, or is a JSON object of strings'): VivariumError =>
  new VivariumError('host.option', `the file of secrets ${path}: ${reason}`, { hint });
