/** NDJSON out: one value a line, to a file or to standard output. */
import { createWriteStream, fstatSync, type Stats, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { VivariumError } from '../../sdk/errors.ts';
import { escapeLine } from '../telemetry/escape.ts';
import { cannotOpen } from './files.ts';

/** Characters that are held before they are written. */
const heldText = 64 * 1024;

/**
 * A value as a line of JSON that a terminal can be shown: what it would obey (control characters, overrides of reading
 * direction) stands as an escape, which for a reader of JSON is the same.
 */
export const jsonLine = (value: unknown): string => `${escapeLine(JSON.stringify(value))}\n`;

/** Lines that come together are written together; a slow reader is waited for. */
export class LineOutput {
  readonly #stream: Writable;
  readonly #owned: boolean;
  #text = '';
  #scheduled: NodeJS.Immediate | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #broken = false;

  constructor(stream: Writable, options: { readonly owned: boolean; readonly onError: (error: Error) => void }) {
    this.#stream = stream;
    this.#owned = options.owned;
    stream.on('drain', () => this.#makeRoom());
    stream.on('error', (error) => {
      this.#broken = true;
      this.#makeRoom();
      options.onError(error);
    });
  }

  /** @returns a promise if the reader is slow: nothing more should be written before it settles */
  write(value: unknown): Promise<void> | undefined {
    this.#text += jsonLine(value);
    if (this.#text.length >= heldText) this.#flush();
    else this.#scheduled ??= setImmediate(() => this.#flush());
    return this.#room?.promise;
  }

  /** Resolves when everything has been written, or cannot be. */
  async end(): Promise<void> {
    this.#flush();
    while (this.#room !== undefined) await this.#room.promise;
    if (this.#broken || !this.#owned) return;
    this.#stream.end();
    await once(this.#stream, 'close').catch(() => undefined);
  }

  #flush(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    const text = this.#text;
    this.#text = '';
    if (text === '' || this.#broken) return;
    if (!this.#stream.write(text)) this.#room ??= Promise.withResolvers();
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}

/**
 * Opens an output, and empties it if it is a file.
 *
 * @param file `-` is standard output
 * @param onError told once when it cannot be written any more, as when its reader has left
 * @throws VivariumError host.option
 */
export async function openOutput(file: string, onError: (error: Error) => void): Promise<LineOutput> {
  if (file === '-') return standardOutput(onError);
  try {
    const handle = await open(file, 'w');
    return new LineOutput(createWriteStream(file, { fd: handle }), { owned: true, onError });
  } catch (error) {
    throw cannotOpen('the output', file, error);
  }
}

/** `process.stdout` blocks this whole process while the reader of a pipe is slow, Ctrl-C included; a stream of the file system does not. */
function standardOutput(onError: (error: Error) => void): LineOutput {
  const stream = isatty(1) ? process.stdout : createWriteStream('', { fd: 1, autoClose: false });
  return new LineOutput(stream, { owned: false, onError });
}

/** Opening an output empties it: one that is the input too would be lost. @throws VivariumError host.option */
export function demandOtherFile(input: Stats, output: string): void {
  const status = output === '-' ? fstatSync(1) : statSync(output, { throwIfNoEntry: false });
  if (status === undefined || !input.isFile() || status.ino !== input.ino || status.dev !== input.dev) return;
  throw new VivariumError('host.option', 'the input and the output are the same file', { hint: 'name another file for the output' });
}
