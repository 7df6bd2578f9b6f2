/** Calls that nobody waits for any more: what has not begun does not happen, and holds up nobody. */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Lanes } from '../../../host/capabilities/filesystem/lanes.ts';
import { makeFolder } from '../../support/folder.ts';
import { FileHost } from './guest.ts';

const cancelled = new Error('cancelled');

describe('calls that were cancelled', () => {
  const stage = () => {
    const folder = makeFolder({ old: 'old' });
    const host = new FileHost();
    const guest = host.guest({ filesystem: { '/out': { path: folder, access: 'read-write' } } });
    return { folder, guest, host };
  };

  test('change nothing, whether they waited for their turn or for the way to their file', async () => {
    const { folder, guest } = stage();
    const abort = new AbortController();
    const asked = Array.from({ length: 40 }, (_, n) => guest.call('writeFile', { path: `/out/${n}`, data: new Uint8Array(1) }, abort.signal));
    asked.push(guest.call('makeFolder', { path: '/out/folder' }, abort.signal), guest.call('remove', { path: '/out/old' }, abort.signal));
    abort.abort(cancelled);
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toEqual([]);
    // All that was asked before is over when this is.
    expect(await guest.text('/out/old')).toBe('old');
    expect(readdirSync(folder)).toEqual(['old']);
  });

  test('are not done on a file that is open either', async () => {
    const { guest } = stage();
    const handle = await guest.open('/out/old', 'read-write');
    const abort = new AbortController();
    abort.abort(cancelled);
    for (const [operation, request] of [
      ['write', { position: 0, data: Buffer.from('new') }],
      ['truncate', { size: 0 }],
    ] as const)
      await expect(guest.call(operation, { handle, ...request }, abort.signal)).rejects.toThrow();
    expect(await guest.text('/out/old')).toBe('old');
  });

  test('control: the same calls are done if nobody cancels them', async () => {
    const { folder, guest } = stage();
    await Promise.all([guest.write('/out/0', 'x'), guest.call('makeFolder', { path: '/out/folder' }), guest.call('remove', { path: '/out/old' })]);
    expect(readdirSync(folder).toSorted()).toEqual(['0', 'folder']);
  });
});

describe('a lane', () => {
  const work = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let begun = false;
    return {
      end: resolve,
      hasBegun: () => begun,
      run: () => {
        begun = true;
        return promise;
      },
    };
  };

  test('is left at once by who is cancelled while waiting, and the place goes to who waits behind, in whatever lane', async () => {
    const lanes = new Lanes(1, 1);
    const [one, other] = [lanes.lane(), lanes.lane()];
    const [first, given, last] = [work(), work(), work()];
    const abort = new AbortController();
    const running = one.run(first.run);
    const waiting = one.run(given.run, abort.signal);
    const behind = other.run(last.run);
    abort.abort(cancelled);
    await expect(waiting).rejects.toBe(cancelled);
    expect(last.hasBegun()).toBe(false);
    first.end();
    await running;
    await expect.poll(last.hasBegun).toBe(true);
    last.end();
    await behind;
    expect(given.hasBegun()).toBe(false);
  });

  test('does not begin what was cancelled before', async () => {
    const given = work();
    await expect(new Lanes(1, 1).lane().run(given.run, AbortSignal.abort(cancelled))).rejects.toBe(cancelled);
    expect(given.hasBegun()).toBe(false);
  });
});
