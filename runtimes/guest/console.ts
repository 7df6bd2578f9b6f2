/** `console`: what a guest prints becomes a log line of its actor. */
import type { LogLevel } from '../protocol.ts';
import { textLimits } from '../limits.ts';
import type { Kernel } from './kernel.ts';
import { defineGlobals } from './globals.ts';
import { formatLog } from './web/format.ts';

const levels: Record<string, LogLevel> = { log: 'info', info: 'info', warn: 'warn', error: 'error', debug: 'debug', trace: 'debug' };

export type Logger = Record<string, (...args: unknown[]) => void>;

/** One function a level. Shared by `console` and by `context.log`. */
export function createLogger(kernel: Kernel): Logger {
  const logger = {} as Logger;
  for (const name in levels) {
    const level = levels[name] as LogLevel;
    logger[name] = (...args) => kernel.log(level, formatLog(args, textLimits.log));
  }
  return logger;
}

export function installConsole(realm: object, kernel: Kernel): void {
  defineGlobals(realm, { console: createLogger(kernel) });
}
