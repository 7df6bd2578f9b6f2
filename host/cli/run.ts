/** `vivarium run`: messages in, one a line; messages out, one a line; a summary for people on standard error. */
import { toJson } from '../../sdk/json.ts';
import type { LogEvent } from '../events.ts';
import type { RunResult } from '../executions/result.ts';
import type { Flow } from '../flow.ts';
import type { Host } from '../host.ts';
import { type Command, type ExitCode, exitCodes } from './command.ts';
import { reasonOf } from './files.ts';
import { type Input, openInput, readLines } from './lines.ts';
import { chooseInput, longestLine, readMessage } from './messages.ts';
import { auditInto, cellLine, inputFlags, operatorFlags, operatorHost, type OperatorOptions, operatorOptions } from './operator.ts';
import { demandOtherFile, jsonLine, type LineOutput, openOutput } from './output.ts';
import { Progress } from './progress.ts';
import { Summary } from './summary.ts';

interface RunOptions extends OperatorOptions {
  readonly input: string;
  readonly to: string | undefined;
  readonly output: string;
  readonly json: boolean;
}

export const runCommand: Command = {
  name: 'run',
  summary: 'Runs a flow over messages: each line of the input starts one execution.',
  details:
    'Outputs go to standard output in the order of the lines they come from. What people want to know goes to standard error: logs, failures, and at the end a summary with what each actor was granted. Ctrl-C cancels what is under way.',
  arguments: [{ name: '<manifest>', description: 'the manifest of the flow' }],
  options: [
    ...inputFlags,
    { flags: '--output <file>', description: 'where outputs go, as {execution, index, output, message}, one a line; - is standard output (default: -)' },
    ...operatorFlags,
    { flags: '--json', description: 'writes the summary as one line of JSON; no progress and no lines of logs' },
  ],
  examples: [
    'vivarium run vivarium.yaml --input records.ndjson',
    'cat records.ndjson | vivarium run vivarium.yaml --to records --output results.ndjson',
    'vivarium run vivarium.yaml --input records.ndjson --json 2> summary.json',
    'vivarium run vivarium.yaml --input records.ndjson --sandbox jail',
  ],
  run: async ([manifest = ''], { input = '-', to, output = '-', json = false, ...given }) => {
    const options = { input, to, output, json, ...operatorOptions(given) } as RunOptions;
    const source = await openInput(options.input);
    demandOtherFile(source.status, options.output);
    try {
      await using host = await operatorHost(options);
      return await new Run(host, source, options).run(manifest);
    } finally {
      source.stream.destroy();
    }
  },
};

class Run {
  readonly #host: Host;
  readonly #source: Input;
  readonly #options: RunOptions;
  readonly #stop = new AbortController();
  readonly #summary = new Summary();
  readonly #progress: Progress;
  /** Numbers of the lines whose executions have not come back yet, in their order. */
  readonly #lines: number[] = [];

  constructor(host: Host, source: Input, options: RunOptions) {
    this.#host = host;
    this.#source = source;
    this.#options = options;
    this.#progress = new Progress(() => this.#summary.progress(), { quiet: options.json, sharesTerminal: options.output === '-' });
  }

  async run(manifest: string): Promise<ExitCode> {
    // Actors may write logs when they start and when they stop.
    this.#host.on('log', (line) => this.#progress.print(logLine(line)));
    this.#host.on('cell', (event) => {
      if (event.event === 'died' || event.event === 'quarantined') this.#progress.print(cellLine(event));
    });
    using _audit = auditInto(this.#host, this.#options, (reason) => this.#interrupt(reason));
    await using flow = await this.#host.deploy(manifest);
    for (const warning of flow.warnings) this.#progress.print(`warning: ${warning}`);
    const to = chooseInput(flow, this.#options.to);
    const target = await openOutput(this.#options.output, (error) => this.#interrupt(describeWriteError(this.#options.output, error)));
    const interrupted = (): void => this.#interrupt('interrupted');
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
    try {
      await this.#pump(flow, to, target);
      await target.end();
      await flow.stop();
    } finally {
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
      this.#progress.end();
    }
    const state = { report: this.#host.report(), grants: flow.grants };
    process.stderr.write(this.#options.json ? jsonLine(this.#summary.toJSON(state)) : this.#summary.toText(state));
    return this.#summary.allWell ? exitCodes.ok : exitCodes.failed;
  }

  async #pump(flow: Flow, to: string, target: LineOutput): Promise<void> {
    if (this.#options.input === '-' && process.stdin.isTTY) this.#progress.print('Reading messages from the terminal: JSON, one a line. Ctrl-D ends.');
    this.#summary.begin();
    this.#progress.begin();
    for await (const result of flow.pipe(this.#messages(), { input: to, signal: this.#stop.signal })) {
      const line = this.#lines.shift() as number;
      this.#summary.add(line, result);
      if (result.status === 'failed') for (const error of result.errors) this.#progress.print(this.#summary.describe(line, error));
      await writeOutputs(target, result);
    }
  }

  /** A line that is no message is told with its number; the others go on. */
  async *#messages(): AsyncGenerator<unknown> {
    try {
      for await (const line of readLines(this.#source.stream, longestLine)) {
        const message = readMessage(line);
        if ('reason' in message) {
          this.#summary.addBadLine(line.number, message.reason);
          this.#progress.print(`line ${line.number} is left out: ${message.reason}`);
          continue;
        }
        this.#lines.push(line.number);
        yield message.value;
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#summary.endedEarly(`${this.#source.name} cannot be read any further: ${reasonOf(error)}`);
    }
  }

  /** Cancels what is under way and takes no more. Once: a second signal ends the process as signals do. */
  #interrupt(reason: string): void {
    if (this.#stop.signal.aborted) return;
    this.#summary.endedEarly(reason);
    this.#stop.abort(reason);
    this.#source.stream.destroy();
  }
}

async function writeOutputs(target: LineOutput, result: RunResult): Promise<void> {
  let index = 0;
  for (const [output, messages] of Object.entries(result.outputs)) {
    for (const message of messages) {
      const full = target.write({ execution: result.id, index: index++, output, message: toJson(message) });
      if (full !== undefined) await full;
    }
  }
}

const logLine = ({ level, actor, text, dropped }: LogEvent): string =>
  `${level.padEnd(5)} ${actor}: ${text}${dropped > 0 ? ` (${dropped} lines before it were dropped)` : ''}`;

const describeWriteError = (output: string, error: NodeJS.ErrnoException): string => {
  if (error.code === 'EPIPE') return 'the reader of the output left';
  return `${output === '-' ? 'standard output' : output} cannot be written any further: ${reasonOf(error)}`;
};
