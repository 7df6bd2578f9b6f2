/** What the bootstrap of an actor is told of its plan. */
import type { Settings } from '../guest/wire.ts';
import type { ActorPlan } from '../protocol.ts';

export function settingsOf(plan: ActorPlan, careful: boolean): Settings {
  const { runtime, name, inlets, functions, config, environment, secrets, services, mounts, limits, concurrency, source } = plan;
  return {
    runtime,
    actor: name,
    inlets,
    outlets: plan.outlets.map((outlet) => outlet.name),
    peers: Object.keys(plan.peers),
    functions,
    ...(source.runtime === 'wasm' ? { wasm: { input: source.input, output: source.output, wasi: source.wasi } } : {}),
    config,
    environment,
    secrets,
    services,
    mounts,
    limits,
    concurrency,
    prompt: careful || plan.effects,
  };
}
