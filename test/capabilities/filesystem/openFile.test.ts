/** The life of a descriptor: closed last, and told as free only then. */
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Lanes } from '../../../host/capabilities/filesystem/lanes.ts';
import { Root } from '../../../host/capabilities/filesystem/mounts.ts';
import { OpenFile } from '../../../host/capabilities/filesystem/openFile.ts';
import { System } from '../../../host/capabilities/filesystem/system.ts';
import { Usage } from '../../../host/capabilities/filesystem/usage.ts';
import { makeFolder } from '../../support/folder.ts';
import { grantOf } from './guest.ts';

/** The system, and in which order it was asked. */
class WatchedSystem extends System {
  readonly told: string[] = [];

  override async stat(descriptor: number) {
    const stats = await super.stat(descriptor);
    this.told.push('looked at');
    return stats;
  }

  override close(descriptor: number) {
    this.told.push('closed');
    return super.close(descriptor);
  }
}

test('a file is looked at for the last time before its descriptor can be somebody else’s', async () => {
  const folder = makeFolder({ a: 'x' });
  const system = new WatchedSystem(new Lanes(4, 4).lane());
  const [rule] = grantOf({ filesystem: { '/out': { path: folder, access: 'read-write', quota: '1KiB' } } }).filesystem;
  if (rule === undefined) throw new Error('nothing is granted');
  const root = new Root(rule, { descriptor: await system.top(), real: folder }, []);
  const descriptor = openSync(join(folder, 'a'), 'r');
  const stats = await system.stat(descriptor);
  system.told.length = 0;
  const gone = Promise.withResolvers<void>();
  const file = new OpenFile(
    { system, usage: new Usage(), root, descriptor, stats, mode: 'read', append: false, real: join(folder, 'a'), path: '/out/a' },
    gone.resolve,
  );
  file.close();
  await gone.promise;
  expect(system.told).toEqual(['looked at', 'closed']);
  root.close();
});
