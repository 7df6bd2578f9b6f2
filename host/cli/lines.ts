/** NDJSON in: one message a line, read with bounded memory. */
import { type Stats, createReadStream, fstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { cannotOpen } from './files.ts';

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** The line is longer than the limit: `text` is its beginning. */
  readonly tooLong: boolean;
}

export interface Input {
  /** For messages to people. */
  readonly name: string;
  readonly stream: Readable;
  readonly status: Stats;
}

/** @param file `-` is standard input @throws VivariumError host.option for what is no readable file */
export async function openInput(file: string): Promise<Input> {
  if (file === '-') return { name: 'standard input', stream: process.stdin, status: fstatSync(0) };
  try {
    const handle = await open(file);
    const status = await handle.stat();
    if (!status.isDirectory()) return { name: file, stream: createReadStream(file, { fd: handle }), status };
    await handle.close();
  } catch (error) {
    throw cannotOpen('the input', file, error);
  }
  throw cannotOpen('the input', file, { code: 'EISDIR' });
}

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
