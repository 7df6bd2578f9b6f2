/** A host whose cells are stand-ins: they speak the protocol, and lie. */
import { onTestFinished } from 'vitest';
import { registerServices, type ServiceTree } from '../../host/capabilities/services/registry.ts';
import { HostMemory } from '../../host/cells/hostMemory.ts';
import { chooseLevel, detectSandbox } from '../../host/cells/sandbox.ts';
import { SpareCells } from '../../host/cells/spare.ts';
import { Host } from '../../host/host.ts';
import { checkOptions, type HostOptions } from '../../host/options.ts';
import { unrestricted } from '../../host/policy/index.ts';
import { SourceCache } from '../../host/sources/index.ts';
import { Store } from '../../host/store/store.ts';
import { writeStandIn } from './standIn.ts';

/**
 * What an honest cell does, as far as these tests need it: creates actors, echoes messages to `out`, answers, settles.
 * A lie replaces one of the functions of `cell`, or adds to it.
 */
const honest = `
let names = [];
const settle = (handles) => send({ type: 'settled', execution: handles, received: handles.map(() => 1), groups: [handles.length, 0], work: [] });
const cell = {
  hello() {},
  create({ actor, instance }) {
    names[actor.index] = actor.name;
    send({ type: 'created', actor: actor.index, instance, inlets: actor.inlets, millis: 0 });
  },
  deliver(message, payloads) {
    let at = message.described;
    let row = 0;
    for (let run = 0; run < message.runs.length; run += 4) {
      for (const end = row + message.runs[run + 3]; row < end; row++) {
        const payload = payloads.subarray(at, (at += message.length[row]));
        const reply = message.reply.indexOf(row);
        this.message(message.runs[run], message.executions[message.execution[row]], reply % 2 === 0 ? message.reply[reply + 1] : 0, payload);
      }
    }
  },
  message(actor, execution, reply, payload) {
    send({ type: 'emit', runs: [actor, 0, 0, 1], execution: [execution], length: [payload.length] }, payload);
    if (reply > 0) send({ type: 'answer', reply, error: null, lane: 0, length: [payload.length] }, payload);
    send({ type: 'credit', actor: [actor], messages: [1] });
    settle([execution]);
  },
  ping({ token }) { send({ type: 'pong', token, oldest: 0, live: 1, idle: 0, cpu: 0, actor: [], messages: [] }); },
  stop({ actor }) { send({ type: 'stopped', actor }); },
  cancel({ execution }) {},
  careful() {},
  credit() {},
  reply() {},
};
received((message, payloads) => cell[message.type](message, payloads));
dieWithHost();
`;

/** @param lie statements that change `cell`; `names` holds the names of its actors by index, `settle([execution])` ends executions @param warm @param idle see HostOptions */
export async function rogueHost(lie: string, services: ServiceTree = {}, { warm = 0, idle }: Pick<HostOptions, 'warm' | 'idle'> = {}): Promise<Host> {
  const { folder, entry } = writeStandIn(`${honest}${lie}\nready();`);
  const options = checkOptions(idle === undefined ? {} : { idle });
  const level = await chooseLevel();
  const memory = new HostMemory(options.limits.hostMemory, () => undefined);
  const spares = new SpareCells({
    options: { sandbox: await detectSandbox(), level, folder, entry },
    memoryBudget: options.limits.cellMemory,
    spares: 0,
    warm,
    most: 16,
    memory,
  });
  const host = new Host(
    options,
    { services: registerServices(services), ceiling: unrestricted, spares, memory, store: new Store(), cache: new SourceCache(0) },
    { sandbox: level, missing: undefined, weaknesses: [], node: { path: '', version: '' } },
  );
  onTestFinished(() => host.close());
  return host;
}
