/** `vivarium policy explain`: whether an actor may do something, and why. */
import { VivariumError } from '../../sdk/errors.ts';
import { explainAccess } from '../explain.ts';
import { type Access, type Explanation, type LevelSays, levelNames, originText } from '../policy/index.ts';
import { escapeText } from '../telemetry/escape.ts';
import { type Command, exitCodes } from './command.ts';
import { jsonLine } from './output.ts';

/** What each option asks for. */
const questions: Readonly<Record<string, (value: string, method: string | undefined) => Access>> = {
  read: (resource) => ({ capability: 'filesystem', operation: 'read', resource }),
  write: (resource) => ({ capability: 'filesystem', operation: 'write', resource }),
  connect: (resource, method = 'GET') => ({ capability: 'network', operation: method, resource }),
  env: (resource) => ({ capability: 'environment', resource }),
  service: (resource) => ({ capability: 'services', resource }),
  secret: (resource) => ({ capability: 'secrets', resource }),
  state: () => ({ capability: 'state', operation: 'put', resource: '' }),
};

export const policyExplainCommand: Command = {
  name: 'policy explain',
  summary: 'Says whether an actor may do something, and why. Runs nothing.',
  details: 'Succeeds (0) if it is allowed; 3 says that it is denied. Asks the policies alone: no name is resolved, no link followed.',
  arguments: [
    { name: '<manifest>', description: 'the manifest of the flow' },
    { name: '<actor>', description: 'the name of the actor' },
  ],
  options: [
    { flags: '--read <path>', description: 'read a file, by the path that the guest uses' },
    { flags: '--write <path>', description: 'write one' },
    { flags: '--connect <url>', description: 'send a request' },
    { flags: '--method <method>', description: 'its method (default: GET)' },
    { flags: '--env <name>', description: 'read a variable of the environment' },
    { flags: '--service <name>', description: 'call a service of the embedder' },
    { flags: '--secret <name>', description: 'use a secret' },
    { flags: '--state', description: 'keep state' },
    { flags: '--ceiling <policy>', description: 'the most that is granted: a preset or a file (default: whatever is requested, as for `run`)' },
    { flags: '--json', description: 'writes the answer as one line of JSON' },
  ],
  examples: [
    'vivarium policy explain vivarium.yaml score --read /data/prices.csv',
    'vivarium policy explain vivarium.yaml score --connect https://api.example.com/orders --method POST',
    'vivarium policy explain vivarium.yaml score --service orders.list --ceiling ./ceiling.yaml --json',
  ],
  run: async ([manifest = '', actor = ''], options) => {
    const { ceiling = 'unrestricted', json } = options as { ceiling?: string; json?: boolean };
    const explanation = await explainAccess(manifest, actor, askedOf(options), { ceiling });
    process.stdout.write(json === true ? jsonLine(explanation) : `${escapeText(textOf(explanation))}\n`);
    return explanation.allowed ? exitCodes.ok : exitCodes.denied;
  },
};

/** @throws VivariumError host.option */
function askedOf(options: Readonly<Record<string, unknown>>): Access {
  const asked = Object.keys(questions).filter((name) => options[name] !== undefined);
  const [name] = asked;
  const hint = 'one of --read, --write, --connect, --env, --service, --secret, --state';
  if (name === undefined || asked.length > 1)
    throw new VivariumError('host.option', name === undefined ? 'nothing is asked' : `one thing is asked at a time, and not ${asked.length}`, { hint });
  if (options['method'] !== undefined && name !== 'connect')
    throw new VivariumError('host.option', 'only requests have a method', { hint: '--connect URL --method METHOD' });
  return (questions[name] as (typeof questions)[string])(String(options[name]), options['method'] as string | undefined);
}

const textOf = ({ allowed, summary, chain, hint }: Explanation): string =>
  [`${allowed ? 'allowed' : 'denied'}: ${summary}`, '', ...chain.map(lineOf), ...(hint === null ? [] : ['', hint])].join('\n');

const width = Math.max(...Object.values(levelNames).map((name) => name.length));

const lineOf = ({ level, says, rule }: LevelSays): string => {
  const said = { allows: 'allows it', denies: 'denies it', nothing: 'says nothing of it', everything: 'cuts nothing away' }[says];
  return `  ${levelNames[level].padEnd(width)}  ${said}${rule === null ? '' : ` (${originText(rule)})`}`;
};
