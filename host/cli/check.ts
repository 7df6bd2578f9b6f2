/** `vivarium check`: everything that can be found wrong without running anything. */
import { demandThisNode } from '../cells/versions.ts';
import { checkDeployment } from '../deployment.ts';
import { grantLines, refusalText } from '../policy/index.ts';
import { escapeText } from '../telemetry/escape.ts';
import { type Command, exitCodes } from './command.ts';
import { jsonLine } from './output.ts';
import { counted, table } from './table.ts';

export const checkCommand: Command = {
  name: 'check',
  summary: 'Checks a manifest, its policies and its sources. Runs nothing.',
  details: 'Says every mistake with file, line, column and how to mend it, and what each actor would be granted.',
  arguments: [{ name: '<manifest>', description: 'the manifest of the flow' }],
  options: [{ flags: '--json', description: 'writes what was found as one line of JSON' }],
  examples: ['vivarium check vivarium.yaml', 'vivarium check vivarium.yaml --json'],
  run: async ([manifest = ''], options) => {
    demandThisNode();
    const { namespace, shape, grants, warnings } = await checkDeployment(manifest);
    const actors = shape.actors.map(({ part }, index) => {
      const grant = grants[index];
      return {
        name: part.name,
        runtime: part.runtime,
        inlets: part.inlets,
        granted: grant === undefined ? [] : grantLines(grant),
        refused: grant?.refused.map(refusalText) ?? [],
      };
    });
    if (options['json'] === true) {
      process.stdout.write(jsonLine({ namespace, actors, warnings }));
      return exitCodes.ok;
    }
    for (const warning of warnings) process.stderr.write(`${escapeText(`warning: ${warning}`)}\n`);
    process.stdout.write(
      `${escapeText(`${manifest} is well formed: ${counted(actors.length, 'actor')} for the namespace ${namespace}\n\n${describe(actors)}`)}\n`,
    );
    return exitCodes.ok;
  },
};

interface CheckedActor {
  readonly name: string;
  readonly runtime: string;
  readonly granted: readonly string[];
  readonly refused: readonly string[];
}

const describe = (actors: readonly CheckedActor[]): string =>
  [
    ...table(
      ['actor', 'runtime', 'asks for'],
      actors.map(({ name, runtime, granted }) => [name, runtime, granted.join('; ') || 'nothing but computing']),
    ),
    ...actors.flatMap(({ name, refused }) => refused.map((refusal) => `  ${name}: ${refusal}`)),
  ].join('\n');
