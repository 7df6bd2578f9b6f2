/** NDJSON: one message a line, read and written with bounded memory. */
import { createReadStream, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** The line is longer than the limit: `text` is its beginning. */
  readonly tooLong: boolean;
}

/** `-` is standard input. */
export const openInput = (file: string): Readable => (file === '-' ? process.stdin : createReadStream(file));

/** `-` is standard output. */
export const openOutput = (file: string): Writable => (file === '-' ? process.stdout : createWriteStream(file));

/** The lines of a stream that hold anything. A line beyond `limit` characters is cut, the rest of it is skipped. */
export async function* readLines(input: Readable, limit: number): AsyncGenerator<Line> {
  const decoder = new StringDecoder('utf8');
  let number = 0;
  let text = '';
  let tooLong = false;
  const add = (part: string): void => {
    if (tooLong) return;
    text += part;
    if (text.length <= limit) return;
    text = text.slice(0, limit);
    tooLong = true;
  };
  const take = (): Line => {
    const line = { number: ++number, text, tooLong };
    text = '';
    tooLong = false;
    return line;
  };
  for await (const chunk of input) {
    const parts = decoder.write(chunk as Buffer).split('\n');
    for (const part of parts.slice(0, -1)) {
      add(part);
      const line = take();
      if (line.text.trim() !== '') yield line;
    }
    add(parts.at(-1) as string);
  }
  add(decoder.end());
  const last = take();
  if (last.text.trim() !== '') yield last;
}

/** Writes a line, and waits while the reader is slow. */
export async function writeLine(output: Writable, value: unknown): Promise<void> {
  if (!output.write(`${JSON.stringify(value)}\n`)) await once(output, 'drain');
}

export async function endOutput(output: Writable): Promise<void> {
  if (output === process.stdout) return;
  output.end();
  await once(output, 'finish');
}
