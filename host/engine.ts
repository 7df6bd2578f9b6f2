/**
 * What makes a deployed flow go: its tracker, its router, its supervisor, and what guests say beside messages.
 * Flow is the public face of it.
 */
import type { ErrorRecord } from '../sdk/errors.ts';
import type { Payload } from '../sdk/message.ts';
import { binaryLane, type Lane, type LogLine, textLane } from '../runtimes/protocol.ts';
import type { Answer } from './capabilities/capability.ts';
import { type Broker, toldToGuest } from './capabilities/broker.ts';
import { noSecrets } from './capabilities/secrets/held.ts';
import type { GuestCall } from './cells/calls.ts';
import type { Cell } from './cells/cell.ts';
import type { Population } from './cells/population.ts';
import type { SpareCells } from './cells/spare.ts';
import { Supervisor } from './cells/supervisor.ts';
import { type Deployment, demandInlets } from './deployment.ts';
import type { Events, HostEvents } from './events.ts';
import type { Deadlines } from './executions/deadlines.ts';
import { idText, newId } from './executions/ids.ts';
import { EachOutput, type OutputLimits, payloadOf } from './executions/outputs.ts';
import type { ExecutionInput, ExecutionSettings, ExecutionStatus, TrackedExecution } from './executions/tracked.ts';
import { Tracker } from './executions/tracker.ts';
import type { Logger } from './options.ts';
import { type AuditEvent, auditEvent, decide } from './policy/index.ts';
import { Asks } from './routing/asks.ts';
import { Router, type Said } from './routing/router.ts';
import { actorsOf, nameOf } from './routing/topology.ts';
import { type ActorStatus, type FlowStatus, joined } from './status.ts';
import { escapeLine } from './telemetry/escape.ts';

/** What the flows of one host share. */
export interface HostContext {
  readonly spares: SpareCells;
  readonly population: Population;
  /** Milliseconds without anything to do after which an actor is hibernated; 0: never. */
  readonly idle: number;
  readonly deadlines: Deadlines;
  readonly broker: Broker;
  readonly events: Events<HostEvents>;
  /** Records a decision. @throws VivariumError audit.failed */
  readonly audit: (event: AuditEvent) => void;
  readonly logger: Logger | undefined;
  readonly outputLimits: OutputLimits;
  readonly nextCell: () => number;
}

export class Engine {
  readonly deployment: Deployment;
  readonly context: HostContext;
  readonly #tracker: Tracker;
  readonly #router: Router;
  readonly #supervisor: Supervisor;
  /** Receives what comes out without anybody having put something in. */
  readonly #output: (output: string, payload: Payload, execution: string | undefined) => void;

  constructor(deployment: Deployment, context: HostContext, output: (output: string, payload: Payload, execution: string | undefined) => void) {
    const { shape, namespace, quota, files, startsWith } = deployment;
    const { deadlines, events, spares, nextCell, population, idle } = context;
    this.deployment = deployment;
    this.context = context;
    this.#output = output;
    const asks = new Asks();
    this.#tracker = new Tracker(
      shape.cells,
      deadlines,
      {
        cancel: (place, handles, error) => this.#supervisor.cancel(place, handles, error),
        overdue: (place, execution) => this.#supervisor.overdue(place, execution),
        forget: (execution) => asks.forget(execution),
      },
      (execution) => this.#ended(execution),
    );
    this.#router = new Router(
      shape,
      this.#tracker,
      asks,
      (settings) => this.#spontaneous(settings),
      (place, payload) => this.#emitted(place, payload, undefined),
      (actor) => this.#supervisor.wake(actor),
    );
    this.#supervisor = new Supervisor(
      {
        namespace,
        quota,
        shape,
        files: shape.actors.map(({ actor }) => files[actor] ?? []),
        spares,
        deadlines,
        nextCell,
        population,
        idle,
        startsWith,
        tell: (event) => {
          events.emit('cell', { time: Date.now(), namespace, ...event });
          if (event.event !== 'started')
            context.logger?.warn(`cell ${event.cell} of '${namespace}': ${event.event}`, { actor: event.actor, reason: event.reason });
        },
        admit: (actor, inlets) => demandInlets(nameOf(shape, actor), deployment.inlets[this.#actorOf(actor)] ?? [], inlets),
      },
      this.#tracker,
      this.#router,
      { logged: (cell, said) => this.#logged(cell, said), called: (cell, said, payload, call) => this.#called(cell, said, payload, call) },
    );
  }

  get live(): number {
    return this.#tracker.size;
  }

  get status(): FlowStatus {
    const { namespace, shape } = this.deployment;
    const actors = actorsOf(shape).map(({ part: { name, runtime, concurrency }, replicas }): ActorStatus => {
      const each = replicas.map((replica) => ({ ...this.#router.standing(replica), ...this.#supervisor.standing(replica) }));
      return { name, runtime, concurrency: concurrency * replicas.length, ...joined(each) };
    });
    return { namespace, executions: this.#tracker.size, interpreters: this.#supervisor.interpreters, actors };
  }

  async start(): Promise<void> {
    this.#auditEnvironment();
    try {
      await this.#supervisor.start();
    } catch (error) {
      await this.#supervisor.stop();
      throw error;
    }
  }

  /** @throws VivariumError execution.duplicate, execution.deadline */
  begin(settings: ExecutionSettings): TrackedExecution {
    const execution = this.#tracker.begin(settings);
    this.#router.enter(execution);
    return execution;
  }

  stopExecution(execution: TrackedExecution, error: ErrorRecord, status: Exclude<ExecutionStatus, 'completed'>): void {
    this.#tracker.stop(execution, error, status);
  }

  async release(actor: number): Promise<void> {
    for (const replica of this.deployment.shape.actors[actor]?.replicas ?? []) await this.#supervisor.release(replica);
  }

  tick(): void {
    this.#supervisor.tick();
    this.#router.deadlocks.look();
  }

  /** Lets executions end for `drain` milliseconds, cancels the others, stops the actors and the cells. */
  async stop(drain: number): Promise<void> {
    if (drain > 0 && this.#tracker.size > 0) {
      const { deadlines } = this.context;
      await new Promise<void>((resolve) => {
        const deadline = deadlines.at(Date.now() + drain, resolve);
        void this.#tracker.idle().then(() => {
          deadlines.callOff(deadline);
          resolve();
        });
      });
    }
    const error = { code: 'host.closed', message: 'the flow was stopped before the execution ended' } as const;
    for (const execution of [...this.#tracker.live()]) this.#tracker.stop(execution, error, 'cancelled');
    await this.#supervisor.stop();
  }

  #spontaneous(settings: Pick<ExecutionSettings, 'inputs' | 'answer'>): TrackedExecution {
    const id = newId();
    const sink = new EachOutput((place, payload) => this.#emitted(place, payload, idText(id)));
    const inputs = settings.inputs.map(
      (input): ExecutionInput => ({ ...input, payload: typeof input.payload === 'string' ? input.payload : new Uint8Array(input.payload) }),
    );
    return this.begin({ id, parents: [], trace: '', deadline: 0, sink, ...settings, inputs, ended: () => undefined });
  }

  #emitted(place: number, payload: Payload, execution: string | undefined): void {
    const { outputs } = this.deployment.shape;
    this.#output(outputs[place]?.name ?? '', payload, execution);
  }

  #ended(execution: TrackedExecution): void {
    const { events } = this.context;
    this.#supervisor.ended(execution);
    if (!events.heard('execution')) return;
    const { id, status, attempt, errors, startedAt } = execution;
    const time = Date.now();
    events.emit('execution', { time, namespace: this.deployment.namespace, id, status, attempt, duration: time - startedAt, errors: [...errors] });
  }

  /** What replicas of one actor share stands at the first of them. */
  #actorOf(replica: number): number {
    return this.deployment.shape.actors[replica]?.actor ?? replica;
  }

  #auditEnvironment(): void {
    const { namespace, grants } = this.deployment;
    for (const grant of grants) {
      const refused = grant.refused.filter(({ capability }) => capability === 'environment').map(({ rule }) => (rule as unknown as { name: string }).name);
      for (const resource of new Set([...grant.environment.map(({ name }) => name), ...refused])) {
        const access = { capability: 'environment', resource } as const;
        this.context.audit(auditEvent({ namespace, actor: grant.actor }, access, decide(grant, access)));
      }
    }
  }

  #logged(_cell: Cell, { actor, execution, level, text, dropped }: LogLine): void {
    const { events, logger } = this.context;
    const { namespace, shape } = this.deployment;
    const name = nameOf(shape, actor);
    const line = escapeLine(this.deployment.secrets[this.#actorOf(actor)]?.redact(text) ?? text);
    logger?.[level](line, { namespace, actor: name });
    events.emit('log', { time: Date.now(), namespace, actor: name, execution: this.#tracker.get(execution)?.id, level, text: line, dropped });
  }

  #called(cell: Cell, said: Said<'call'>, bytes: Uint8Array, { controller, holdings }: GuestCall): void {
    const { actor, instance, call: number, turn, capability, operation, lane } = said;
    const { namespace, shape, grants, secrets } = this.deployment;
    const execution = said.execution === 0 ? undefined : this.#tracker.get(said.execution);
    const answer = (error: ErrorRecord | null, payload?: Answer): void => {
      const [replyLane, replyBytes] = payload === undefined ? [lane, undefined] : encoded(payload);
      cell.reply(actor, instance, number, error, replyLane, replyBytes, payload?.taken);
    };
    // The work counts against the limit of calls until it is over, whoever still waits for it.
    const done = (): void => {
      cell.endCall(actor, controller);
      execution?.calls?.delete(controller);
    };
    if (said.execution !== 0 && (execution?.phase !== 'running' || !execution.isIn(cell.place))) {
      done();
      answer({ code: 'call.cancelled', message: 'the execution of this call has ended' });
      return;
    }
    if (execution !== undefined) {
      execution.calls ??= new Set();
      execution.calls.add(controller);
    }
    const { signal } = controller;
    const cancelled = (): void => answer({ code: 'call.cancelled', message: 'the call was cancelled' });
    signal.addEventListener('abort', cancelled, { once: true });
    const caller = { namespace, actor: nameOf(shape, actor), execution: execution?.id, signal };
    const grant = grants[this.#actorOf(actor)] as Deployment['grants'][number];
    const request = {
      capability,
      operation,
      payload: payloadOf(lane, bytes),
      caller,
      turn,
      grant,
      holdings,
      secrets: secrets[this.#actorOf(actor)] ?? noSecrets,
    };
    const settled = (error: ErrorRecord | null, payload?: Answer): void => {
      if (signal.aborted) return;
      signal.removeEventListener('abort', cancelled);
      answer(error, payload);
    };
    // Nothing that goes wrong for a guest may be left without a handler: it would end the host.
    this.context.broker
      .call(request)
      .then((payload) => settled(null, payload))
      .catch((error: unknown) => settled(toldToGuest(error)))
      .catch((error: unknown) => this.context.logger?.error('an answer to a guest could not be sent', { namespace, actor: caller.actor, error }))
      .finally(done);
  }
}

const encoded = (payload: Payload): readonly [Lane, Uint8Array] =>
  payload.lane === 'text' ? [textLane, Buffer.from(payload.text)] : [binaryLane, payload.bytes];
