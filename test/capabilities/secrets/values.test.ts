import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createHost, type SecretAsker, type SecretsInput } from '../../../host/index.ts';
import { failureOf } from '../../support/failure.ts';
import { makeFolder } from '../../support/folder.ts';

const to = { to: 'https://api.example.com', header: 'authorization' };
const manifest = (names: readonly string[], code = 'export const handle = (_, { secrets }) => secrets;') =>
  ({
    vivarium: 1,
    namespace: 'shop',
    actors: { pay: { runtime: 'javascript', code, policy: { secrets: Object.fromEntries(names.map((name) => [name, to])) } } },
    inputs: { in: 'pay' },
    outputs: { out: 'pay' },
  }) as const;

const value = 'a value worth hiding';

/** Deploys with these secrets of the deployment and of the host; gives the names that the guest gets. */
async function deployed(names: readonly string[], deployment: SecretsInput | undefined, host?: SecretsInput): Promise<readonly string[]> {
  await using vivarium = await createHost({ ceiling: 'unrestricted', ...(host === undefined ? {} : { secrets: host }) });
  const flow = await vivarium.deploy(manifest(names), deployment === undefined ? {} : { secrets: deployment });
  return Object.keys((await flow.ask('in', null)) as object);
}

/** A file that nobody else may read. */
const privateFile = (content: string, mode = 0o600): string => {
  const file = join(makeFolder({}), 'secrets');
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
};

describe('values of secrets', () => {
  test('come from the embedder, a file, a provider; the deployment goes before the host, and the first that has one counts', async () => {
    const asked: unknown[] = [];
    const provider = async (name: string, { namespace, actor, signal }: SecretAsker) => {
      asked.push({ name, namespace, actor, aborted: signal.aborted });
      return name === 'PROVIDED' ? value : undefined;
    };
    const names = ['GIVEN', 'FILED', 'PROVIDED', 'OF_HOST'];
    const file = privateFile(`FILED=${value}\n`);
    expect(await deployed(names, { values: { GIVEN: value, ABSENT: undefined }, file, provider }, { values: { OF_HOST: value, GIVEN: 'unused' } })).toEqual(
      names,
    );
    expect(asked).toEqual(['PROVIDED', 'OF_HOST'].map((name) => ({ name, namespace: 'shop', actor: 'pay', aborted: false })));
  });

  test('are demanded at deployment, and each that is missing is named with its rule', async () => {
    const missing = await failureOf(() => deployed(['ONE', 'TWO', 'THREE'], { values: { TWO: value, THREE: '' } }));
    expect(missing).toMatchObject({
      code: 'policy.required',
      message: expect.stringMatching(/`pay` is granted the secrets ONE, THREE, and no value.*secrets: \{ ONE: /),
      record: { actor: 'pay', hint: expect.stringContaining('--secrets') },
    });
  });

  test('are not looked for where no secret is granted', async () => {
    await using vivarium = await createHost({ secrets: { provider: () => expect.fail('asked') } });
    const flow = await vivarium.deploy(manifest(['STRIPE_KEY']));
    expect(await flow.ask('in', null)).toEqual({});
  });

  test.each([
    ['too short', 'seven77'],
    ['too long', 'x'.repeat(4097)],
    ['with a line break', 'a value that\r\nends early'],
    ['with a space at its end', 'a value worth hiding '],
    ['beyond ASCII', 'a value worth hïding'],
  ])('must be usable: %s', async (_, unusable) => {
    const error = await failureOf(() => deployed(['KEY'], { values: { KEY: unusable } }));
    expect(error.code).toBe('policy.required');
    expect(error.message).toContain('KEY');
    expect(JSON.stringify([error.record, error.stack])).not.toContain(unusable.slice(0, 7));
  });

  test('are not given by a provider that fails, and its error is for the embedder alone', async () => {
    const cause = new Error('the vault is sealed');
    const failed = await failureOf(() => deployed(['KEY'], { provider: () => Promise.reject(cause) }));
    expect(failed).toMatchObject({ code: 'policy.required', cause, message: expect.stringContaining('KEY') });
    expect(failed.message).not.toContain('vault');
    expect(await failureOf(() => deployed(['KEY'], { provider: (() => 7) as never }))).toMatchObject({ code: 'policy.required' });
  });

  test('are an option that is checked', async () => {
    expect(await failureOf(() => deployed([], { vault: 'x' } as never))).toMatchObject({ code: 'host.option', message: expect.stringContaining('vault') });
    expect(await failureOf(() => createHost({ secrets: { file: 7 } as never }))).toMatchObject({ code: 'host.option' });
  });
});

describe('a file of secrets', () => {
  test('has lines, with comments, quotes and spaces around', async () => {
    const content = `# comment\n\nONE=${value}\n  TWO = "${value}" \r\nexport THREE='a=b=#c and more'\n`;
    expect(await deployed(['ONE', 'TWO', 'THREE'], { file: privateFile(content) })).toEqual(['ONE', 'TWO', 'THREE']);
  });

  test('or is JSON', async () => {
    expect(await deployed(['ONE'], { file: privateFile(`\n${JSON.stringify({ ONE: value })}`, 0o640) })).toEqual(['ONE']);
  });

  test.each([
    ['that everybody may read', () => privateFile(`KEY=${value}`, 0o604), /everybody/],
    ['that everybody may change', () => privateFile(`KEY=${value}`, 0o602), /everybody/],
    ['that is not there', () => join(makeFolder({}), 'absent'), /ENOENT/],
    ['that is a folder', () => makeFolder({}), /no file/],
    ['that is too large', () => privateFile('#'.repeat(1024 * 1024 + 1)), /larger/],
    ['with a line that is none', () => privateFile(`KEY=${value}\n${value}`), /line 2/],
    ['with two values for a name', () => privateFile(`KEY=${value}\nKEY=${value}`), /line 2.*KEY/],
    ['with broken JSON', () => privateFile(`{"KEY": "${value}"`), /JSON/],
    ['with a value that is no text', () => privateFile('{"KEY": 12345678}'), /KEY/],
  ])('is refused: one %s', async (_, file, reason) => {
    const error = await failureOf(() => deployed(['KEY'], { file: file() }));
    expect(error).toMatchObject({ code: 'host.option', message: expect.stringMatching(reason) });
    expect(JSON.stringify([error.record, error.stack])).not.toContain(value);
  });
});

test('what a guest gets is a placeholder, and another one after each deployment', async () => {
  await using vivarium = await createHost({ ceiling: 'unrestricted', secrets: { values: { KEY: value } } });
  const seen: unknown[] = [];
  for (let time = 0; time < 2; time++) {
    const flow = await vivarium.deploy(manifest(['KEY']));
    seen.push(...Object.values((await flow.ask('in', null)) as object));
  }
  expect(new Set(seen).size).toBe(2);
  for (const placeholder of seen) expect(placeholder).toMatch(/^secret-[\w-]{32}$/);
});
