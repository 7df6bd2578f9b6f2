/**
 * What the network costs: the time that the broker adds to a request on loopback, beside undici alone; a `fetch` of a guest in a cell
 * from its own turn; and requests per second, one after the other and many at once.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { Broker } from '../../host/capabilities/broker.ts';
import { Holdings } from '../../host/capabilities/holdings.ts';
import { Network } from '../../host/capabilities/network/network.ts';
import { networkOptions, socketsOf } from '../../host/capabilities/network/options.ts';
import { noSecrets } from '../../host/capabilities/secrets/held.ts';
import type { Host } from '../../host/index.ts';
import { grantPolicy, loadPolicyInput, unrestricted } from '../../host/policy/index.ts';
import { decode, encode } from '../../sdk/message.ts';
import { type Measured, openHost, type Options, ratesOf, scaled } from '../benchmark.ts';
import { deploy, line } from '../flows.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf, type Peer } from '../report.ts';
import { median, milliseconds } from '../timing.ts';

export const summary = 'requests through the broker, and fetches of a guest, on loopback: milliseconds, and requests per second';

/** Of one measurement. */
const usualRequests = 400;
const body = Buffer.alloc(1024, 'x');
const without = 'no sandbox, no policy: every address that the process can reach';

type Send = () => Promise<unknown>;

/** The median of single requests, in milliseconds. */
async function latency(requests: number, send: Send): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < requests; index++) times.push(await milliseconds(send));
  return median(times);
}

/** undici by itself. */
const plain =
  (agent: Agent, origin: string): Send =>
  async () => {
    const { body: received } = await agent.request({ origin, path: '/', method: 'GET' });
    return (await received.arrayBuffer()).byteLength;
  };

const policyOf = (origin: string) => ({ network: { allow: [origin] }, limits: { requests: 10_000, cpu: '30s' } });

/** The broker alone: the call of a guest, decoded, decided, audited, sent, and its answer encoded. */
function brokered(origin: string): Send {
  const grant = grantPolicy({
    actor: 'bench',
    runtime: 'javascript',
    request: loadPolicyInput(policyOf(origin), 'policy', { from: import.meta.filename }),
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

async function requests(origin: string, alone: Send, options: Options): Promise<Figure[]> {
  const count = scaled(options, usualRequests, 20);
  const throughBroker = brokered(origin);
  say('network: the broker');
  await latency(count, alone);
  await latency(count, throughBroker);
  // In turns, so that whatever else the machine does falls on both.
  const theirs: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < options.repetitions; round++) {
    theirs.push(await latency(count, alone));
    ours.push(await latency(count, throughBroker));
  }
  const added = ours.map((value, round) => value - (theirs[round] as number));
  const undici = { name: 'undici alone', lacks: without, value: median(theirs) };
  return [figureOf('request through the broker, p50', 'ms', ours, { peers: [undici] }), figureOf('added by the broker, p50', 'ms', added)];
}

async function fetches(host: Host, origin: string, alone: Send, options: Options): Promise<Figure[]> {
  const count = scaled(options, usualRequests, 20);
  await using flow = await deploy(host, line([{ runtime: 'javascript', code, policy: policyOf(origin) }]));
  const peer: Peer = { name: 'undici alone, one after the other', lacks: without, value: 1000 / (await latency(count, alone)) };
  const figures: Figure[] = [];
  for (const [name, wide] of [
    ['one after the other', 1],
    ['20 at once', 20],
  ] as const) {
    say(`network: fetch, ${name}`);
    const { values, processorMicroseconds } = await ratesOf(options.repetitions, count, () => flow.ask('in', { url: `${origin}/`, count, wide }));
    figures.push(figureOf(`fetch of a guest, ${name}`, 'requests/s', values, { processorMicroseconds, peers: [peer] }));
  }
  return figures;
}

export async function measure(options: Options): Promise<Measured> {
  const server = createServer((_, response) => response.end(body)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const agent = new Agent();
  try {
    const alone = plain(agent, origin);
    await using host = await openHost({ ceiling: 'unrestricted', spare: 0 });
    const figures = [...(await requests(origin, alone, options)), ...(await fetches(host, origin, alone, options))];
    return { sandbox: host.report().sandbox, figures };
  } finally {
    await agent.close();
    server.closeAllConnections();
    server.close();
  }
}
