/** What `vivarium run` says when it is done: what happened, how long it took, and what each actor was allowed. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { RunResult } from '../executions/result.ts';
import type { HostReport } from '../host.ts';
import { type Grant, grantLines, refusalText } from '../policy/index.ts';
import { escapeText } from '../telemetry/escape.ts';
import { grantText } from './grants.ts';
import { counted, table } from './table.ts';

/** Errors and lines of the input that a summary lists; it counts the others. */
const listed = 20;

/** What is known of the host and the flow when all is done. */
export interface SummaryState {
  readonly report: HostReport;
  readonly grants: readonly Grant[];
}

export class Summary {
  #started = performance.now();
  readonly #actors = new Map<string, { messages: number; time: number }>();
  readonly #outputs = new Map<string, number>();
  readonly #executions = { completed: 0, failed: 0, cancelled: 0 };
  readonly #errors: { readonly inputLine: number; readonly error: ErrorRecord }[] = [];
  #errorCount = 0;
  readonly #badLines: { readonly inputLine: number; readonly message: string }[] = [];
  #badLineCount = 0;
  #endedEarly: string | undefined;

  /** Every line of the input was a message, and its execution completed. */
  get allWell(): boolean {
    const { failed, cancelled } = this.#executions;
    return failed + cancelled + this.#badLineCount === 0 && this.#endedEarly === undefined;
  }

  /** Time counts from here. */
  begin(): void {
    this.#started = performance.now();
  }

  /** @param line of the input */
  add(line: number, result: RunResult): void {
    this.#executions[result.status]++;
    if (result.status === 'failed') {
      this.#errorCount += result.errors.length;
      for (const error of result.errors.slice(0, listed - this.#errors.length))
        this.#errors.push({ inputLine: line, error: { ...error, execution: result.id } });
    }
    for (const [actor, work] of Object.entries(result.actors)) {
      const sum = this.#actors.get(actor) ?? { messages: 0, time: 0 };
      this.#actors.set(actor, { messages: sum.messages + work.messages, time: sum.time + work.time });
    }
    for (const [output, messages] of Object.entries(result.outputs)) this.#outputs.set(output, (this.#outputs.get(output) ?? 0) + messages.length);
  }

  addBadLine(line: number, message: string): void {
    this.#badLineCount++;
    if (this.#badLines.length < listed) this.#badLines.push({ inputLine: line, message });
  }

  /** The input was not read to its end, or its executions were cancelled. The first reason stands. */
  endedEarly(reason: string): void {
    this.#endedEarly ??= reason;
  }

  progress(): string {
    const { completed, failed } = this.#executions;
    const seconds = (performance.now() - this.#started) / 1000;
    return `${counted(completed + failed, 'execution')}, ${failed} failed, ${Math.round((completed + failed) / Math.max(seconds, 0.001))} a second`;
  }

  /** `line 3 failed at score: KeyError: 'price' (score.py:12) [actor.failed]` */
  describe(line: number, error: ErrorRecord): string {
    const { actor, name, message, file, line: row, column, code } = error;
    const place = file === undefined ? '' : ` (${[file, row, column].filter((part) => part !== undefined).join(':')})`;
    return escapeText(`line ${line} failed${actor === undefined ? '' : ` at ${actor}`}: ${name === undefined ? '' : `${name}: `}${message}${place} [${code}]`);
  }

  toJSON({ report, grants }: SummaryState): object {
    return {
      executions: this.#executions,
      milliseconds: Math.round(performance.now() - this.#started),
      ...(this.#endedEarly === undefined ? {} : { endedEarly: this.#endedEarly }),
      actors: Object.fromEntries([...this.#actors].map(([actor, { messages, time }]) => [actor, { messages, milliseconds: Math.round(time * 1000) / 1000 }])),
      outputs: Object.fromEntries(this.#outputs),
      errors: { count: this.#errorCount, first: this.#errors.map(({ inputLine, error }) => ({ inputLine, ...error })) },
      badLines: { count: this.#badLineCount, first: this.#badLines },
      sandbox: report.sandbox,
      grants: grants.map((grant) => ({ actor: grant.actor, granted: grantLines(grant), refused: grant.refused.map(refusalText) })),
    };
  }

  toText({ report, grants }: SummaryState): string {
    const { completed, failed, cancelled } = this.#executions;
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(2);
    const lines = [
      '',
      `${counted(completed, 'execution')} completed, ${failed} failed${cancelled > 0 ? `, ${cancelled} cancelled` : ''}, in ${seconds} s at sandbox level ${report.sandbox}`,
    ];
    if (this.#endedEarly !== undefined) lines.push(`  ended early: ${this.#endedEarly}`);
    if (report.missing !== undefined)
      lines.push(`  no higher level: ${report.missing.reason}${report.missing.hint === undefined ? '' : ` (${report.missing.hint})`}`);
    const outputs = [...this.#outputs].map(([output, count]) => `${output} ${count}`).join(', ');
    if (outputs !== '') lines.push(`  outputs: ${outputs}`);
    if (this.#badLineCount > 0) lines.push(`  ${counted(this.#badLineCount, 'line')} of the input left out: ${this.#badLineNumbers()}`);
    lines.push(
      '',
      ...table(
        ['actor', 'messages', 'time', 'granted'],
        grants.map((grant) => this.#row(grant)),
      ),
    );
    for (const grant of grants) for (const refusal of grant.refused) lines.push(`  ${grant.actor}: ${refusalText(refusal)}`);
    return `${escapeText(lines.join('\n'))}\n`;
  }

  #badLineNumbers(): string {
    const numbers = this.#badLines.map(({ inputLine }) => inputLine).join(', ');
    const more = this.#badLineCount - this.#badLines.length;
    return more > 0 ? `${numbers} and ${more} more` : numbers;
  }

  #row(grant: Grant): string[] {
    const { messages, time } = this.#actors.get(grant.actor) ?? { messages: 0, time: 0 };
    return [grant.actor, String(messages), `${time.toFixed(1)} ms`, grantText(grant)];
  }
}
