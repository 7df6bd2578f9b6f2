/** What a guest tells of an error, as a record: cut to size, with the author's own place, whatever it claims. */
import { type ErrorRecord, isErrorCode } from '../../sdk/errors.ts';
import { textLimits } from '../limits.ts';
import type { StackReader } from '../runtime.ts';

const text = (value: unknown, limit: number): string | undefined => (typeof value === 'string' ? value.slice(0, limit) : undefined);

const wholeNumber = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32 ? value : undefined;

export function authorsError(told: unknown, actor: string, locate: StackReader): ErrorRecord {
  const { code, message, name, stack, hint, file, line, column } = (typeof told === 'object' && told !== null ? told : {}) as Partial<
    Record<keyof ErrorRecord, unknown>
  >;
  const place = locate(text(stack, textLimits.message));
  const optional = {
    name: text(name, 200),
    stack: place.stack?.slice(0, textLimits.message),
    file: place.file ?? text(file, 1024),
    line: place.line ?? wholeNumber(line),
    column: place.column ?? wholeNumber(column),
    hint: text(hint, 1024),
  };
  const record = { code: isErrorCode(code) ? code : ('actor.failed' as const), message: text(message, textLimits.message) ?? 'no message', actor };
  return Object.assign(record, Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)));
}
