/** `vivarium doctor`: what this machine gives, and what would give more. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cellFiles } from '../cells/files.ts';
import { detectSandbox } from '../cells/sandbox.ts';
import { checkVersions, minimumVersions } from '../cells/versions.ts';
import { VivariumError } from '../../sdk/errors.ts';
import { type Command, exitCodes } from './command.ts';
import { packageVersion } from './version.ts';

interface Finding {
  readonly name: string;
  readonly good: boolean;
  readonly text: string;
  /** What would make it better. */
  readonly hint?: string | undefined;
}

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'Tells versions, the sandbox level that this machine reaches, and what is missing for the next one.',
  arguments: [],
  options: [{ flags: '--json', description: 'writes the findings as JSON' }],
  examples: ['vivarium doctor', 'vivarium doctor --json'],
  run: async (_, options) => {
    const findings = await examine();
    if (options['json'] === true) process.stdout.write(`${JSON.stringify({ findings })}\n`);
    else for (const { name, good, text, hint } of findings) process.stdout.write(`${good ? '✓' : '✗'} ${name.padEnd(12)} ${text}${hint === undefined ? '' : `\n  ${' '.repeat(12)} → ${hint}`}\n`);
    return findings.every((finding) => finding.good || finding.name === 'jail') ? exitCodes.ok : exitCodes.invalid;
  },
};

async function examine(): Promise<Finding[]> {
  const findings: Finding[] = [{ name: 'vivarium', good: true, text: packageVersion() }];
  const files = await attempt('cell files', findings, async () => {
    const found = await cellFiles();
    const { size } = await stat(join(found.folder, 'python/memory.snapshot'));
    findings.push({ name: 'cell files', good: true, text: `${found.names.length} files as they were built, Python's memory snapshot ${Math.round(size / 1024 / 1024)} MiB` });
    return found;
  });
  const node = await attempt('versions', findings, async () => {
    const found = await checkVersions({ isolatedVm: files?.isolatedVm });
    findings.push({ name: 'versions', good: true, text: `Node ${found.version} (needs ${minimumVersions.node}), isolated-vm ${files?.isolatedVm ?? 'unknown'} (needs ${minimumVersions.isolatedVm})` });
    return found;
  });
  await attempt('sandbox', findings, async () => {
    const { level, jail, weaknesses } = await detectSandbox(node?.path);
    findings.push({ name: 'sandbox', good: true, text: `level ${level}` });
    findings.push({ name: 'jail', good: jail.available, text: jail.available ? `bubblewrap ${jail.bubblewrap ?? ''}`.trim() : (jail.reason ?? 'not available'), hint: jail.available ? undefined : jail.hint });
    for (const weakness of weaknesses) findings.push({ name: 'weakness', good: true, text: weakness });
  });
  return findings;
}

/** What cannot be examined is a finding too. */
async function attempt<T>(name: string, findings: Finding[], examineOne: () => Promise<T>): Promise<T | undefined> {
  try {
    return await examineOne();
  } catch (error) {
    if (!(error instanceof VivariumError)) throw error;
    findings.push({ name, good: false, text: error.message, hint: error.record.hint });
    return undefined;
  }
}
