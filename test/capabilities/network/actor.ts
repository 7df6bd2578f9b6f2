/** An actor as the broker sees it: a grant, what it holds open, and calls that arrive encoded. */
import { Broker } from '../../../host/capabilities/broker.ts';
import { Holdings } from '../../../host/capabilities/holdings.ts';
import { Network } from '../../../host/capabilities/network/network.ts';
import { type NetworkOptions, networkOptions, socketsOf } from '../../../host/capabilities/network/options.ts';
import { HeldSecrets } from '../../../host/capabilities/secrets/held.ts';
import { type AuditEvent, grantPolicy, loadPolicyInput, type PolicyInput, unrestricted } from '../../../host/policy/index.ts';
import { decode, encode, type Message } from '../../../sdk/message.ts';

export interface Fetched {
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  readonly redirected: boolean;
  readonly headers: readonly (readonly [string, string])[];
  readonly response: number | null;
  readonly body: Uint8Array | null;
  readonly done: boolean;
}

export interface RequestInput {
  readonly method?: string;
  readonly url: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly redirect?: string;
  readonly body?: Uint8Array | null;
  readonly streaming?: boolean;
  readonly tag?: number;
}

export interface CallOptions {
  readonly turn?: number;
  readonly signal?: AbortSignal;
}

export class TestActor {
  readonly audit: AuditEvent[] = [];
  readonly unforeseen: unknown[] = [];
  readonly holdings: Holdings;
  readonly secrets: HeldSecrets;
  readonly #broker: Broker;
  readonly #grant;

  constructor(policy: PolicyInput, options: NetworkOptions = {}, values: Readonly<Record<string, string>> = {}, ceiling?: PolicyInput) {
    this.#grant = grantPolicy({
      actor: 'clerk',
      runtime: 'javascript',
      request: loadPolicyInput(policy, 'policy', { from: import.meta.filename }),
      ceiling: ceiling === undefined ? unrestricted : loadPolicyInput(ceiling, 'ceiling', { from: import.meta.filename }),
    });
    const network = new Network(socketsOf(networkOptions.parse(options)));
    this.#broker = new Broker(
      { network },
      (event) => this.audit.push(event),
      (error) => this.unforeseen.push(error.cause),
    );
    this.secrets = new HeldSecrets(this.#grant.secrets, new Map(Object.entries(values)));
    this.holdings = new Holdings(this.#grant.limits.handles);
  }

  /** One call of the guest. */
  async call(operation: string, input: unknown, { turn = 1, signal = new AbortController().signal }: CallOptions = {}): Promise<Message> {
    const payload = encode(input);
    const caller = { namespace: 'test', actor: 'clerk', execution: 'e', signal };
    return decode(
      await this.#broker.call({ capability: 'network', operation, payload, caller, turn, grant: this.#grant, holdings: this.holdings, secrets: this.secrets }),
    );
  }

  async request(input: RequestInput | string, rest?: CallOptions): Promise<Fetched> {
    const { method = 'GET', headers = [], ...others } = typeof input === 'string' ? { url: input } : input;
    return (await this.call('request', { method, headers, ...others }, rest)) as never;
  }

  /** The whole body, in as many pieces as it takes. */
  async bodyOf({ body, response }: Fetched): Promise<Buffer> {
    if (body !== null) return Buffer.from(body);
    const pieces: Uint8Array[] = [];
    for (;;) {
      const piece = (await this.call('read', { response, length: 512 * 1024 })) as Uint8Array | null;
      if (piece === null) return Buffer.concat(pieces);
      pieces.push(piece);
    }
  }

  /** What a call is refused with: its code, and its name where it has one. */
  async refusal(input: RequestInput | string, rest?: CallOptions): Promise<string> {
    try {
      const fetched = await this.request(input, rest);
      await this.bodyOf(fetched);
      return `status ${fetched.status}`;
    } catch (error) {
      return refusalOf(error);
    }
  }
}

export const refusalOf = (error: unknown): string => {
  const { code, name } = (error as { record?: { code: string; name?: string } }).record ?? { code: String(error) };
  return name === undefined ? code : `${code} ${name}`;
};
