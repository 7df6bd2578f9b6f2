/** The thread of the store: performs operations as they come, those that have gathered in one transaction. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { StateOperation } from './state.ts';
import { type Outcome, StateTable } from './stateTable.ts';

/** What the host sends; null closes the store. */
export interface StoreRequest {
  readonly id: number;
  readonly operation: StateOperation;
}

/** What comes back: first whether the store is open, then outcomes by the number of their request. */
export type StoreReply = { readonly opened: string | null } | { readonly outcomes: readonly (readonly [number, Outcome])[] };

/** Operations in one transaction, at most. */
const mostTogether = 256;

const port = parentPort as NonNullable<typeof parentPort>;
const say = (reply: StoreReply): void => port.postMessage(reply);

function gather(first: StoreRequest | null): (StoreRequest | null)[] {
  const messages = [first];
  while (messages.length < mostTogether) {
    const next = receiveMessageOnPort(port) as { message: StoreRequest | null } | undefined;
    if (next === undefined) break;
    messages.push(next.message);
  }
  return messages;
}

try {
  const table = new StateTable((workerData as { path: string | undefined }).path);
  port.on('message', (first: StoreRequest | null) => {
    const messages = gather(first);
    const requests = messages.filter((message) => message !== null);
    const outcomes = table.perform(requests.map(({ operation }) => operation));
    say({ outcomes: requests.map(({ id }, index) => [id, outcomes[index] as Outcome]) });
    if (requests.length === messages.length) return;
    table.close();
    port.close();
  });
  say({ opened: null });
} catch (error) {
  say({ opened: (error as Error).message });
}
