/** What a guest says where its stack ends: what `emit` took arrives, and what it refused does not. */
import { expect, onTestFinished, test } from 'vitest';
import { TestInstance } from '../support/isolate.ts';

const kinds = { text: "'x'.repeat(600_000)", bytes: 'new Uint8Array(600_000)' } as const;

test.each(Object.entries(kinds))('%s that was taken at the limit of the stack arrives, and nothing else', async (_, large) => {
  // Digs to the end of its stack, and emits on its way up: three times more than the outbox holds, at a depth where there is hardly room to send it.
  const source = `
    const large = ${large};
    const handle = (padding, context) => {
      let left = 0, inThisRound = 0, taken = 0, refused = 0;
      const dig = () => {
        try { dig(); } catch { left = 600; inThisRound = 0; }
        if (left-- <= 0) return;
        try { context.emit('other', large); taken++; if (++inThisRound === 3) left = 0; } catch { refused++; }
      };
      const pad = (levels, a, b, c) => (levels === 0 ? dig() : pad(levels - 1, a, b, c));
      for (let round = 0; round < 4; round++) try { pad(3 * padding + round, 1, 2, 3); } catch {}
      return { taken, refused };
    };
    return { handle };`;
  const instance = await TestInstance.start({
    source: { runtime: 'javascript', file: 'actor.js' },
    outlets: ['other'],
    limits: { message: 2_000_000, outboundMessages: 1_000_000, outboundBytes: 1_000_000_000 },
    payloads: [source],
  });
  onTestFinished(() => instance.dispose());
  let all = { taken: 0, refused: 0 };
  for (let padding = 0; padding < 4; padding++) {
    const { value, sent } = await instance.deliver(padding);
    const { taken, refused } = value as typeof all;
    expect(sent).toHaveLength(taken);
    all = { taken: all.taken + taken, refused: all.refused + refused };
  }
  expect(all.taken).toBeGreaterThan(12);
  expect(all.refused).toBeGreaterThan(0);
});
