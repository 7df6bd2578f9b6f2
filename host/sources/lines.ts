/** Lines of a stream, ended by `\n` alone. Node's readline also ends a line at U+2028, which may stand in the JSON of a line. */
import type { Readable } from 'node:stream';

const newline = 0x0a;

/** Calls `hear` with each whole line of a stream of UTF-8. */
export function onLines(stream: Readable, hear: (line: string) => void): void {
  let pieces: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      pieces.push(chunk.subarray(start, end));
      hear(Buffer.concat(pieces).toString('utf8'));
      pieces = [];
      start = end + 1;
    }
    pieces.push(chunk.subarray(start));
  });
}
