import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatLimit, limitKinds, limitNames, limitText, parseLimit } from '../../host/policy/limits.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../host/policy/units.ts';
import { defaultLimits } from '../../runtimes/limits.ts';
import { isErrorCode } from '../../sdk/errors.ts';

describe('units', () => {
  test.each([
    ['2s', 2000],
    ['500ms', 500],
    ['1.5h', 5_400_000],
    ['2m', 120_000],
    [250, 250],
  ])('the duration %s', (written, value) => {
    expect(parseDuration(written)).toBe(value);
  });

  test.each([
    ['64MiB', 67_108_864],
    ['1.5KiB', 1536],
    ['2GiB', 2_147_483_648],
    ['7B', 7],
    [100, 100],
  ])('the size %s', (written, value) => {
    expect(parseSize(written)).toBe(value);
  });

  test.each(['2 s', '2', 's', '-1s', '1e3s', '2S', '2sec', '', '１s', '0x10ms'])('no duration: %s', (written) => {
    expect(() => parseDuration(written)).toThrow(RangeError);
  });

  test.each(['64MB', '64Mib', '64', 'MiB', '-1B', '0.3B'])('no size: %s', (written) => {
    expect(() => parseSize(written)).toThrow(RangeError);
  });

  test.each([0.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])('no amount: %s', (written) => {
    expect(() => parseDuration(written)).toThrow(RangeError);
    expect(() => parseSize(written)).toThrow(RangeError);
  });

  test('what is written is read again', () => {
    for (const value of [1, 999, 1000, 1500, 60_000, 90_000, 3_600_000]) expect(parseDuration(formatDuration(value))).toBe(value);
    for (const value of [1, 1000, 1024, 1536, 1024 ** 2, 3 * 1024 ** 3]) expect(parseSize(formatSize(value))).toBe(value);
  });
});

describe('bounds', () => {
  test.each(limitNames)('%s: the defaults lie between least and most, and nothing beyond is read', (name) => {
    const { least, most } = limitKinds[name];
    for (const limits of Object.values(defaultLimits)) {
      expect(limits[name]).toBeGreaterThanOrEqual(least);
      expect(limits[name]).toBeLessThanOrEqual(most);
    }
    expect(parseLimit(name, least)).toBe(least);
    expect(parseLimit(name, most)).toBe(most);
    expect(() => parseLimit(name, most + 1)).toThrow(`must be at most ${formatLimit(name, most)}`);
    expect(() => parseLimit(name, least - 1)).toThrow(RangeError);
  });

  test('a count has no unit', () => {
    expect(() => parseLimit('timers', '10s')).toThrow('a count is a whole number without a unit');
  });
});

describe('docs/reference/limits.md', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/reference/limits.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([\w.]+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$/gm)].map(([, ...cells]) => cells);

  test('says of each limit what the code says', () => {
    const expected = limitNames.map((name) => {
      const [javascript, python, wasm] = [defaultLimits.javascript[name], defaultLimits.python[name], defaultLimits.wasm[name]].map((value) =>
        formatLimit(name, value),
      );
      expect(wasm).toBe(javascript);
      const { meaning, least, most } = limitKinds[name];
      const label = { outboundMessages: 'outbound.messages', outboundBytes: 'outbound.bytes' }[name as string] ?? name;
      return [label, meaning, javascript === python ? javascript : `${javascript}; python ${python}`, formatLimit(name, least), formatLimit(name, most)];
    });
    expect(rows.map((cells) => cells.slice(0, 5))).toEqual(expected);
  });

  test('names errors that exist', () => {
    for (const cells of rows) expect(isErrorCode(/`(.*?)`/.exec(cells[5] ?? '')?.[1])).toBe(true);
  });

  test('the line that sets a limit', () => {
    expect(limitText('wall', 2000)).toBe('limits: { wall: 2s }');
    expect(limitText('outboundMessages', 5)).toBe('limits: { outbound: { messages: 5 } }');
    expect(limitText('outboundBytes', 1024)).toBe('limits: { outbound: { bytes: 1KiB } }');
  });
});
