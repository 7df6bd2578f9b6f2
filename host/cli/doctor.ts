/** `vivarium doctor`: what this machine gives, and what would give more. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cellFiles } from '../cells/files.ts';
import { detectSandbox } from '../cells/sandbox.ts';
import { checkVersions, minimumVersions } from '../cells/versions.ts';
import { VivariumError } from '../../sdk/errors.ts';
import { type Command, exitCodes } from './command.ts';
import { jsonLine } from './output.ts';
import { packageVersion } from './version.ts';

type State = 'good' | 'note' | 'missing';

interface Finding {
  readonly name: string;
  readonly state: State;
  readonly text: string;
  /** What would make it better. */
  readonly hint?: string | undefined;
}

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'Tells versions, the sandbox level that this machine reaches, and what is missing for the next one.',
  details: 'Succeeds where flows can run, at whatever level.',
  arguments: [],
  options: [{ flags: '--json', description: 'writes the findings as JSON' }],
  examples: ['vivarium doctor', 'vivarium doctor --json'],
  run: async (_, options) => {
    const findings = await examine();
    process.stdout.write(options['json'] === true ? jsonLine({ findings }) : findings.map(describe).join(''));
    return findings.every(({ name, state }) => state !== 'missing' || name === 'jail') ? exitCodes.ok : exitCodes.invalid;
  },
};

const signs = { good: '✓', note: '!', missing: '✗' } as const satisfies Record<State, string>;

/** As wide as a sign, a name, and what stands between. */
const margin = ' '.repeat(14);

const describe = ({ name, state, text, hint }: Finding): string => {
  const lines = [...text.split('\n'), ...(hint === undefined ? [] : [`mend: ${hint}`])];
  return `${signs[state]} ${name.padEnd(10)}  ${lines.join(`\n${margin}`)}\n`;
};

async function examine(): Promise<Finding[]> {
  const findings: Finding[] = [{ name: 'vivarium', state: 'good', text: packageVersion() }];
  const files = await attempt('cell files', findings, async () => {
    const found = await cellFiles();
    const { size } = await stat(join(found.folder, 'python/memory.snapshot'));
    findings.push({
      name: 'cell files',
      state: 'good',
      text: `${found.names.length} files as they were built, Python's memory snapshot ${Math.round(size / 1024 / 1024)} MiB`,
    });
    return found;
  });
  const node = await attempt('versions', findings, async () => {
    const found = await checkVersions({ isolatedVm: files?.isolatedVm });
    findings.push({
      name: 'versions',
      state: 'good',
      text: `Node ${found.version} (needs ${minimumVersions.node}), isolated-vm ${files?.isolatedVm ?? 'unknown'} (needs ${minimumVersions.isolatedVm})`,
    });
    return found;
  });
  // On a Node that cells cannot have, the trial of the jail would tell of that again, in words that mislead.
  if (node === undefined) return findings;
  await attempt('sandbox', findings, async () => {
    const { level, jail, weaknesses } = await detectSandbox(node.path);
    findings.push({ name: 'sandbox', state: 'good', text: `level ${level}` });
    findings.push({
      name: 'jail',
      state: jail.available ? 'good' : 'missing',
      text: jail.available ? `bubblewrap ${jail.bubblewrap ?? ''}`.trim() : (jail.reason ?? 'not available'),
      hint: jail.available ? undefined : jail.hint,
    });
    for (const weakness of weaknesses) findings.push({ name: 'weakness', state: 'note', text: weakness });
  });
  return findings;
}

/** What cannot be examined is a finding too. */
async function attempt<T>(name: string, findings: Finding[], examineOne: () => Promise<T>): Promise<T | undefined> {
  try {
    return await examineOne();
  } catch (error) {
    if (!(error instanceof VivariumError)) throw error;
    findings.push({ name, state: 'missing', text: error.message, hint: error.record.hint });
    return undefined;
  }
}
