/** What `vivarium run` says on standard error while it runs: lines, and on a terminal one below them that is written over. */
import { clearLine, cursorTo } from 'node:readline';
import { isatty } from 'node:tty';
import { escapeText } from '../telemetry/escape.ts';

export interface ProgressOptions {
  /** For programs: nothing is said. */
  readonly quiet: boolean;
  /** Outputs go to standard output: where that is a terminal too, they are the progress. */
  readonly sharesTerminal: boolean;
}

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #quiet: boolean;
  readonly #redrawn: boolean;
  readonly #text: () => string;
  #timer: NodeJS.Timeout | undefined;

  constructor(text: () => string, { quiet, sharesTerminal }: ProgressOptions, stream: NodeJS.WriteStream = process.stderr) {
    this.#text = text;
    this.#stream = stream;
    this.#quiet = quiet;
    this.#redrawn = !quiet && stream.isTTY === true && !(sharesTerminal && isatty(1));
  }

  begin(): void {
    if (this.#redrawn) this.#timer ??= setInterval(() => this.#draw(), 100).unref();
  }

  /** A line above the progress. */
  print(line: string): void {
    if (this.#quiet) return;
    this.#clear();
    this.#stream.write(`${escapeText(line)}\n`);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#clear();
  }

  #draw(): void {
    this.#clear();
    this.#stream.write(this.#text().slice(0, Math.max(1, (this.#stream.columns ?? 80) - 1)));
  }

  #clear(): void {
    if (!this.#redrawn) return;
    clearLine(this.#stream, 0);
    cursorTo(this.#stream, 0);
  }
}
