/** What `vivarium run` says when it is done: what happened, how long it took, and what each actor was allowed. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { RunResult } from '../executions/result.ts';
import type { Flow } from '../flow.ts';
import type { Host } from '../host.ts';
import { grantLines, refusalText } from '../policy/index.ts';
import type { Line } from './lines.ts';
import { table } from './table.ts';

/** Errors that are told one by one; the others are counted. */
const told = 20;

export class Summary {
  readonly #host: Host;
  readonly #flow: Flow;
  readonly #started = performance.now();
  readonly #actors = new Map<string, { messages: number; time: number }>();
  readonly #outputs = new Map<string, number>();
  readonly #errors: { readonly execution: string; readonly error: ErrorRecord }[] = [];
  readonly #badLines: { readonly line: number; readonly message: string }[] = [];
  #completed = 0;
  #failed = 0;

  constructor(host: Host, flow: Flow) {
    this.#host = host;
    this.#flow = flow;
  }

  get failed(): number {
    return this.#failed + this.#badLines.length;
  }

  add(result: RunResult): void {
    if (result.status === 'completed') this.#completed++;
    else this.#failed++;
    for (const error of result.errors) if (this.#errors.length < told) this.#errors.push({ execution: result.id, error });
    for (const [actor, work] of Object.entries(result.actors)) {
      const sum = this.#actors.get(actor) ?? { messages: 0, time: 0 };
      this.#actors.set(actor, { messages: sum.messages + work.messages, time: sum.time + work.time });
    }
    for (const [output, messages] of Object.entries(result.outputs)) this.#outputs.set(output, (this.#outputs.get(output) ?? 0) + messages.length);
  }

  addBadLine({ number, tooLong }: Line): void {
    this.#badLines.push({ line: number, message: tooLong ? 'the line is too long to be a message' : 'the line is no JSON that can be a message' });
  }

  progress(): string {
    const seconds = (performance.now() - this.#started) / 1000;
    const done = this.#completed + this.#failed;
    return `${done} executions, ${this.#failed} failed, ${Math.round(done / Math.max(seconds, 0.001))} a second`;
  }

  /** `execution 3f.0 failed at score: KeyError: 'price' (score.py:12)` */
  describe(execution: string, error: ErrorRecord): string {
    const place = error.file === undefined ? '' : ` (${error.file}${error.line === undefined ? '' : `:${error.line}`}${error.column === undefined ? '' : `:${error.column}`})`;
    const name = error.name === undefined ? '' : `${error.name}: `;
    return `execution ${execution} failed${error.actor === undefined ? '' : ` at ${error.actor}`}: ${name}${error.message}${place} [${error.code}]`;
  }

  toJSON(): object {
    return {
      executions: { completed: this.#completed, failed: this.#failed },
      milliseconds: Math.round(performance.now() - this.#started),
      actors: Object.fromEntries(this.#actors),
      outputs: Object.fromEntries(this.#outputs),
      errors: this.#errors.map(({ execution, error }) => ({ execution, ...error })),
      badLines: this.#badLines,
      sandbox: this.#host.report().sandbox,
      grants: this.#flow.grants.map((grant) => ({ actor: grant.actor, granted: grantLines(grant), refused: grant.refused.map(refusalText) })),
    };
  }

  toString(): string {
    const { sandbox, missing } = this.#host.report();
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(2);
    const lines = ['', `${this.#completed} executions completed, ${this.#failed} failed, in ${seconds} s at sandbox level ${sandbox}`];
    if (missing !== undefined) lines.push(`  no higher level: ${missing.reason}${missing.hint === undefined ? '' : ` (${missing.hint})`}`);
    const counts = [...this.#outputs].map(([output, count]) => `${output} ${count}`).join(', ');
    if (counts !== '') lines.push(`  outputs: ${counts}`);
    for (const { line, message } of this.#badLines) lines.push(`  line ${line} of the input was left out: ${message}`);
    lines.push('', ...table(['actor', 'messages', 'time', 'granted'], this.#flow.grants.map((grant) => this.#row(grant))));
    for (const grant of this.#flow.grants) for (const refusal of grant.refused) lines.push(`  ${grant.actor}: ${refusalText(refusal)}`);
    return `${lines.join('\n')}\n`;
  }

  #row(grant: Flow['grants'][number]): string[] {
    const { messages, time } = this.#actors.get(grant.actor) ?? { messages: 0, time: 0 };
    return [grant.actor, String(messages), `${time.toFixed(1)} ms`, grantLines(grant).join('; ') || 'nothing but computing'];
  }
}
