/** `vivarium policy learn`: runs a flow under a wide policy, and says which policy it needed. */
import { open } from 'node:fs/promises';
import nodePath from 'node:path';
import { stringify } from 'yaml';
import { VivariumError } from '../../sdk/errors.ts';
import type { Flow } from '../flow.ts';
import { createHost } from '../host.ts';
import { type LearnedPolicy, learnPolicies } from '../learn.ts';
import type { AuditEvent } from '../policy/index.ts';
import { escapeText } from '../telemetry/escape.ts';
import { type Command, exitCodes } from './command.ts';
import { cannotOpen } from './files.ts';
import { openInput, readLines } from './lines.ts';
import { chooseInput, environmentOf, longestLine, readMessage } from './messages.ts';
import { counted } from './table.ts';

interface LearnOptions {
  readonly input?: string;
  readonly to?: string;
  readonly ceiling?: string;
  readonly actor?: string;
  readonly write?: string;
  readonly secrets?: string;
}

export const policyLearnCommand: Command = {
  name: 'policy learn',
  summary: 'Runs a flow under a wide policy, and says which policy each actor needed.',
  details:
    'What the actors are granted while they are watched is what they ask for, and the ceiling. What they did makes the smallest policy that allows it: exact for one file or URL, the folder or the common path for several, never everything. What no message of the input led to is not learned.',
  arguments: [{ name: '<manifest>', description: 'the manifest of the flow' }],
  options: [
    { flags: '--input <file>', description: 'messages as JSON, one a line; - is standard input (default: -)' },
    { flags: '--to <input>', description: 'the input that the messages go to, where the flow has several' },
    { flags: '--ceiling <policy>', description: 'what the actors may do while they are watched: a preset or a file (default: trusted-local)' },
    { flags: '--secrets <file>', description: 'values of secrets, as for `run`' },
    { flags: '--actor <name>', description: 'the actor whose policy is written, where the flow has several' },
    { flags: '--write <file>', description: 'where the policy goes; a file that is there is replaced' },
  ],
  examples: [
    'vivarium policy learn vivarium.yaml --input records.ndjson',
    'vivarium policy learn vivarium.yaml --input records.ndjson --actor score --write score.policy.yaml',
  ],
  run: async ([manifest = ''], given) => {
    const options = given as LearnOptions;
    const events: AuditEvent[] = [];
    await using host = await createHost({
      ceiling: 'unrestricted',
      environment: environmentOf(process.env),
      secrets: { file: options.secrets, provider: (name) => process.env[name] },
    });
    host.on('audit', (event) => events.push(event));
    await using flow = await host.deploy(manifest, { learn: options.ceiling ?? 'trusted-local' });
    const written = options.write === undefined ? undefined : demandActor(flow.actors, options.actor);
    const failed = await runAll(flow, options);
    await flow.stop();
    const folder = nodePath.dirname(nodePath.resolve(options.write ?? manifest));
    const learned = await learnPolicies(manifest, flow.grants, events, folder);
    process.stdout.write(`${escapeText(learned.map(textOf).join('\n\n'))}\n`);
    const chosen = learned.find(({ actor }) => actor === written);
    if (chosen !== undefined && options.write !== undefined) await write(options.write, chosen);
    if (failed === 0) return exitCodes.ok;
    process.stderr.write(`${counted(failed, 'message')} failed: what they would have needed may be missing\n`);
    return exitCodes.failed;
  },
};

/** @returns how many messages failed */
async function runAll(flow: Flow, { input = '-', to }: LearnOptions): Promise<number> {
  const source = await openInput(input);
  let failed = 0;
  const messages = async function* (): AsyncGenerator<unknown> {
    for await (const line of readLines(source.stream, longestLine)) {
      const message = readMessage(line);
      if ('value' in message) yield message.value;
      else {
        failed++;
        process.stderr.write(`${escapeText(`line ${line.number} is left out: ${message.reason}`)}\n`);
      }
    }
  };
  try {
    for await (const { status, errors } of flow.pipe(messages(), { input: chooseInput(flow, to) })) {
      if (status === 'completed') continue;
      failed++;
      for (const { actor, message, code } of errors) process.stderr.write(`${escapeText(`${actor ?? 'the flow'}: ${message} [${code}]`)}\n`);
    }
  } finally {
    source.stream.destroy();
  }
  return failed;
}

/** @throws VivariumError host.option, actor.unknown */
function demandActor(actors: readonly string[], name: string | undefined): string {
  const [only] = actors;
  if (name === undefined && actors.length === 1 && only !== undefined) return only;
  if (name === undefined) throw new VivariumError('host.option', 'a file holds the policy of one actor', { hint: `--actor ${actors.join(' | ')}` });
  if (!actors.includes(name)) throw new VivariumError('actor.unknown', `the flow has no actor \`${name}\``, { hint: `--actor ${actors.join(' | ')}` });
  return name;
}

const textOf = ({ actor, difference, denied }: LearnedPolicy): string =>
  [
    `${actor}:`,
    ...(difference.length === 0 ? ['  nothing but computing'] : difference.map((line) => `  ${line}`)),
    ...denied.map((access) => `  refused while it was watched: ${access}`),
  ].join('\n');

async function write(file: string, { policy }: LearnedPolicy): Promise<void> {
  try {
    await using handle = await open(file, 'w');
    await handle.writeFile(Object.keys(policy).length === 0 ? '# nothing but computing\nextends: pure\n' : stringify(policy));
  } catch (error) {
    throw cannotOpen('the policy', file, error);
  }
}
