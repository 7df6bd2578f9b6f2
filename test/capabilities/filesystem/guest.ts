/** What reaches the broker when an actor calls: the same way for all tests, without a cell in between. */
import { VivariumError } from '../../../sdk/errors.ts';
import { decode, encode, type Message } from '../../../sdk/message.ts';
import { Broker } from '../../../host/capabilities/broker.ts';
import { Filesystem, type FilesystemOptions } from '../../../host/capabilities/filesystem/filesystem.ts';
import { Holdings } from '../../../host/capabilities/holdings.ts';
import { noSecrets } from '../../../host/capabilities/secrets/held.ts';
import { type AuditEvent, type Ceiling, type Grant, grantPolicy, unrestricted } from '../../../host/policy/index.ts';
import { loadPolicyInput, type PolicyInput } from '../../../host/policy/load.ts';
import type { ResolvedPolicy } from '../../../host/policy/resolve.ts';

export const grantOf = (request: PolicyInput, ceiling: Ceiling = unrestricted, namespace: ResolvedPolicy | null = null): Grant =>
  grantPolicy({
    actor: 'clerk',
    runtime: 'javascript',
    request: loadPolicyInput(request, 'score.policy.yaml', { from: '/srv/score.policy.yaml' }),
    namespace,
    ceiling,
  });

/** A host with files. */
export class FileHost {
  readonly audit: AuditEvent[] = [];
  /** What the embedder is told of defects; there must be none. */
  readonly defects: VivariumError[] = [];
  readonly #broker: Broker;

  constructor(options: FilesystemOptions = {}) {
    this.#broker = new Broker(
      { filesystem: new Filesystem(options) },
      (event) => this.audit.push(event),
      (error) => this.defects.push(error),
    );
  }

  guest(request: PolicyInput, ceiling?: Ceiling, namespace?: ResolvedPolicy): FileGuest {
    return new FileGuest(this.#broker, grantOf(request, ceiling, namespace));
  }
}

/** One instance of an actor. */
export class FileGuest implements Disposable {
  readonly #broker: Broker;
  readonly #grant: Grant;
  readonly #holdings: Holdings;

  constructor(broker: Broker, grant: Grant) {
    this.#broker = broker;
    this.#grant = grant;
    this.#holdings = new Holdings(grant.limits.handles);
  }

  async call(operation: string, value: unknown, signal: AbortSignal = new AbortController().signal): Promise<Message> {
    const caller = { namespace: 'shop', actor: 'clerk', execution: undefined, signal };
    return decode(
      await this.#broker.call({
        capability: 'filesystem',
        operation,
        payload: encode(value, { bytes: 2 ** 26, depth: 64, nodes: 100_000, keys: 10_000 }),
        caller,
        turn: 1,
        grant: this.#grant,
        holdings: this.#holdings,
        secrets: noSecrets,
      }),
      { bytes: 2 ** 26, depth: 64, nodes: 1_000_000, keys: 10_000 },
    );
  }

  /** What the call is refused with: the code, or the name that the system has for the failure. */
  async refusal(operation: string, value: unknown): Promise<string> {
    try {
      const result = await this.call(operation, value);
      return `done: ${JSON.stringify(result)}`;
    } catch (error) {
      if (!(error instanceof VivariumError)) throw error;
      return error.code === 'filesystem.failed' ? (error.record.name ?? 'filesystem.failed') : error.code;
    }
  }

  async text(path: string): Promise<string> {
    return Buffer.from((await this.call('readFile', { path })) as Uint8Array).toString();
  }

  async write(path: string, text: string, rest: object = {}): Promise<void> {
    await this.call('writeFile', { path, data: Buffer.from(text), ...rest });
  }

  async open(path: string, access: string, rest: object = {}): Promise<number> {
    return ((await this.call('open', { path, access, ...rest })) as { handle: number }).handle;
  }

  [Symbol.dispose](): void {
    this.#holdings.end();
  }
}
