/** Large messages among small ones: texts of every width and bytes, through actors of each language, near ones and far ones. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Flow } from '../../host/index.ts';
import { languages } from './languages.ts';
import { setStage } from './suite.ts';

const sizes = [1, 255, 1_024, 16_383, 16_384, 16_385, 65_535, 65_536, 200_000];

/** One byte, two, three and four in UTF-8; the last is cut from its neighbours at any place of a pair. */
const texts = ['x', 'é', '€', '😀'].flatMap((character) => sizes.map((size) => character.repeat(size)));
const bytes = sizes.map((size) => Uint8Array.from({ length: size }, (_, at) => (at * 13 + size) & 0xff));

/** Small ones between them, and each kind beside each other. */
const messages = [...texts, ...bytes, ...bytes.map((content) => ({ content, size: content.length }))].flatMap((message, n) =>
  n % 3 === 0 ? [message, n, `${n} ü`] : [message],
);

const stage = setStage({});
let flow: Flow;

beforeAll(async () => {
  const plan = {
    actors: Object.fromEntries(
      languages.flatMap((language) => {
        const rest = language.name === 'wasm' ? ({ input: 'msgpack', output: 'msgpack' } as const) : {};
        const policy = { limits: { wall: '120s', cpu: '60s' } } as const;
        return [
          [`near_${language}`, language.actor('echo', { ...rest, policy })],
          [`far_${language}`, language.actor('echo', { ...rest, policy, cell: 'own' })],
        ];
      }),
    ),
    connections: languages.flatMap((from) => languages.filter((to) => to !== from).map((to) => `near_${from} -> far_${to}`)),
    inputs: Object.fromEntries(languages.map((language) => [`in_${language}`, `near_${language}`])),
    outputs: Object.fromEntries(languages.map((language) => [`out_${language}`, `far_${language}`])),
  };
  flow = await stage.deploy(plan, 'sizes');
});

describe.each(languages)('from %s', (language) => {
  test('each arrives as it was sent, in its order, in the other languages', async () => {
    const arrived: Record<string, unknown[]> = {};
    for await (const { status, outputs } of flow.pipe(messages, { input: `in_${language}` })) {
      expect(status).toBe('completed');
      for (const [output, sent] of Object.entries(outputs)) arrived[output] = [...(arrived[output] ?? []), ...(sent as unknown[])];
    }
    for (const to of languages) expect(arrived[`out_${to}`] ?? []).toEqual(to === language ? [] : messages);
  });
});
