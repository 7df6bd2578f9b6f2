import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkVersions, isAtLeast, minimumVersions } from '../../host/cells/versions.ts';

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'versions-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** An executable that answers like a Node of that version. */
function nodeOf(version: string): string {
  const path = join(temporary(), 'node');
  writeFileSync(path, `#!/bin/sh\necho '${version}'\n`);
  chmodSync(path, 0o755);
  return path;
}

test.each([
  ['26.5.1', true],
  ['26.5.2', true],
  ['26.10.0', true],
  ['27.0.0', true],
  ['v26.10.0', true],
  ['26.5.1-rc.1', true],
  ['26.5.0', false],
  ['26.4.9', false],
  ['25.99.99', false],
  ['6.99.99', false],
  ['', false],
  ['twenty', false],
])('%j is at least 26.5.1: %j', (version, expected) => {
  expect(isAtLeast(version, '26.5.1')).toBe(expected);
});

test('the Node and the isolated-vm of this project are accepted', async () => {
  expect(await checkVersions()).toEqual({ path: process.execPath, version: process.versions.node });
});

test('another Node is asked for its version, through links', async () => {
  const link = join(temporary(), 'link');
  const node = nodeOf('26.11.0');
  symlinkSync(node, link);
  expect(await checkVersions({ node: link })).toEqual({ path: node, version: '26.11.0' });
});

test('a Node that is too old is refused in one clear sentence', async () => {
  const node = nodeOf('26.5.0');
  await expect(checkVersions({ node })).rejects.toMatchObject({
    code: 'host.unsupported',
    message: `Vivarium needs Node ${minimumVersions.node} or newer, and ${node} is 26.5.0.`,
    record: { hint: expect.stringContaining('option `node`') },
  });
});

test.each(['7.0.0', '6.1.2', '5.0.4'])('isolated-vm %s is refused, with the reason', async (isolatedVm) => {
  await expect(checkVersions({ isolatedVm })).rejects.toMatchObject({
    code: 'host.unsupported',
    message: expect.stringContaining('GHSA-864f-rcv7-6rh4'),
    record: { hint: expect.stringContaining(`npm install isolated-vm@${minimumVersions.isolatedVm}`) },
  });
});

test.each([
  ['does not exist', () => join(temporary(), 'none')],
  ['is no program', () => import.meta.filename],
])('a Node that %s is refused', async (_, path) => {
  await expect(checkVersions({ node: path() })).rejects.toMatchObject({ code: 'host.unsupported', record: { hint: expect.stringContaining('option `node`') } });
});
