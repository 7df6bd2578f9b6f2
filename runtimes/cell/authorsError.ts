/** What a guest tells of an error, as a record: cut to size, with the author's own place, whatever it claims. */
import { type ErrorCode, type ErrorRecord, isErrorCode } from '../../sdk/errors.ts';
import { textLimits } from '../limits.ts';
import type { StackReader } from '../runtime.ts';

/** Codes of errors that are made inside the isolate. Any other was told to the guest before, or is not its to tell. */
export const ownCodes: ReadonlySet<ErrorCode> = new Set([
  'actor.failed',
  'actor.fatal',
  'actor.start',
  'actor.inlet',
  'actor.outlet',
  'actor.unknown',
  'actor.turn-ended',
  'call.cancelled',
  'host.unsupported',
  'limit.calls',
  'limit.memory',
  'limit.message',
  'limit.outbound',
  'limit.timers',
  'message.invalid',
  'message.unsupported',
  'policy.denied',
  'service.unknown',
  'source.invalid',
]);

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
