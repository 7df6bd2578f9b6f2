import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { formatDiagnostics } from '../../host/manifest/index.ts';
import { parseManifest } from '../../host/manifest/parse.ts';
import { manifestJsonSchema, manifestSchema } from '../../host/manifest/schema.ts';
import { parsePolicy } from '../../host/policy/load.ts';
import { policyJsonSchema, policySchema } from '../../host/policy/schema.ts';

const reference = join(import.meta.dirname, '../../docs/reference');

interface Field {
  readonly path: string;
  readonly schema: z.ZodType;
}

/** Every field of every object within a schema. */
const fieldsOf = (schema: z.ZodType, path: string): readonly Field[] => {
  const { shape, innerType, element, valueType, options } = schema.def as unknown as Readonly<Record<string, never>> & {
    readonly shape?: Readonly<Record<string, z.ZodType>>;
    readonly options?: readonly z.ZodType[];
  };
  const own = Object.entries(shape ?? {}).flatMap(([key, field]) => [{ path: `${path}.${key}`, schema: field }, ...fieldsOf(field, `${path}.${key}`)]);
  const inner = [innerType, element, valueType, ...(options ?? [])].filter((candidate) => candidate !== undefined);
  return [...own, ...inner.flatMap((candidate) => fieldsOf(candidate, path))];
};

const fields = [...new Map([...fieldsOf(manifestSchema, 'manifest'), ...fieldsOf(policySchema, 'policy')].map((field) => [field.path, field])).values()];

describe('every field explains itself', () => {
  test('the walk finds them all', () => {
    const paths = fields.map(({ path }) => path);
    for (const path of [
      'manifest.actors.source',
      'manifest.connections.from',
      'policy.filesystem.quota',
      'policy.limits.outbound.bytes',
      'policy.network.allow.methods',
    ])
      expect(paths).toContain(path);
    expect(paths.length).toBeGreaterThan(60);
  });

  test.each(fields)('$path', ({ path, schema }) => {
    const { description, examples } = schema.meta() ?? {};
    expect(description, 'a description').toMatch(/\w+.*\.$/s);
    if (path.endsWith('.environment.required')) return;
    expect(examples, 'examples').toHaveProperty('length');
    for (const example of examples as unknown[]) expect(schema.safeParse(example).error, JSON.stringify(example)).toBeUndefined();
  });
});

describe('what is published is what the code says', () => {
  test('the JSON Schema of manifests', async () => {
    await expect(`${JSON.stringify(manifestJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(join(reference, 'manifest.schema.json'));
  });

  test('the JSON Schema of policies', async () => {
    await expect(`${JSON.stringify(policyJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(join(reference, 'policy.schema.json'));
  });

  test('the reference of manifests names every key', () => {
    const page = readFileSync(join(reference, 'manifest.md'), 'utf8');
    for (const { path } of fieldsOf(manifestSchema, 'manifest').filter(({ path: at }) => !/policy\./.test(at)))
      expect(page).toContain(`\`${path.split('.').at(-1)}\``);
  });

  test('the reference of policies names every key', () => {
    const page = readFileSync(join(reference, 'policy.md'), 'utf8');
    for (const key of Object.keys(policySchema.shape)) expect(page).toContain(`## \`${key}\``);
  });

  test.each(examplesOf('manifest.md'))('manifest.md, example at line $line', ({ text }) => {
    expect(formatDiagnostics(parseManifest(text, 'vivarium.yaml').diagnostics)).toBe('');
  });

  test.each(examplesOf('policy.md'))('policy.md, example at line $line', ({ text }) => {
    expect(formatDiagnostics(parsePolicy(text, 'policy.yaml').diagnostics)).toBe('');
  });
});

/** The blocks of YAML of a page. A block of another kind is marked `text`. */
function examplesOf(page: string): readonly { readonly line: number; readonly text: string }[] {
  const text = readFileSync(join(reference, page), 'utf8');
  return [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map((block) => ({ line: text.slice(0, block.index).split('\n').length, text: block[1] ?? '' }));
}
