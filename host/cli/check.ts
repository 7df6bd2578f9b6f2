/** `vivarium check`: everything that can be found wrong without running anything. */
import { checkDeployment } from '../deployment.ts';
import { grantLines, refusalText } from '../policy/index.ts';
import { type Command, exitCodes } from './command.ts';
import { table } from './table.ts';

export const checkCommand: Command = {
  name: 'check',
  summary: 'Checks a manifest, its policies and its sources. Runs nothing.',
  arguments: [{ name: '<manifest>', description: 'the manifest of the flow' }],
  options: [{ flags: '--json', description: 'writes what was found as JSON' }],
  examples: ['vivarium check vivarium.yaml', 'vivarium check vivarium.yaml --json'],
  run: async ([manifest = ''], options) => {
    const { namespace, shape, grants } = await checkDeployment(manifest);
    const actors = shape.actors.map(({ part }, index) => {
      const grant = grants[index];
      return { name: part.name, runtime: part.runtime, inlets: part.inlets, granted: grant === undefined ? [] : grantLines(grant), refused: grant?.refused.map(refusalText) ?? [] };
    });
    if (options['json'] === true) process.stdout.write(`${JSON.stringify({ namespace, actors })}\n`);
    else process.stdout.write(`${manifest} is well formed: ${actors.length} actors for the namespace ${namespace}\n\n${describe(actors)}\n`);
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
