/** A host some of whose cells are programs of the test, which speak the protocol and say in it whatever they like. */
import { registerServices } from '../../host/capabilities/services/registry.ts';
import { cellFiles } from '../../host/cells/files.ts';
import type { SandboxLevel } from '../../host/cells/levels.ts';
import { HostMemory } from '../../host/cells/hostMemory.ts';
import { detectSandbox } from '../../host/cells/sandbox.ts';
import { SpareCells, type SpareSettings, type UnboundProcess } from '../../host/cells/spare.ts';
import { Host } from '../../host/host.ts';
import { checkOptions } from '../../host/options.ts';
import { emptyPolicy } from '../../host/policy/index.ts';
import { SourceCache } from '../../host/sources/index.ts';
import { Store } from '../../host/store/store.ts';
import { writeStandIn } from '../support/standIn.ts';

/**
 * A stand-in that does as a cell does until the first message is delivered to it; then it runs `betray`, which may use the
 * variables `deliver` (the message), `region` (its payloads), `actor`, `execution` and `reply`, all of the first row.
 */
const program = (betray: string): string => `
  const cells = { instances: new Map() };
  const pong = (token) => send({ type: 'pong', token, oldest: 0, live: 1, idle: 0, cpu: 0, actor: [], messages: [] });
  received((message, region) => {
    if (message.type === 'ping') pong(message.token);
    if (message.type === 'create') { cells.instances.set(message.actor.index, 1); send({ type: 'created', actor: message.actor.index, instance: 1, inlets: message.actor.inlets, millis: 1 }); }
    if (message.type === 'stop') send({ type: 'stopped', actor: message.actor });
    if (message.type !== 'deliver') return;
    region = region.subarray(message.described);
    const deliver = message, actor = message.runs[0], execution = message.executions[message.execution[0]], reply = message.reply[1] ?? 0;
    ${betray}
  });
  ready();
`;

class MixedCells extends SpareCells {
  readonly #settings: SpareSettings;
  readonly #all: SpareCells[] = [];
  #next: SpareCells | undefined;

  constructor(settings: SpareSettings) {
    super(settings);
    this.#settings = settings;
  }

  /** The next cell that anybody takes runs this program. */
  prepare(place: { readonly folder: string; readonly entry: string }): void {
    this.#next = new SpareCells({ ...this.#settings, options: { ...this.#settings.options, ...place }, spares: 0, warm: 0 });
    this.#all.push(this.#next);
  }

  override take(memoryBudget: number): Promise<UnboundProcess> {
    const cells = this.#next;
    this.#next = undefined;
    return cells === undefined ? super.take(memoryBudget) : cells.take(memoryBudget);
  }

  override async close(): Promise<void> {
    await Promise.all([super.close(), ...this.#all.map((cells) => cells.close())]);
  }
}

export interface MixedHost {
  readonly host: Host;
  /** The next cell betrays; see {@link program}. To be called within a test. */
  betray(body: string): void;
}

/** As `createHost` makes one. */
export async function createMixedHost(level: SandboxLevel): Promise<MixedHost> {
  const options = checkOptions({ sandbox: { minimum: level, maximum: level } });
  const sandbox = await detectSandbox();
  const { folder } = await cellFiles();
  const memory = new HostMemory(options.limits.hostMemory, () => undefined);
  const spares = new MixedCells({
    options: { sandbox, level, folder, entry: 'cell.cjs' },
    memoryBudget: options.limits.cellMemory,
    spares: options.spare,
    warm: options.warm,
    most: options.limits.cells,
    memory,
  });
  const node = { path: process.execPath, version: process.versions.node };
  const host = new Host(
    options,
    { services: registerServices(options.services), ceiling: emptyPolicy, spares, memory, store: new Store(), cache: new SourceCache(0) },
    { sandbox: level, missing: undefined, weaknesses: [], node },
  );
  return { host, betray: (body) => spares.prepare(writeStandIn(program(body))) };
}
