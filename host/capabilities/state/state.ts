/** Performs the operations of `state` that the policy has allowed. Values pass through as they were encoded. */
import type { z } from 'zod';
import { VivariumError } from '../../../sdk/errors.ts';
import { type Budget, decode, encode, type Message } from '../../../sdk/message.ts';
import type { Grant } from '../../policy/index.ts';
import { formatSize } from '../../policy/units.ts';
import { budgetOf } from '../../routing/topology.ts';
import type { Full, StatePage, StateResults } from '../../store/state.ts';
import type { Store } from '../../store/store.ts';
import type { Capability, CapabilityCall } from '../capability.ts';
import { isStateOperation, type StateOperationName, stateOperations } from './operations.ts';

/** The operations: `get`, `put`, `delete`, `list`. */
export const stateCapability = (store: Store): Capability => ({
  call: async (call) => {
    const { operation, payload, caller, grant } = call;
    if (!isStateOperation(operation)) throw new VivariumError('message.invalid', 'state has the operations get, put, delete and list', { actor: caller.actor });
    const budget = budgetOf(grant.limits);
    const request = readRequest(operation, decode(payload, budget));
    if (request.is === 'put') demandReadable(request.value, budget);
    return encode(await perform(store, call, request, budget), budget);
  },
});

/**
 * What is put must be what can be got: with its version, as one message.
 * @throws VivariumError limit.message
 */
const demandReadable = (value: string | Uint8Array, budget: Budget): void => {
  encode({ value, version: Number.MAX_SAFE_INTEGER }, budget);
};

type Request = { [Name in StateOperationName]: { readonly is: Name } & z.infer<(typeof stateOperations)[Name]> }[StateOperationName];

/** @throws VivariumError message.invalid */
function readRequest(operation: StateOperationName, message: Message): Request {
  const read = stateOperations[operation].safeParse(message);
  if (!read.success) throw new VivariumError('message.invalid', `state.${operation}: ${read.error.issues[0]?.message ?? 'this is no request'}`);
  return { is: operation, ...read.data } as Request;
}

/** @throws VivariumError policy.denied, limit.quota, store.failed */
async function perform(store: Store, { caller, grant, demand }: CapabilityCall, request: Request, budget: Budget): Promise<unknown> {
  const owner = { namespace: caller.namespace, actor: caller.actor };
  demand({ capability: 'state', operation: request.is, resource: request.is === 'list' ? request.prefix : request.key });
  switch (request.is) {
    case 'get':
      return store.perform({ is: 'get', owner, key: request.key });
    case 'put':
      return stored(await store.perform({ is: 'put', owner, key: request.key, value: request.value, expected: request.if, quota: quotaOf(grant) }), grant);
    case 'delete':
      return store.perform({ is: 'delete', owner, key: request.key, expected: request.if });
    case 'list':
      return fitting(await store.perform({ is: 'list', owner, prefix: request.prefix, after: request.after, most: request.most }), budget);
  }
}

const quotaOf = ({ state }: Grant): number => state[0]?.quota ?? 0;

function stored(result: StateResults['put'], grant: Grant): Exclude<StateResults['put'], Full> {
  if (!('needed' in result)) return result;
  throw new VivariumError(
    'limit.quota',
    `the state of \`${grant.actor}\` may hold ${formatSize(quotaOf(grant))}, and this would make it ${result.needed} bytes`,
    {
      actor: grant.actor,
      hint: 'Delete what is not needed, or raise `state: …` in its policy.',
    },
  );
}

/** What an entry of a list takes beside its key. */
const entryBytes = 64;

/** A page fits into one message, whatever the limit of messages is; a key alone always does, unless the limit is smaller than a key. */
function fitting({ entries, more }: StatePage, budget: Budget): StatePage {
  let bytes = entryBytes;
  const most = entries.findIndex(({ key }) => {
    // A character of JSON takes up to six bytes.
    bytes += entryBytes + 6 * key.length;
    return bytes > budget.bytes;
  });
  return most <= 0 ? { entries, more } : { entries: entries.slice(0, most), more: true };
}
