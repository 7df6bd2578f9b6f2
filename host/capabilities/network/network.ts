/**
 * The network as guests use it: requests with their bodies in pieces, and sockets. Each operation is one call; the policy is asked
 * before anything is resolved or sent, and for each redirect anew. No proxy, no cookie, no connection is shared between instances.
 */
import { VivariumError } from '../../../sdk/errors.ts';
import { encode, type Message, type Payload } from '../../../sdk/message.ts';
import { budgetOf } from '../../routing/topology.ts';
import type { Capability, CapabilityCall } from '../capability.ts';
import type { Holdings } from '../holdings.ts';
import { demandWanted } from './failures.ts';
import { finish, read, request, send } from './http.ts';
import { InstanceNetwork, type Sockets } from './instance.ts';
import { type OperationName, operations, readInput } from './operations.ts';
import { connect, socketClose, socketReceive, socketSend } from './socket.ts';

type Operation = (call: CapabilityCall, instance: InstanceNetwork) => Promise<Message>;

export class Network implements Capability {
  readonly #sockets: Sockets;

  constructor(sockets: Sockets) {
    this.#sockets = sockets;
  }

  /** @throws VivariumError policy.denied, network.failed, limit.network, limit.handles, message.invalid */
  async call(call: CapabilityCall): Promise<Payload> {
    const { operation, grant, caller, holdings } = call;
    if (!Object.hasOwn(operations, operation)) throw new VivariumError('message.invalid', `the network has no operation '${operation}'`);
    const result = await this.#operations[operation as OperationName](
      call,
      holdings.keep(this, () => new InstanceNetwork(this.#sockets)),
    );
    try {
      demandWanted(caller.signal);
      return encode(result, budgetOf(grant.limits));
    } catch (error) {
      await closeOpened(result, holdings);
      throw error;
    }
  }

  readonly #operations: Readonly<Record<OperationName, Operation>> = {
    request: (call, instance) => request(call, instance, readInput('request', call)),
    send: (call) => send(call, readInput('send', call)),
    finish: (call) => finish(call, readInput('finish', call)),
    read: (call) => read(call, readInput('read', call)),
    cancel: async (call, instance) => {
      instance.cancels.get(readInput('cancel', call).tag)?.();
      return null;
    },
    close: async (call) => {
      await call.holdings.close(readInput('close', call).handle);
      return null;
    },
    connect: (call, instance) => connect(call, this.#sockets, instance, readInput('connect', call)),
    socketSend: (call) => socketSend(call, readInput('socketSend', call)),
    socketReceive: (call) => socketReceive(call, readInput('socketReceive', call)),
    socketClose: (call) => socketClose(call, readInput('socketClose', call)),
  };
}

/** A guest that does not get the answer never learns the number, and could not close it. */
async function closeOpened(answer: Message, holdings: Holdings): Promise<void> {
  const { response, upload, socket } = (answer ?? {}) as Readonly<Record<string, Message>>;
  const opened = response ?? upload ?? socket;
  if (typeof opened === 'number') await holdings.close(opened);
}
