/** An update that asks for more than is granted is refused, and what is deployed goes on. */
import { expect, test } from 'vitest';
import { createHost, type ManifestObject } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';

const manifest = (version: number, policy: object, actor = 'score'): ManifestObject =>
  ({
    vivarium: 1,
    namespace: 'shop',
    actors: { [actor]: { runtime: 'javascript', code: `export const handle = () => ${version};`, policy } },
  }) as ManifestObject;

const ceiling = { services: ['orders.*'], limits: { cpu: '100ms' } };
const versionOf = (host: Awaited<ReturnType<typeof createHost>>) => host.flow('shop')?.actor('score').ask(null);

test('what is new and not granted is refused with the difference, until it is granted', async () => {
  await using host = await createHost({ ceiling, spare: 0 });
  await host.deploy(manifest(1, { services: ['orders.list'] }));
  await host.deploy(manifest(2, { services: ['orders.list', 'orders.count'] }));
  const greedy = { services: ['orders.list', 'money.send'], state: '1MiB', limits: { cpu: '200ms' } };
  const error = await failureOf(() => host.deploy(manifest(3, greedy)));
  expect(error).toMatchObject({ code: 'policy.refused', record: { actor: 'score', file: 'manifest' } });
  expect(error.message.split('\n')).toEqual([
    'the update of `shop` asks for more than is granted:',
    'score: manifest: services: [money.send] is not granted: the ceiling of the operator would need `services: [money.send]`',
    'score: manifest: state: 1MiB is not granted: the ceiling of the operator would need `state: 1MiB`',
    'score: manifest: limits: { cpu: 200ms } is granted in part only: the ceiling of the operator would need `limits: { cpu: 200ms }`',
  ]);
  expect(await versionOf(host)).toBe(2);
  await host.deploy(manifest(4, greedy), { grant: { ...ceiling, services: ['orders.*', 'money.*'], state: '1MiB', limits: { cpu: '1s' } } });
  expect(await versionOf(host)).toBe(4);
});

test('what was refused already does not stand in the way of an update', async () => {
  await using host = await createHost({ ceiling, spare: 0 });
  const greedy = { services: ['orders.list', 'money.send'] };
  await host.deploy(manifest(1, greedy));
  await host.deploy(manifest(2, greedy));
  expect(await versionOf(host)).toBe(2);
  expect(await failureOf(() => host.deploy(manifest(3, greedy, 'other')))).toMatchObject({ code: 'policy.refused', record: { actor: 'other' } });
  await host.flow('shop')?.stop();
  await host.deploy(manifest(4, greedy, 'other'));
  expect(await host.flow('shop')?.actor('other').ask(null)).toBe(4);
});
