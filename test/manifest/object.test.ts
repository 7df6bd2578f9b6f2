import { describe, expect, test } from 'vitest';
import { ManifestError } from '../../host/manifest/diagnostic.ts';
import { formatDiagnostics } from '../../host/manifest/index.ts';
import { parseManifestObject, requireFlow } from '../../host/manifest/parse.ts';

const errors = (object: unknown): string => formatDiagnostics(parseManifestObject(object).diagnostics.filter(({ severity }) => severity === 'error'));
const withConfig = (config: unknown) => ({ vivarium: 1, actors: { score: { source: 'score.ts', config } }, inputs: { in: 'score' } });

describe('manifests written as objects', () => {
  test('mistakes are named by their path', () => {
    expect(errors({ vivarium: 1, actors: { score: { sorce: 'a.ts', policy: ['pure', { limits: { wall: '2 s' } }] } }, connections: ['score -> skore'] })).toBe(
      [
        'manifest: actors.score.policy[1].limits.wall: a duration is a number with ms, s, m or h, like `2s`\n    For example: `wall: 2s`.',
        'manifest: actors.score.sorce: unknown key `sorce`\n    Did you mean `source`?',
        'manifest: connections[0]: there is no actor `skore`\n    Did you mean `score`?',
      ].join('\n'),
    );
  });

  test.each([
    ['a function', () => 1, 'manifest: actors.score.config: a function is no plain data'],
    ['an instance', new Date(), 'manifest: actors.score.config: an instance of a class is no plain data'],
    ['NaN', { x: Number.NaN }, 'manifest: actors.score.config.x: NaN is no number that JSON has'],
    ['a bigint', [1n], 'manifest: actors.score.config[0]: a bigint is no plain data'],
    ['a cycle', cycle(), 'lists and maps nest deeper than 64, or contain themselves'],
    ['`__proto__` from JSON', JSON.parse('{"__proto__": {}}'), 'manifest: actors.score.config.__proto__: the key `__proto__` is not allowed'],
  ])('config that is %s is a mistake', (_, config, expected) => {
    expect(errors(withConfig(config))).toContain(expected);
  });

  test('the manifest is copied: who changes the object afterwards changes nothing', () => {
    const config = { threshold: 1, absent: undefined };
    const flow = requireFlow(parseManifestObject(withConfig(config)));
    config.threshold = 2;
    expect(flow.actors[0]?.config).toEqual({ threshold: 1 });
    expect(Object.isFrozen(flow.actors[0]?.config)).toBe(true);
  });

  test('an object that is no manifest is a ManifestError that carries the diagnostics', () => {
    for (const object of [null, undefined, 1, 'vivarium', [], () => 1]) {
      const parsed = parseManifestObject(object, 'plugin');
      expect(() => requireFlow(parsed)).toThrow(ManifestError);
      expect(parsed.diagnostics[0]?.file).toBe('plugin');
    }
    const attempt = (): unknown => requireFlow(parseManifestObject({ vivarium: 1 }));
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'manifest.invalid', diagnostics: [expect.objectContaining({ message: '`actors` is missing', path: 'actors' })] }),
    );
  });
});

function cycle(): object {
  const circle: Record<string, unknown> = {};
  circle['again'] = circle;
  return circle;
}
