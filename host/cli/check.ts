/** `vivarium check`: everything that can be found wrong without running anything. */
import { demandThisNode } from '../cells/versions.ts';
import { resolveCeiling } from '../ceiling.ts';
import { checkDeployment } from '../deployment.ts';
import { type Grant, grantLines, refusalText } from '../policy/index.ts';
import { actorsOf } from '../routing/topology.ts';
import { escapeText } from '../telemetry/escape.ts';
import { type Command, exitCodes } from './command.ts';
import { grantText } from './grants.ts';
import { jsonLine } from './output.ts';
import { counted, table } from './table.ts';

export const checkCommand: Command = {
  name: 'check',
  summary: 'Checks a manifest, its policies and its sources. Runs nothing.',
  details: 'Says every mistake with file, line, column and how to mend it, and what each actor would be granted.',
  arguments: [{ name: '<manifest>', description: 'the manifest of the flow' }],
  options: [
    { flags: '--ceiling <policy>', description: 'the most that is granted: a preset or a file (default: whatever is requested)' },
    { flags: '--json', description: 'writes what was found as one line of JSON' },
  ],
  examples: ['vivarium check vivarium.yaml', 'vivarium check vivarium.yaml --ceiling web-reader', 'vivarium check vivarium.yaml --json'],
  run: async ([manifest = ''], options) => {
    demandThisNode();
    const { namespace, shape, grants, warnings } = await checkDeployment(manifest, resolveCeiling(options['ceiling'] as string | undefined, 'ceiling'));
    if (options['json'] === true) {
      const actors = actorsOf(shape).map(({ part: { name, runtime, inlets } }, index) => ({ name, runtime, inlets, ...toldOf(grants[index] as Grant) }));
      process.stdout.write(jsonLine({ namespace, actors, warnings }));
      return exitCodes.ok;
    }
    for (const warning of warnings) process.stderr.write(`${escapeText(`warning: ${warning}`)}\n`);
    const rows = actorsOf(shape).map(({ part: { name, runtime } }, index) => [name, runtime, grantText(grants[index] as Grant)]);
    const text = [
      `${manifest} is well formed: ${counted(rows.length, 'actor')} for the namespace ${namespace}`,
      '',
      ...table(['actor', 'runtime', 'granted'], rows),
      ...grants.flatMap(({ actor, refused }) => refused.map((refusal) => `  ${actor}: ${refusalText(refusal)}`)),
    ].join('\n');
    process.stdout.write(`${escapeText(text)}\n`);
    return exitCodes.ok;
  },
};

const toldOf = (grant: Grant): object => ({ granted: grantLines(grant), refused: grant.refused.map(refusalText) });
