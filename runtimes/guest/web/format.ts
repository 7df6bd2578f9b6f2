import * as captured from './captured.ts';
import { inspect } from './inspect.ts';
import { findInherited, showBigint, showNumber } from './shapes.ts';
import { cut } from './text.ts';

const unreadable = '[Unreadable]';

/**
 * What `console.log(...args)` writes: printf-like if the first argument is a string (`%s %d %i %f %j %o %O %c %%`), the rest inspected
 * as in Node and separated by blanks. At most `limit` characters; a longer text ends in `…`.
 *
 * It never throws, whatever the guest passes. Guest code that it runs (`toString` for `%s`, `toJSON` for `%j`, the traps of a proxy,
 * `Error.prepareStackTrace`) may loop for ever, which the time limit ends.
 *
 * @example formatLog(['order %d: %s', 7, 'paid', { total: 3 }], 8192); // 'order 7: paid { total: 3 }'
 */
export function formatLog(args: readonly unknown[], limit: number): string {
  try {
    const substituted = args.length > 1 && typeof args[0] === 'string' ? substitute(args[0], args, limit) : { text: '', used: 0 };
    return cut(appendRest(substituted.text, args, substituted.used, limit), limit);
  } catch {
    return cut(unreadable, limit);
  }
}

function appendRest(text: string, args: readonly unknown[], from: number, limit: number): string {
  let line = text;
  for (let index = from; index < args.length && line.length <= limit; index++) {
    const argument = args[index];
    const room = limit - line.length + 1;
    line += `${index === 0 ? '' : ' '}${typeof argument === 'string' ? cut(argument, room) : inspect(argument, room)}`;
  }
  return line;
}

function substitute(pattern: string, args: readonly unknown[], limit: number): { text: string; used: number } {
  let text = '';
  let used = 1;
  let copied = 0;
  let at = captured.stringIndexOf(pattern, '%');
  while (at >= 0 && text.length <= limit) {
    const convert = conversions[captured.stringSlice(pattern, at + 1, at + 2)];
    if (convert === literally || (convert !== undefined && used < args.length)) {
      text += captured.stringSlice(pattern, copied, at) + (convert === literally ? '%' : attempt(convert, args[used++], limit - text.length + 1));
      copied = at + 2;
    }
    at = captured.stringIndexOf(pattern, '%', at + 2);
  }
  return { text: text + captured.stringSlice(pattern, copied), used };
}

type Convert = (argument: unknown, room: number) => string;

/** What one argument throws does not cost the others. */
function attempt(convert: Convert, argument: unknown, room: number): string {
  try {
    return cut(convert(argument, room), room);
  } catch {
    return unreadable;
  }
}

const literally: Convert = () => '%';
const conversions: Readonly<Record<string, Convert>> = Object.assign(Object.create(null), {
  '%': literally,
  s: showAsString,
  d: (argument: unknown) => (typeof argument === 'bigint' ? showBigint(argument) : numeric(argument, Number)),
  i: (argument: unknown) => (typeof argument === 'bigint' ? showBigint(argument) : numeric(argument, Number.parseInt)),
  f: (argument: unknown) => numeric(argument, Number.parseFloat),
  j: (argument: unknown) => `${captured.stringify(argument)}`,
  o: (argument: unknown, room: number) => inspect(argument, room),
  O: (argument: unknown, room: number) => inspect(argument, room),
  c: () => '',
});

/** Objects are no numbers here: to ask them would run their code. */
function numeric(argument: unknown, parse: (text: string) => number): string {
  const primitive = typeof argument !== 'symbol' && typeof argument !== 'function' && (typeof argument !== 'object' || argument === null);
  return primitive ? showNumber(parse(argument as string)) : 'NaN';
}

function showAsString(argument: unknown, room: number): string {
  if (typeof argument === 'string') return argument;
  if (typeof argument === 'function') return captured.functionToString(argument);
  if (typeof argument === 'object' && argument !== null) return hasOwnWords(argument) ? `${argument}` : inspect(argument, room, 0);
  return inspect(argument, room);
}

const builtinWords: readonly unknown[] = [Object, Array, Date, RegExp, Error, Number, String, Boolean, BigInt, Symbol].map(
  ({ prototype }) => prototype.toString,
);

/** Whether the author of an object gave it a `toString`. */
function hasOwnWords(value: object): boolean {
  const words = findInherited(value, 'toString');
  for (let index = 0; index < builtinWords.length; index++) if (builtinWords[index] === words) return false;
  return typeof words === 'function';
}
