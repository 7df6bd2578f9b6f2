/** `vivarium bench`: load on the user's own flow; how much it takes, how long that lasts, and what holds it up. */
import { VivariumError } from '../../sdk/errors.ts';
import { type Flow, usualWindow } from '../flow.ts';
import type { Host } from '../host.ts';
import { Measurement } from './benchFigures.ts';
import { closedLoop, type Load, type OpenFigures, OpenLoop, timeOver } from './benchLoad.ts';
import { allWell, benchJson, type BenchReport, benchText } from './benchReport.ts';
import { type Command, type ExitCode, exitCodes } from './command.ts';
import { openInput, readLines } from './lines.ts';
import { chooseInput, longestLine, readMessage } from './messages.ts';
import { auditInto, cellLine, inputFlags, operatorFlags, operatorHost, type OperatorOptions, operatorOptions } from './operator.ts';
import { jsonLine } from './output.ts';
import { Progress } from './progress.ts';

interface BenchOptions extends OperatorOptions {
  readonly input: string;
  readonly to: string | undefined;
  /** Inputs a second; undefined for a closed loop. */
  readonly rate: number | undefined;
  readonly window: number;
  /** Seconds. */
  readonly duration: number;
  /** Seconds. */
  readonly warmUp: number;
  readonly json: boolean;
}

/** Characters of messages that are held, to be sent again and again. */
const heldCharacters = 64 * 1024 * 1024;

/** Executions under way at once in an open loop, if nothing is said: what is due and not sent because of it counts as waiting. */
const openWindow = 16_384;

/** Inputs of an open loop. */
const mostPlanned = 100_000_000;

const hour = 3_600;

export const benchCommand: Command = {
  name: 'bench',
  summary: 'Measures a flow under load: throughput, latency, time per actor, where messages wait.',
  details:
    'The lines of the input are sent again and again until the time is over. Without --rate each result makes room for the next input, which shows the most that the flow takes. With --rate inputs are due at fixed times, and latency counts from then, whatever the flow does meanwhile. Outputs are counted and not written. Ctrl-C ends it early, with the figures so far.',
  arguments: [{ name: '<manifest>', description: 'the manifest of the flow' }],
  options: [
    ...inputFlags,
    { flags: '--rate <number>', description: 'inputs a second (default: as many as the flow takes)' },
    { flags: '--window <number>', description: `executions under way at once, at most (default: ${usualWindow}, with --rate ${openWindow})` },
    { flags: '--duration <seconds>', description: 'how long is measured (default: 10)' },
    { flags: '--warm-up <seconds>', description: 'how long it runs before that (default: 1)' },
    ...operatorFlags,
    { flags: '--json', description: 'writes the figures as one line of JSON; no progress' },
  ],
  examples: [
    'vivarium bench vivarium.yaml --input records.ndjson',
    'vivarium bench vivarium.yaml --input records.ndjson --rate 5000 --duration 30',
    'vivarium bench vivarium.yaml --input records.ndjson --window 1 --json',
  ],
  run: async ([manifest = ''], given) => {
    const options = benchOptions(given);
    const messages = await readMessages(options.input);
    await using host = await operatorHost(options);
    return await new Bench(host, messages, options).run(manifest);
  },
};

class Bench {
  readonly #host: Host;
  readonly #messages: readonly unknown[];
  readonly #options: BenchOptions;
  readonly #over = new AbortController();
  readonly #progress: Progress;
  #measurement: Measurement | undefined;
  #logLines = 0;
  #endedEarly: string | undefined;

  constructor(host: Host, messages: readonly unknown[], options: BenchOptions) {
    this.#host = host;
    this.#messages = messages;
    this.#options = options;
    this.#progress = new Progress(() => this.#measurement?.progress() ?? '', { quiet: options.json, sharesTerminal: false });
  }

  async run(manifest: string): Promise<ExitCode> {
    this.#host.on('log', () => {
      this.#logLines++;
    });
    this.#host.on('cell', (event) => {
      if (event.event === 'died' || event.event === 'quarantined') this.#progress.print(cellLine(event));
    });
    using _audit = auditInto(this.#host, this.#options, (reason) => this.#interrupt(reason));
    await using flow = await this.#host.deploy(manifest);
    for (const warning of flow.warnings) this.#progress.print(`warning: ${warning}`);
    const { window, warmUp, duration } = this.#options;
    const load: Load = { input: chooseInput(flow, this.#options.to), messages: this.#messages, window, warmUp, duration };
    const measurement = new Measurement(flow);
    this.#measurement = measurement;
    const open = await this.#measure(flow, load, measurement);
    await flow.stop();
    const report: BenchReport = {
      load,
      open,
      figures: measurement.figures(),
      logLines: this.#logLines,
      endedEarly: this.#endedEarly,
      sandbox: this.#host.report().sandbox,
    };
    process.stdout.write(this.#options.json ? jsonLine(benchJson(report)) : benchText(report));
    return allWell(report) ? exitCodes.ok : exitCodes.failed;
  }

  async #measure(flow: Flow, load: Load, measurement: Measurement): Promise<OpenFigures | undefined> {
    const interrupted = (): void => this.#interrupt('interrupted');
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
    const { signal } = this.#over;
    signal.addEventListener('abort', () => measurement.end(), { once: true });
    const begin = setTimeout(() => measurement.begin(load.duration), load.warmUp * 1000);
    const end = setTimeout(() => this.#over.abort(timeOver), (load.warmUp + load.duration) * 1000);
    this.#progress.begin();
    try {
      const { rate } = this.#options;
      if (rate !== undefined) return await new OpenLoop(flow, load, rate, measurement).run(signal);
      await closedLoop(flow, load, measurement, signal);
      return undefined;
    } finally {
      clearTimeout(begin);
      clearTimeout(end);
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
      this.#progress.end();
    }
  }

  /** Once: a second signal ends the process as signals do. */
  #interrupt(reason: string): void {
    if (this.#over.signal.aborted) return;
    this.#endedEarly = reason;
    this.#over.abort(reason);
  }
}

/** @throws VivariumError host.option */
function benchOptions(given: Readonly<Record<string, unknown>>): BenchOptions {
  const { input = '-', to, json = false } = given;
  const rate = given['rate'] === undefined ? undefined : numberOf('--rate', given['rate'], { least: 0.001, most: 1_000_000 });
  const window = numberOf('--window', given['window'] ?? (rate === undefined ? usualWindow : openWindow), { least: 1, most: 1_000_000, whole: true });
  const duration = numberOf('--duration', given['duration'] ?? 10, { least: 0.1, most: 24 * hour });
  const warmUp = numberOf('--warm-up', given['warmUp'] ?? 1, { least: 0, most: hour });
  const planned = (rate ?? 0) * duration;
  if (planned > mostPlanned) throw new VivariumError('host.option', `--rate and --duration plan ${planned} inputs, and ${mostPlanned} are the most`);
  return { input: String(input), to: to as string | undefined, json: json === true, rate, window, duration, warmUp, ...operatorOptions(given) };
}

/** @throws VivariumError host.option */
function numberOf(option: string, text: unknown, { least, most, whole = false }: { least: number; most: number; whole?: boolean }): number {
  const number = Number(text === '' ? Number.NaN : text);
  if (number >= least && number <= most && (!whole || Number.isInteger(number))) return number;
  throw new VivariumError('host.option', `${option} is a ${whole ? 'whole ' : ''}number from ${least} to ${most}, and not ${JSON.stringify(text)}`);
}

/**
 * All messages of a file: nothing is measured on one with mistakes.
 * @throws VivariumError host.option, flow.input
 */
async function readMessages(file: string): Promise<readonly unknown[]> {
  const { name, stream } = await openInput(file);
  const messages: unknown[] = [];
  let characters = 0;
  try {
    for await (const line of readLines(stream, longestLine)) {
      const message = readMessage(line);
      if ('reason' in message) throw new VivariumError('flow.input', `line ${line.number} of ${name} is no message: ${message.reason}`);
      characters += line.text.length;
      if (characters > heldCharacters)
        throw new VivariumError('host.option', `${name} has more than ${heldCharacters} characters, which are held to be sent again and again`, {
          hint: 'a part of it will do: head -n 10000',
        });
      messages.push(message.value);
    }
  } finally {
    stream.destroy();
  }
  if (messages.length === 0) throw new VivariumError('flow.input', `${name} has no message to send`);
  return messages;
}
