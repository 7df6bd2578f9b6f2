/** One host for a test file, and in it one flow for each language. */
import { afterAll, beforeAll, vi } from 'vitest';
import { createHost, type Flow, type Host, type HostOptions, type LogEvent, type ManifestObject } from '../../host/index.ts';
import { type Language, languages, root } from './languages.ts';

// Interpreters start in a few hundred milliseconds; a machine that has other things to do takes many times as long.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

export type FlowPlan = Omit<ManifestObject, 'vivarium' | 'namespace'>;

export class Stage {
  readonly #options: HostOptions;
  readonly #logs: LogEvent[] = [];
  readonly #flows = new Map<Language, Flow>();
  readonly #processes = new Map<string, number>();
  #host: Host | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  get host(): Host {
    if (this.#host === undefined) throw new Error('the host has not been created');
    return this.#host;
  }

  flow(language: Language): Flow {
    const flow = this.#flows.get(language);
    if (flow === undefined) throw new Error(`no flow is deployed for ${language}`);
    return flow;
  }

  /** The process of the cell of a namespace that has one cell. */
  processOf(namespace: string): number {
    const pid = this.#processes.get(namespace);
    if (pid === undefined) throw new Error(`no cell was started for ${namespace}`);
    return pid;
  }

  /** Deploys one more flow, from the root of the repository. */
  async deploy(plan: FlowPlan, namespace: string, rest: { environment?: Record<string, string> } = {}): Promise<Flow> {
    return (await this.host.deploy({ vivarium: 1, namespace, ...plan } as ManifestObject, { base: root, ...rest })) as unknown as Flow;
  }

  /** What was logged of an execution, or by all if none is named. */
  logs(execution?: string): readonly LogEvent[] {
    return execution === undefined ? this.#logs : this.#logs.filter((event) => event.execution === execution);
  }

  async open(planOf?: (language: Language) => FlowPlan): Promise<void> {
    this.#host = await createHost({ ceiling: 'unrestricted', ...this.#options });
    this.#host.on('log', (event) => this.#logs.push(event));
    this.#host.on('cell', ({ event, namespace, pid }) => {
      if ((event === 'started' || event === 'replaced') && pid !== undefined) this.#processes.set(namespace, pid);
    });
    if (planOf === undefined) return;
    for (const language of languages) this.#flows.set(language, await this.deploy(planOf(language), language.name));
  }

  async close(): Promise<void> {
    await this.#host?.close();
  }
}

/** @param planOf the flow that is deployed for each language before the first test. */
export function setStage(options: HostOptions, planOf?: (language: Language) => FlowPlan): Stage {
  const stage = new Stage(options);
  beforeAll(() => stage.open(planOf));
  afterAll(() => stage.close());
  return stage;
}

/** Inputs that bear the names of the inlets they lead to. */
export const inputsTo = (actor: string, inlets: readonly string[]): Record<string, string> =>
  Object.fromEntries(inlets.map((inlet) => [inlet === 'in' ? 'handle' : inlet, inlet === 'in' ? actor : `${actor}.${inlet}`]));
