/** Durations and sizes as people write them. Inside, durations are whole milliseconds and sizes whole bytes. */

const milliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const bytes = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

export const durationPattern = /^\d+(?:\.\d+)?(?:ms|s|m|h)$/;
export const sizePattern = /^\d+(?:\.\d+)?(?:B|KiB|MiB|GiB)$/;

/** `2s`, `1.5h`, or a number of milliseconds. Throws a RangeError whose message says what is wrong. */
export const parseDuration = (written: string | number): number =>
  parse(written, durationPattern, milliseconds, 'a duration is a number with ms, s, m or h, like `2s`', 'milliseconds');

/** `64MiB`, or a number of bytes. Throws a RangeError whose message says what is wrong. */
export const parseSize = (written: string | number): number =>
  parse(written, sizePattern, bytes, 'a size is a number with B, KiB, MiB or GiB, like `64MiB`', 'bytes');

/** The shortest exact way to write it: `2s`, `1500ms`. */
export const formatDuration = (value: number): string => format(value, milliseconds);

/** The shortest exact way to write it: `64MiB`, `1000B`. */
export const formatSize = (value: number): string => format(value, bytes);

const parse = (written: string | number, pattern: RegExp, units: Readonly<Record<string, number>>, form: string, whole: string): number => {
  const [, amount = '', unit = ''] = (typeof written === 'string' && pattern.test(written) && /^([\d.]+)(\D+)$/.exec(written)) || [];
  if (typeof written === 'string' && unit === '') throw new RangeError(form);
  const value = typeof written === 'number' ? written : Number(amount) * (units[unit] ?? Number.NaN);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${written} is no whole number of ${whole}`);
  return value;
};

const format = (value: number, units: Readonly<Record<string, number>>): string => {
  const fitting = Object.entries(units).findLast(([, size]) => value >= size && value % size === 0) ?? Object.entries(units)[0];
  return fitting === undefined ? String(value) : `${value / fitting[1]}${fitting[0]}`;
};
