/** The private `/tmp` of a plugin: what the operations of files come to in memory is in test/conformance/files.test.ts; here is what it counts and bounds. */
import { describe, expect, it } from 'vitest';
import { errno } from '../../runtimes/guest/errno.ts';
import { createMemoryTree, type MemoryTree } from '../../runtimes/wasm/memoryTree.guest.ts';

const make = (most = 100_000, handles = 4): MemoryTree => {
  const tree: MemoryTree = createMemoryTree(
    '/tmp',
    () => handles,
    (bytes) => tree.size() + bytes <= most,
  );
  return tree;
};
const opened = (tree: MemoryTree, path: string): number => (tree.open(path, { access: 'read-write', create: true }) as { handle: number }).handle;
const refused = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as { errno?: number }).errno ?? error;
  }
};

describe('the private /tmp', () => {
  it('counts what its files hold, and gives it back', () => {
    const tree = make();
    const handle = opened(tree, '/tmp/a');
    tree.write(handle, 0, new Uint8Array(10_000));
    expect(tree.size()).toBeGreaterThanOrEqual(10_000);
    tree.close(handle);
    tree.remove('/tmp/a', false);
    expect(tree.size()).toBe(0);
  });

  it('is full when the actor may have no more, and goes on', () => {
    const tree = make();
    const handle = opened(tree, '/tmp/a');
    expect(refused(() => tree.write(handle, 0, new Uint8Array(200_000)))).toBe(errno.ENOSPC);
    expect(refused(() => tree.resize(handle, 2 ** 40))).toBe(errno.ENOSPC);
    expect(tree.write(handle, 0, new Uint8Array(1000))).toBe(1000);
    expect(refused(() => Array.from({ length: 1000 }, (_, index) => tree.makeFolder(`/tmp/${index}`)))).toBe(errno.ENOSPC);
  });

  it('counts a file without a name until it is closed', () => {
    const tree = make();
    const handle = opened(tree, '/tmp/a');
    tree.write(handle, 0, new Uint8Array(60_000));
    tree.remove('/tmp/a', false);
    expect(tree.size()).toBeGreaterThanOrEqual(60_000);
    expect(refused(() => tree.write(opened(tree, '/tmp/b'), 0, new Uint8Array(60_000)))).toBe(errno.ENOSPC);
    tree.close(handle);
    expect(tree.size()).toBeLessThan(60_000);
  });

  it('holds as many files open as the limit allows', () => {
    const tree = make();
    for (let count = 0; count < 4; count++) opened(tree, `/tmp/${count}`);
    expect(refused(() => opened(tree, '/tmp/more'))).toBe(errno.EMFILE);
    tree.close(1);
    expect(refused(() => tree.close(1))).toBe(errno.EBADF);
    expect(opened(tree, '/tmp/more')).toBe(5);
  });

  it('shows what is cut off and grown again as zeros', () => {
    const tree = make();
    const handle = opened(tree, '/tmp/a');
    tree.write(handle, 0, Uint8Array.of(1, 2, 3, 4));
    tree.resize(handle, 2);
    tree.resize(handle, 4);
    tree.write(handle, 6, Uint8Array.of(7));
    expect(tree.read(handle, 0, 100)).toEqual(Uint8Array.of(1, 2, 0, 0, 0, 0, 7));
  });
});
