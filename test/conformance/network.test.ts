/** Requests, as every language sends them: what goes out, what comes back, what is denied. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, get } from 'node:https';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { listen, serve, textOf } from '../capabilities/network/servers.ts';
import { failureOf } from '../support/failure.ts';
import { languages, root } from './languages.ts';
import { inputsTo, setStage } from './suite.ts';

const certificate = readFileSync(path.join(root, 'test/fixtures/certificate/certificate.pem'), 'utf8');
const key = readFileSync(path.join(root, 'test/fixtures/certificate/key.pem'), 'utf8');
const value = 'tok/"value+of-the\\secret';
const large = 3_000_000;

const seen: { readonly method: string; readonly url: string; readonly headers: Readonly<Record<string, unknown>>; readonly body: string }[] = [];
const plain = await serve(async (request, response) => {
  if (request.url === '/large') return void response.end(Buffer.alloc(large, 'y'));
  if (request.url === '/count') {
    let bytes = 0;
    for await (const chunk of request) bytes += (chunk as Buffer).length;
    return void response.end(JSON.stringify({ bytes }));
  }
  const body = await textOf(request);
  seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
  if (request.url === '/moved') return void response.writeHead(302, { location: '/arrived' }).end();
  if (request.url === '/away') return void response.writeHead(302, { location: 'https://elsewhere.example/' }).end();
  response.writeHead(request.url === '/missing' ? 404 : 200, { 'x-kind': 'reply' }).end(`${request.method} ${request.url} ${body}`);
});
const refused = await serve(() => {});
await new Promise((resolve) => refused.server.close(resolve));

const formsOf = (text: string): readonly string[] => [text, JSON.stringify(text), encodeURIComponent(text), Buffer.from(text).toString('base64')];

/** Says back what it was sent in `authorization`, in every form that it knows. */
const encrypted = await listen(
  createServer({ cert: certificate, key }, (request, response) => {
    const { authorization = '' } = request.headers;
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: '' });
    response.setHeader('x-kind', authorization.replaceAll(/[^\x21-\x7e]/g, ' '));
    // Cut in the middle of the value.
    const text = formsOf(authorization).join('\n');
    response.write(text.slice(0, 12));
    setImmediate(() => response.end(text.slice(12)));
  }),
);
const origin = encrypted.origin.replace('http:', 'https:');

const policy = {
  network: { allow: [plain.origin, refused.origin, origin] },
  secrets: { TOKEN: { to: origin, header: 'authorization', format: 'Bearer {}' } },
} as const;

const stage = setStage({ network: { authorities: [certificate] }, secrets: { values: { TOKEN: value } } }, (language) => ({
  actors: { client: language.actor('network', { policy }), stranger: language.actor('network') },
  inputs: { ...inputsTo('client', ['in', 'size', 'upload', ...(language.name === 'python' ? ['waiting'] : [])]), stranger: 'stranger' },
  outputs: { out: 'client', told: 'stranger' },
}));

describe.each(languages)('a request in %s', (language) => {
  const inlets = language.name === 'python' ? ['handle', 'waiting'] : ['handle'];
  const ask = (message: object, inlet = 'handle') => stage.flow(language).ask(inlet, { method: 'GET', headers: {}, ...message });

  test.each(inlets)('carries method, headers and body, and comes back with status, headers and body (%s)', async (inlet) => {
    const answer = await ask({ method: 'POST', url: `${plain.origin}/echo?x=1`, headers: { 'x-order': '7' }, body: 'text' }, inlet);
    expect(answer).toEqual({ status: 200, kind: 'reply', body: 'POST /echo?x=1 text' });
    expect(seen.at(-1)).toMatchObject({ method: 'POST', url: '/echo?x=1', headers: { 'x-order': '7', 'content-length': '4' }, body: 'text' });
  });

  test.each(inlets)('is no failure when the server says that it has no such thing (%s)', async (inlet) => {
    expect(await ask({ url: `${plain.origin}/missing` }, inlet)).toEqual({ status: 404, kind: 'reply', body: 'GET /missing ' });
  });

  test.each(inlets)('follows redirects (%s)', async (inlet) => {
    expect(await ask({ url: `${plain.origin}/moved` }, inlet)).toMatchObject({ status: 200, body: 'GET /arrived ' });
  });

  test.each(inlets)('is denied by the policy, with the line that would allow it (%s)', async (inlet) => {
    const error = await failureOf(() => ask({ url: 'https://elsewhere.example/' }, inlet));
    expect(error).toMatchObject({
      code: 'policy.denied',
      message: expect.stringContaining('https://elsewhere.example/'),
      record: { hint: expect.stringContaining('network: { allow: ["https://elsewhere.example') },
    });
    const redirected = await failureOf(() => ask({ url: `${plain.origin}/away` }, inlet));
    expect(redirected).toMatchObject({ code: 'policy.denied', message: expect.stringContaining('https://elsewhere.example/') });
  });

  test('is denied to an actor without a rule, and nothing connects', async () => {
    const before = plain.connections;
    expect(await failureOf(() => ask({ url: plain.origin }, 'stranger'))).toMatchObject({ code: 'policy.denied' });
    expect(plain.connections).toBe(before);
  });

  test('fails as its language says it when nothing listens', async () => {
    const error = await failureOf(() => ask({ url: refused.origin }));
    const names = { javascript: 'TypeError', python: 'URLError', wasm: 'ECONNREFUSED' };
    expect(error).toMatchObject({ code: language.name === 'wasm' ? 'network.failed' : 'actor.failed', record: { name: names[language.name] } });
  });

  test('takes a large body apart, in both directions', async () => {
    expect(await stage.flow(language).ask('size', `${plain.origin}/large`)).toBe(large);
    expect(await stage.flow(language).ask('upload', { url: `${plain.origin}/count`, size: large / 2 })).toBe(large / 2);
  });

  test.each(inlets)('uses a secret and never sees it (%s)', async (inlet) => {
    const answer = (await ask({ url: `${origin}/`, headers: { authorization: 'Bearer {secret}' } }, inlet)) as { kind: string; body: string };
    expect(seen.at(-1)?.headers['authorization']).toBe(`Bearer ${value}`);
    expect(answer).toMatchObject({
      kind: 'Bearer [secret TOKEN]',
      body: expect.stringMatching(/^Bearer \[secret TOKEN\]\n"Bearer \[secret TOKEN\]"\nBearer%20\[secret TOKEN\]\n/),
    });
    for (const form of [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), Buffer.from(value).toString('base64').slice(2, -3)]) {
      expect(JSON.stringify(answer)).not.toContain(form);
    }
  });
});

test('control: whoever sends the value itself sees it come back in each of these forms', async () => {
  const response = await new Promise<IncomingMessage>((resolve) => get(origin, { ca: certificate, headers: { authorization: `Bearer ${value}` } }, resolve));
  expect(await textOf(response)).toBe(formsOf(`Bearer ${value}`).join('\n'));
  for (const form of [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]) expect(formsOf(`Bearer ${value}`).join('\n')).toContain(form);
});
