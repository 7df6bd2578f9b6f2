/** `vivarium run`: messages in, one a line; messages out, one a line; a summary for people on standard error. */
import type { Writable } from 'node:stream';
import { VivariumError } from '../../sdk/errors.ts';
import { fromJson, toJson } from '../../sdk/json.ts';
import type { RunResult } from '../executions/result.ts';
import type { Flow } from '../flow.ts';
import { createHost, type Host } from '../host.ts';
import { type Command, type ExitCode, exitCodes } from './command.ts';
import { endOutput, type Line, openInput, openOutput, readLines, writeLine } from './lines.ts';
import { Progress } from './progress.ts';
import { Summary } from './summary.ts';

/** A line longer than this cannot be a message: none is larger, and JSON for files is at most a few times longer. Characters. */
const longestLine = 64 * 1024 * 1024;

export const runCommand: Command = {
  name: 'run',
  summary: 'Runs a flow over messages: each line of the input starts one execution.',
  arguments: [{ name: '<manifest>', description: 'the manifest of the flow' }],
  options: [
    { flags: '--input <file>', description: 'messages as JSON, one a line; - is standard input (default: -)' },
    { flags: '--to <input>', description: 'the input that the messages go to, where the flow has several' },
    { flags: '--output <file>', description: 'where outputs go, as {execution, index, output, message}, one a line; - is standard output (default: -)' },
    { flags: '--json', description: 'writes the summary as JSON, and no progress' },
  ],
  examples: ['vivarium run vivarium.yaml --input records.ndjson', 'cat records.ndjson | vivarium run vivarium.yaml --to records --output results.ndjson', 'vivarium run vivarium.yaml --input records.ndjson --json 2> summary.json'],
  run: async ([manifest = ''], options) => {
    const { input = '-', to, output = '-', json = false } = options as { input?: string; to?: string; output?: string; json?: boolean };
    // Whoever runs the command is the operator: nothing is cut away, and what is granted is shown.
    await using host = await createHost({ ceiling: 'unrestricted', environment: environmentOf(process.env) });
    await using flow = await host.deploy(manifest);
    return await runLines(host, flow, chooseInput(flow, to), { input, output, json });
  },
};

async function runLines(host: Host, flow: Flow, to: string, { input, output, json }: { input: string; output: string; json: boolean }): Promise<ExitCode> {
  const source = openInput(input);
  await opened(source, input);
  const target = openOutput(output);
  await opened(target, output);
  const summary = new Summary(host, flow);
  const progress = new Progress(() => summary.progress(), json);
  const forget = host.on('log', (line) => {
    if (!json) progress.print(`${line.level.padEnd(5)} ${line.actor}: ${line.text}${line.dropped > 0 ? ` (${line.dropped} lines dropped)` : ''}`);
  });
  const bad: Line[] = [];
  try {
    for await (const result of flow.pipe(messages(source, bad), { input: to })) {
      summary.add(result);
      await writeOutputs(target, result);
      if (!json) for (const error of result.errors) progress.print(summary.describe(result.id, error));
    }
  } finally {
    forget();
    progress.end();
    await endOutput(target);
  }
  for (const line of bad) summary.addBadLine(line);
  process.stderr.write(json ? `${JSON.stringify(summary.toJSON())}\n` : summary.toString());
  return summary.failed > 0 ? exitCodes.failed : exitCodes.ok;
}

/** A line that is no message is told at the end by its number; the others go on. */
async function* messages(source: Parameters<typeof readLines>[0], bad: Line[]): AsyncGenerator<unknown> {
  for await (const line of readLines(source, longestLine)) {
    const message = parse(line);
    if (message === undefined) bad.push({ ...line, text: line.text.slice(0, 80) });
    else yield message.value;
  }
}

function parse(line: Line): { readonly value: unknown } | undefined {
  if (line.tooLong) return undefined;
  try {
    return { value: fromJson(JSON.parse(line.text)) };
  } catch {
    return undefined;
  }
}

async function writeOutputs(target: Writable, result: RunResult): Promise<void> {
  let index = 0;
  for (const [output, messages] of Object.entries(result.outputs)) {
    for (const message of messages) await writeLine(target, { execution: result.id, index: index++, output, message: toJson(message) });
  }
}

function chooseInput(flow: Flow, to: string | undefined): string {
  const names = flow.inputs;
  if (to !== undefined && names.includes(to)) return to;
  const known = names.length === 0 ? 'the flow has no inputs' : `its inputs: ${names.join(', ')}`;
  if (to !== undefined) throw new VivariumError('flow.input', `the flow has no input \`${to}\``, { hint: known });
  if (names.length === 1) return names[0] as string;
  throw new VivariumError('flow.input', names.length === 0 ? 'the flow has no input to send messages to' : 'the flow has several inputs', { hint: names.length === 0 ? 'inputs: { records: ACTOR }' : `--to ${names.join(' | ')}` });
}

const environmentOf = (environment: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined));

/** A file that cannot be opened is a mistake in the command, and nothing has run yet. */
function opened(stream: NodeJS.EventEmitter, file: string): Promise<void> {
  if (file === '-') return Promise.resolve();
  return new Promise((resolve, reject) => {
    stream.once('open', () => resolve());
    stream.once('error', (error: NodeJS.ErrnoException) => reject(new VivariumError('host.option', `cannot open ${file}: ${error.code ?? error.message}`)));
  });
}
