/** `vivarium policy show`: what an actor may do, each line with its origin. */
import { effectivePolicy } from '../explain.ts';
import type { EffectiveLine, Origin } from '../policy/index.ts';
import { escapeText } from '../telemetry/escape.ts';
import { type Command, exitCodes } from './command.ts';
import { jsonLine } from './output.ts';
import { table } from './table.ts';

export const policyShowCommand: Command = {
  name: 'policy show',
  summary: 'Shows what an actor may do, each line with the place it comes from. Runs nothing.',
  details: 'What is granted is what the actor requests, cut down by the policy of the namespace and by the ceiling.',
  arguments: [
    { name: '<manifest>', description: 'the manifest of the flow' },
    { name: '<actor>', description: 'the name of the actor' },
  ],
  options: [
    { flags: '--ceiling <policy>', description: 'the most that is granted: a preset or a file (default: whatever is requested, as for `run`)' },
    { flags: '--json', description: 'writes it as one line of JSON' },
  ],
  examples: ['vivarium policy show vivarium.yaml score', 'vivarium policy show vivarium.yaml score --ceiling pure --json'],
  run: async ([manifest = '', actor = ''], { ceiling = 'unrestricted', json }) => {
    const effective = await effectivePolicy(manifest, actor, { ceiling: ceiling as string });
    if (json === true) {
      process.stdout.write(jsonLine(effective));
      return exitCodes.ok;
    }
    const { namespace, runtime, granted, limits, refused } = effective;
    const text = [
      `${actor} (${runtime}) in the namespace ${namespace}`,
      '',
      ...(granted.length === 0 ? ['  nothing but computing'] : table(['granted', 'from'], granted.map(rowOf))),
      '',
      ...table(['limit', 'from'], limits.map(rowOf)),
      ...(refused.length === 0 ? [] : ['', ...refused.map((refusal) => `  ${refusal}`)]),
    ].join('\n');
    process.stdout.write(`${escapeText(text)}\n`);
    return exitCodes.ok;
  },
};

const rowOf = ({ line, origin }: EffectiveLine): readonly string[] => [line, origin === null ? 'default' : placeOf(origin)];

const placeOf = ({ file, line, column }: Origin): string => (line > 0 ? `${file}:${line}:${column}` : file);
