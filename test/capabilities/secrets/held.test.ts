import { describe, expect, test } from 'vitest';
import { HeldSecrets, type Header, noSecrets } from '../../../host/capabilities/secrets/held.ts';
import { type Access, grantPolicy, unrestricted } from '../../../host/policy/index.ts';
import { failureOf } from '../../support/failure.ts';
import { policyOf } from '../../policy/policies.ts';
import { VivariumError } from '../../../sdk/errors.ts';

const values = new Map([
  ['STRIPE_KEY', 'sk_live_$&_value'],
  ['TOKEN', 'token-of-two-places'],
]);
const request = policyOf({
  secrets: {
    STRIPE_KEY: { to: 'https://api.stripe.com', header: 'Authorization', format: 'Bearer {}' },
    TOKEN: { to: ['https://a.example.com:8443', 'wss://b.example.com'], header: 'x-token' },
  },
});
const { secrets: rules } = grantPolicy({ actor: 'pay', runtime: 'javascript', request, ceiling: unrestricted });
const held = new HeldSecrets(rules, values);
const { STRIPE_KEY: key = '', TOKEN: token = '' } = held.placeholders;

const fill = (url: string, headers: readonly Header[]): { headers: readonly Header[]; used: readonly string[] } => {
  const used: string[] = [];
  const demand = (access: Access) => {
    used.push(`${access.capability} ${access.resource}`);
    return { allowed: true, level: 'request', reason: '', hint: '' } as const;
  };
  const { headers: filled, carrying } = held.fill(url, headers, demand);
  expect(carrying).toEqual(new Set(headers.filter((header, index) => filled[index]?.[1] !== header[1]).map(([name]) => name.toLowerCase())));
  return { headers: filled, used };
};

describe('a placeholder', () => {
  test('tells nothing, and is another one for each actor of each deployment', () => {
    const again = new HeldSecrets(rules, values).placeholders;
    expect(Object.keys(again)).toEqual(['STRIPE_KEY', 'TOKEN']);
    expect(key).toMatch(/^secret-[\w-]{32}$/);
    expect(new Set([key, token, ...Object.values(again)]).size).toBe(4);
  });

  test.each([
    ['in the format of its rule', 'https://api.stripe.com/v1/charges', 'authorization', `Bearer ${key}`],
    ['alone', 'https://api.stripe.com/', 'Authorization', key],
    ['to the same origin, spelled otherwise', 'https://API.stripe.com.:443/v1?q#f', 'AUTHORIZATION', key],
  ])('is replaced %s', (_, url, name, written) => {
    expect(
      fill(url, [
        ['accept', key],
        [name, written],
      ]),
    ).toEqual({
      headers: [
        ['accept', key],
        [name, 'Bearer sk_live_$&_value'],
      ],
      used: ['secrets STRIPE_KEY'],
    });
  });

  test('is replaced for each origin of its rule', () => {
    for (const url of ['https://a.example.com:8443/', 'wss://b.example.com/socket'])
      expect(fill(url, [['x-token', token]])).toEqual({ headers: [['x-token', 'token-of-two-places']], used: ['secrets TOKEN'] });
  });

  test.each([
    ['another host', 'https://api.stripe.com.evil.org/', 'authorization', `Bearer ${key}`],
    ['a host below', 'https://a.api.stripe.com/', 'authorization', `Bearer ${key}`],
    ['another port', 'https://api.stripe.com:8443/', 'authorization', `Bearer ${key}`],
    ['without encryption', 'http://api.stripe.com/', 'authorization', `Bearer ${key}`],
    ['another scheme', 'wss://api.stripe.com/', 'authorization', `Bearer ${key}`],
    ['with credentials in the URL', 'https://api.stripe.com@evil.org/', 'authorization', `Bearer ${key}`],
    ['what is no URL', 'api.stripe.com', 'authorization', `Bearer ${key}`],
    ['another header', 'https://api.stripe.com/', 'x-authorization', `Bearer ${key}`],
    ['another format', 'https://api.stripe.com/', 'authorization', `Basic ${key}`],
    ['with something before', 'https://api.stripe.com/', 'authorization', ` Bearer ${key}`],
    ['with something behind', 'https://api.stripe.com/', 'authorization', `Bearer ${key} `],
    ['twice in one header', 'https://api.stripe.com/', 'authorization', `${key}${key}`],
    ['in another case', 'https://api.stripe.com/', 'authorization', key.toUpperCase()],
    ['the placeholder of another secret', 'https://api.stripe.com/', 'authorization', `Bearer ${token}`],
  ])('goes out as it is: %s', (_, url, name, written) => {
    expect(fill(url, [[name, written]])).toEqual({ headers: [[name, written]], used: [] });
  });

  test('what would hide a value in the answer does not go to where a value may go, and goes anywhere else', () => {
    const hiding: readonly Header[] = [
      ['Range', 'bytes=0-9'],
      ['if-range', 'x'],
      ['Accept-Encoding', 'zstd'],
    ];
    expect(
      held.fill('https://api.stripe.com/', [...hiding, ['authorization', key]], () => ({ allowed: true, level: 'request', reason: '', hint: '' })).headers,
    ).toEqual([['authorization', 'Bearer sk_live_$&_value']]);
    expect(held.fill('https://api.stripe.com/', [...hiding, ['accept', '*/*']], () => expect.fail())).toEqual({
      headers: [['accept', '*/*']],
      carrying: new Set(),
    });
    expect(fill('https://other.org/', [...hiding, ['authorization', key]]).headers).toHaveLength(4);
  });

  test('of another deployment is worthless', () => {
    const other = new HeldSecrets(rules, values).placeholders['STRIPE_KEY'] as string;
    expect(fill('https://api.stripe.com/', [['authorization', other]])).toEqual({ headers: [['authorization', other]], used: [] });
  });

  test('is not replaced when the access is denied', async () => {
    const refusal = new VivariumError('policy.denied', 'no');
    const demand = (): never => {
      throw refusal;
    };
    expect(await failureOf(() => held.fill('https://api.stripe.com/', [['authorization', key]], demand))).toBe(refusal);
    expect(noSecrets.fill('https://api.stripe.com/', [['authorization', key]], demand)).toEqual({ headers: [['authorization', key]], carrying: new Set() });
  });
});

test('errors hold no value', () => {
  const error = held.redactError(
    new VivariumError('network.failed', 'https://x.org/?k=sk_live_$&_value', { hint: encodeURIComponent('sk_live_$&_value'), line: 3, name: 'ECONNRESET' }),
  );
  expect(error.record).toEqual({
    code: 'network.failed',
    message: 'https://x.org/?k=[secret STRIPE_KEY]',
    hint: '[secret STRIPE_KEY]',
    line: 3,
    name: 'ECONNRESET',
  });
});
