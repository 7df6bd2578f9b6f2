import { describe, expect, test } from 'vitest';
import { formatDiagnostics } from '../../host/manifest/diagnostic.ts';
import { parsePolicy } from '../../host/policy/load.ts';

describe('every mistake of a policy has its place and its mending', () => {
  test.each<[name: string, text: string, expected: string]>([
    ['an unknown key', 'service: [orders.list]', 'p.yaml:1:1: unknown key `service`\n    Did you mean `services`?'],
    ['a list instead of a map', '- pure', 'p.yaml:1:1: expected a map, found a list'],
    ['a service without a group', 'services: [orders]', 'p.yaml:1:12: a service is named `group.function`, or `group.*` for all of a group'],
    ['every service', 'services: ["*"]', 'p.yaml:1:12: a service is named `group.function`, or `group.*` for all of a group'],
    ['a service twice', 'services:\n  - orders.list\n  - orders.list', 'p.yaml:3:5: `orders.list` is listed twice\n    Remove one of them.'],
    ['a preset twice', 'extends: [pure, pure]', 'p.yaml:1:17: `pure` is listed twice'],
    [
      'a variable with a dash',
      'environment: { MY-NAME: required }',
      'p.yaml:1:16: a variable is named with letters, digits and `_`, not beginning with a digit',
    ],
    [
      'a need that does not exist',
      'environment: { REGION: requird }',
      'p.yaml:1:24: expected `required` or `optional`, found the text "requird"\n    Did you mean `required`?',
    ],
    [
      'required, with a default',
      'environment:\n  REGION: { default: eu, required: true }',
      'p.yaml:2:26: `required` contradicts `default`: a variable with a default is never missing',
    ],
    ['a variable without a word', 'environment: { REGION: }', 'p.yaml:1:16: expected `required` or `optional` or a map, found nothing'],
    ['a relative guest path', 'filesystem: { data: ./data }', 'p.yaml:1:15: a guest path begins with `/`'],
    [
      'a guest path that climbs',
      'filesystem: { /data/../etc: ./data }',
      'p.yaml:1:15: a guest path is written without `.`, `..`, double or final slashes: `/etc`',
    ],
    [
      'a guest path with a final slash',
      'filesystem: { /data/: ./data }',
      'p.yaml:1:15: a guest path is written without `.`, `..`, double or final slashes: `/data`',
    ],
    [
      'an access that does not exist',
      'filesystem: { /data: { path: ./data, access: write } }',
      'p.yaml:1:46: expected `read` or `read-write`, found the text "write"',
    ],
    [
      'a quota on a folder that is read only',
      'filesystem:\n  /data: { path: ./data, quota: 1MiB }',
      'p.yaml:2:26: a quota bounds what is written, and this folder is read only\n    Remove it, or add `access: read-write`.',
    ],
    [
      'a size in megabytes',
      'filesystem: { /d: { path: ./d, access: read-write, quota: 1MB } }',
      'p.yaml:1:59: a size is a number with B, KiB, MiB or GiB, like `64MiB`',
    ],
    ['a pattern without a scheme', 'network: { allow: [api.example.com] }', 'p.yaml:1:20: a pattern is `scheme://host`'],
    ['a scheme that is not for requests', 'network: { allow: ["ftp://example.com"] }', 'p.yaml:1:20: the scheme is https, http, wss or ws'],
    ['half a label', 'network: { allow: ["https://*example.com"] }', 'p.yaml:1:20: a `*` in a host stands for whole labels: `*.example.org`'],
    ['a star inside', 'network: { allow: ["https://api.*.com"] }', 'p.yaml:1:20: a pattern is `scheme://host`'],
    ['credentials in a pattern', 'network: { allow: ["https://me:pass@example.com"] }', 'p.yaml:1:20: a pattern is `scheme://host`'],
    ['a query in a pattern', 'network: { allow: ["https://example.com/a?b=1"] }', 'p.yaml:1:20: a pattern is `scheme://host`'],
    [
      'a method in small letters',
      'network: { allow: [{ url: "https://example.com", methods: [get] }] }',
      'p.yaml:1:60: a method is written in capitals, like `GET`',
    ],
    [
      'the same allowed and denied',
      'network:\n  allow: ["https://example.com"]\n  deny: ["https://EXAMPLE.com:443/"]',
      'p.yaml:2:11: this rule can never match: the same is denied\n    Remove one of them: deny beats allow.',
    ],
    [
      'allowed, and wholly denied',
      'network:\n  allow: ["https://a.example.com/v1/*"]\n  deny: ["http://x.org", "https://*.example.com"]',
      'p.yaml:2:11: this rule can never match: `deny[1]` denies all of it',
    ],
    ['a rule twice', 'network:\n  allow:\n    - https://example.com\n    - https://example.com/', 'p.yaml:4:7: this rule is written twice'],
    [
      'a secret to any host',
      'secrets: { KEY: { to: "https://*", header: authorization } }',
      'p.yaml:1:23: a secret goes to one origin, like `https://api.example.com`, without `*` and path',
    ],
    ['a secret in clear', 'secrets: { KEY: { to: "http://api.example.com", header: authorization } }', 'p.yaml:1:23: a secret travels encrypted: https or wss'],
    [
      'a secret without a header',
      'secrets: { KEY: { to: "https://api.example.com" } }',
      'p.yaml:1:12: `header` is missing\n    For example: `header: authorization`.',
    ],
    [
      'a format without the secret',
      'secrets: { KEY: { to: "https://a.com", header: x, format: Bearer } }',
      'p.yaml:1:59: a format contains `{}` once, where the value goes',
    ],
    ['a duration with a space', 'limits: { wall: 2 s }', 'p.yaml:1:17: a duration is a number with ms, s, m or h, like `2s`\n    For example: `wall: 2s`.'],
    ['a duration as a size', 'limits: { wall: 2MiB }', 'p.yaml:1:17: a duration is a number with ms, s, m or h'],
    ['half a millisecond', 'limits: { wall: 0.5ms }', 'p.yaml:1:17: 0.5ms is no whole number of milliseconds'],
    ['too little memory', 'limits: { memory: 1MiB }', 'p.yaml:1:19: must be at least 16MiB'],
    ['more than anybody gets', 'limits: { memory: 64GiB }', 'p.yaml:1:19: must be at most 4GiB'],
    ['a count with a unit', 'limits: { timers: 10s }', 'p.yaml:1:19: expected a number, found the text "10s"'],
    ['an unknown limit', 'limits: { outbound: { message: 5 } }', 'p.yaml:1:23: unknown key `message`\n    Did you mean `messages`?'],
    [
      'processor time beyond the wall',
      'limits:\n  wall: 500ms\n  cpu: 2s',
      'p.yaml:3:8: `cpu` can never be reached: it is larger than `wall`\n    Lower it, or raise `wall`.',
    ],
    [
      'a message beyond all that a turn may send',
      'limits: { message: 2MiB, outbound: { bytes: 1MiB } }',
      'p.yaml:1:20: `message` can never be reached: it is larger than `outbound.bytes`',
    ],
    [
      'too many rules',
      `services: [${Array.from({ length: 129 }, (_, index) => `orders.f${index}`).join(', ')}]`,
      'p.yaml:1:11: a policy has at most 128 rules of one kind',
    ],
  ])('%s', (_, text, expected) => {
    const { diagnostics, source } = parsePolicy(text, 'p.yaml');
    expect(formatDiagnostics(diagnostics).slice(0, expected.length)).toBe(expected);
    expect(diagnostics).toHaveLength(1);
    expect(source).toBeUndefined();
  });

  test('all mistakes come at once', () => {
    const text = 'services: [orders]\nlimits: { wall: 2 s, cpu: 1x }\nnetwork: { alow: [] }';
    expect(parsePolicy(text, 'p.yaml').diagnostics.map(({ line, column }) => `${line}:${column}`)).toEqual(['1:12', '2:17', '2:27', '3:12']);
  });

  test('a policy without mistakes', () => {
    const { source, diagnostics } = parsePolicy('services: []\nenvironment: { REGION: required }', 'p.yaml');
    expect(diagnostics).toEqual([]);
    expect(source?.statement).toEqual({ services: [], environment: { REGION: 'required' } });
  });
});
