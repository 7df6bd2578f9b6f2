import { describe, expect, expectTypeOf, test } from 'vitest';
import { type ActorNames, defineManifest, type InputNames, type ManifestObject, type OutputNames } from '../../host/manifest/define.ts';
import { parseManifestObject } from '../../host/manifest/parse.ts';

const manifest = defineManifest({
  vivarium: 1,
  actors: {
    clean: { source: './clean.ts' },
    score: { source: './score.py', policy: ['pure', { environment: { REGION: 'required' } }] },
  },
  connections: ['clean -> score'],
  inputs: { records: 'clean', corrections: 'score' },
  outputs: { totals: ['score.out', 'score.error'] },
});

describe('manifests written in code', () => {
  test('the compiler knows the names', () => {
    expectTypeOf<InputNames<typeof manifest>>().toEqualTypeOf<'records' | 'corrections'>();
    expectTypeOf<OutputNames<typeof manifest>>().toEqualTypeOf<'totals'>();
    expectTypeOf<ActorNames<typeof manifest>>().toEqualTypeOf<'clean' | 'score'>();
    expect(Object.keys(manifest.inputs)).toEqual(['records', 'corrections']);
  });

  test('a flow without inputs has none, and a manifest of which nothing is known may have any', () => {
    const small = defineManifest({ vivarium: 1, actors: { only: { source: 'only.ts' } } });
    expectTypeOf<InputNames<typeof small>>().toEqualTypeOf<never>();
    expectTypeOf<InputNames<string>>().toEqualTypeOf<string>();
    expectTypeOf<InputNames<ManifestObject>>().toEqualTypeOf<string>();
    expect(small.vivarium).toBe(1);
  });

  test('a key that does not exist does not compile, and is a mistake at run time', () => {
    // @ts-expect-error: `sauce` is no key of an actor
    const wrong = defineManifest({ vivarium: 1, actors: { only: { sauce: 'only.ts' } } });
    expect(parseManifestObject(wrong).flow).toBeUndefined();
    expect(parseManifestObject(manifest).flow?.actors).toHaveLength(2);
  });
});
