/** `context.state`. */
import type { State, StateCondition, StateEntry, StateList } from '../../sdk/actor/index.ts';
import type { Budget, Message } from '../../sdk/message.ts';
import { freeze, then } from '../guest/primordials.ts';
import { type StateOperation, storable, type StoredEntry, restored } from '../guest/state.ts';

/** Sends a request of the turn to the host. Called where the author's function is still on the stack. */
export type AskState = (operation: StateOperation, request: object) => Promise<Message>;

export const createState = (ask: AskState, budget: Budget): State => {
  const entryOf = (entry: StoredEntry | null): StateEntry | null => (entry === null ? null : { value: restored(entry.value, budget), version: entry.version });

  // Options go as they are: the host refuses those that it does not know.
  return freeze({
    get: (key: string) => then(ask('get', { key }), entryOf as never) as Promise<StateEntry | null>,
    put: (key: string, value: unknown, condition?: StateCondition) => ask('put', { ...condition, key, value: storable(value, budget) }),
    delete: (key: string, condition?: StateCondition) => ask('delete', { ...condition, key }),
    list: (range?: StateList) => ask('list', { ...range }),
  }) as unknown as State;
};
