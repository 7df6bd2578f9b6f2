/**
 * What the network costs: the time that the broker adds to a request on loopback, beside undici alone; a `fetch` of a guest in a cell
 * from its own turn; and requests per second, one after the other and many at once.
 *
 *     npm run bench -- network [--json]
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { Broker } from '../host/capabilities/broker.ts';
import { Holdings } from '../host/capabilities/holdings.ts';
import { Network } from '../host/capabilities/network/network.ts';
import { networkOptions, socketsOf } from '../host/capabilities/network/options.ts';
import { noSecrets } from '../host/capabilities/secrets/held.ts';
import { createHost, type Flow } from '../host/index.ts';
import { grantPolicy, loadPolicyInput, unrestricted } from '../host/policy/index.ts';
import { decode, encode } from '../sdk/message.ts';
import { figureOf, median, repeat, report } from './report.ts';

const rounds = 5;
const requests = 400;
const body = Buffer.alloc(1024, 'x');

const server = createServer((_, response) => response.end(body)).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const policy = { network: { allow: [origin] }, limits: { requests: 10_000, cpu: '30s' } };

/** The median of single requests, in milliseconds. */
async function latency(send: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < requests; index++) {
    const began = performance.now();
    await send();
    times.push(performance.now() - began);
  }
  return median(times);
}

const agent = new Agent();
const plain = async (): Promise<number> => {
  const { body: received } = await agent.request({ origin, path: '/', method: 'GET' });
  return (await received.arrayBuffer()).byteLength;
};

/** The broker alone: the call of a guest, decoded, decided, audited, sent, and its answer encoded. */
function brokered(): () => Promise<unknown> {
  const grant = grantPolicy({
    actor: 'bench',
    runtime: 'javascript',
    request: loadPolicyInput(policy, 'policy', { from: import.meta.filename }),
    ceiling: unrestricted,
  });
  const broker = new Broker(
    { network: new Network(socketsOf(networkOptions.parse({}))) },
    () => {},
    () => {},
  );
  const holdings = new Holdings(64);
  const caller = { namespace: 'bench', actor: 'bench', execution: 'e', signal: new AbortController().signal };
  const input = { method: 'GET', url: `${origin}/`, headers: [] };
  return async () => {
    const call = { capability: 'network', operation: 'request', payload: encode(input), caller, turn: 0, grant, holdings, secrets: noSecrets };
    return decode(await broker.call(call));
  };
}

const code = `
export const handle = async ({ url, count, wide }) => {
  const one = async () => (await (await fetch(url)).arrayBuffer()).byteLength;
  for (let sent = 0; sent < count; sent += wide) await Promise.all(Array.from({ length: wide }, one));
  return count;
};`;

async function guestRate(flow: Flow, wide: number): Promise<number> {
  const began = performance.now();
  await flow.ask('in', { url: `${origin}/`, count: requests, wide });
  return requests / ((performance.now() - began) / 1000);
}

await using host = await createHost({ ceiling: 'unrestricted', spare: 0 });
const actors = { bench: { runtime: 'javascript', code, policy } } as const;
const flow = (await host.deploy({ vivarium: 1, actors, inputs: { in: 'bench' }, outputs: { out: 'bench' } })) as unknown as Flow;

const broker = brokered();
await latency(plain);
await latency(broker);
await guestRate(flow, 1);
// In turns, so that whatever else the machine does falls on both.
const alone: number[] = [];
const ours: number[] = [];
for (let round = 0; round < rounds; round++) {
  alone.push(await latency(plain));
  ours.push(await latency(broker));
}
const added = ours.map((value, round) => value - (alone[round] as number));
const undici = { name: 'undici alone', value: median(alone) };
const one = await repeat(rounds, () => guestRate(flow, 1));
const many = await repeat(rounds, () => guestRate(flow, 20));
const peer = { name: 'undici alone, one after the other', value: 1000 / median(alone) };
report('network', host.report().sandbox, [
  figureOf('request through the broker, p50', 'ms', ours, [undici]),
  figureOf('added by the broker, p50', 'ms', added, []),
  figureOf('fetch of a guest, one after the other', 'requests/s', one, [peer]),
  figureOf('fetch of a guest, 20 at once', 'requests/s', many, [peer]),
]);
await agent.close();
server.closeAllConnections();
server.close();
