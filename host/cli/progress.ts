/** One line on a terminal that is written over; nothing where nobody looks. */
import { clearLine, cursorTo } from 'node:readline';

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #shown: boolean;
  readonly #timer: NodeJS.Timeout | undefined;
  #text: () => string;

  /** @param quiet for programs: nothing is shown */
  constructor(text: () => string, quiet: boolean, stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    this.#text = text;
    this.#shown = !quiet && stream.isTTY === true;
    if (this.#shown) this.#timer = setInterval(() => this.#draw(), 100).unref();
  }

  /** A line above the progress. */
  print(line: string): void {
    this.#clear();
    this.#stream.write(`${line}\n`);
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
    if (!this.#shown) return;
    clearLine(this.#stream, 0);
    cursorTo(this.#stream, 0);
  }
}
