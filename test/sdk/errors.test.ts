import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, errorCatalogue, isErrorCode, VivariumError } from '../../sdk/errors.ts';

const codes = Object.keys(errorCatalogue) as ErrorCode[];
const readLines = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8').split('\n');

describe('the error catalogue', () => {
  it('has codes of two dotted words, each written down once', () => {
    for (const code of codes) expect(code).toMatch(/^[a-z]+\.[a-z]+(-[a-z]+)*$/);
    const written = readLines('../../sdk/errors.ts').flatMap((line) => /^ {2}'([^']+)': \{/.exec(line)?.[1] ?? []);
    expect(written).toEqual(codes);
    expect(new Set(written).size).toBe(written.length);
  });

  it.each(codes)('%s has a meaning of whole sentences, and a reaction', (code) => {
    const { meaning, reaction } = errorCatalogue[code];
    expect(meaning).toMatch(/^[A-Z].*\.$/);
    expect(meaning).not.toContain('|');
    expect(['retry', 'mend', 'report']).toContain(reaction);
  });

  it('is the table of docs/reference/errors.md, row by row', () => {
    const table = readLines('../../docs/reference/errors.md').filter((line) => line.startsWith('| `'));
    expect(table).toEqual(codes.map((code) => `| \`${code}\` | ${errorCatalogue[code].meaning} | ${errorCatalogue[code].reaction} |`));
  });

  it('knows its own codes and nothing else', () => {
    expect(codes.every(isErrorCode)).toBe(true);
    for (const stranger of ['actor', 'actor.Failed', 'constructor', '__proto__', '', 7, null, undefined]) expect(isErrorCode(stranger)).toBe(false);
  });
});

describe('VivariumError', () => {
  const record = {
    code: 'policy.denied',
    message: 'The policy of score does not allow it.',
    actor: 'score',
    line: 3,
    hint: 'services: [orders.list]',
  } as const;

  it('survives the channel', () => {
    const error = VivariumError.from(JSON.parse(JSON.stringify(VivariumError.from(record))));
    expect(error.record).toEqual(record);
    expect({ name: error.name, code: error.code, message: error.message, reaction: error.reaction }).toEqual({
      name: 'VivariumError',
      code: 'policy.denied',
      message: record.message,
      reaction: 'mend',
    });
    expect(error).toBeInstanceOf(Error);
  });

  it('keeps its cause here, and out of its record', () => {
    const cause = new TypeError('inner');
    const error = new VivariumError('service.failed', 'The service failed.', { cause });
    expect(error.cause).toBe(cause);
    expect(JSON.stringify(error)).toBe('{"code":"service.failed","message":"The service failed."}');
    expect(new VivariumError('service.failed', 'The service failed.')).not.toHaveProperty('cause');
  });
});
