/** Tells whoever waits at a terminal what is being measured: one line of standard error, written over. */
import { clearLine, cursorTo } from 'node:readline';

const { stderr } = process;

export function say(text: string): void {
  if (!stderr.isTTY) return;
  clearLine(stderr, 0);
  cursorTo(stderr, 0);
  stderr.write(text.slice(0, Math.max(1, (stderr.columns ?? 80) - 1)));
}

/** Nothing is measured any more, or something is to be printed. */
export const silence = (): void => say('');
