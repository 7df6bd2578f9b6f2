/** Which exported function of a plugin serves which inlet. */
import { hostError } from '../guest/failure.ts';
import type { Settings } from '../guest/wire.ts';

export interface Handlers {
  /** By number of the inlet; a hole where none serves. */
  readonly functions: readonly (string | undefined)[];
  /** Names of the inlets that are served. */
  readonly served: readonly string[];
  readonly start: boolean;
  readonly stop: boolean;
}

/** @throws HostError actor.inlet when the manifest names what the module does not export as a function. */
export function handlersOf(exported: readonly { readonly name: string; readonly kind: string }[], settings: Settings): Handlers {
  const callable = new Set(exported.filter(({ kind }) => kind === 'function').map(({ name }) => name));
  const functions = settings.inlets.map((inlet) => {
    const named = settings.functions[inlet];
    if (named !== undefined && !callable.has(named))
      throw hostError('actor.inlet', `the inlet \`${inlet}\` is to be served by \`${named}\`, which the plugin does not export`);
    const name = named ?? (inlet === 'in' ? 'handle' : inlet);
    return callable.has(name) ? name : undefined;
  });
  return {
    functions,
    served: settings.inlets.filter((_, index) => functions[index] !== undefined),
    start: callable.has('start'),
    stop: callable.has('stop'),
  };
}
