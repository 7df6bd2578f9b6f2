import { sandboxLevels, type SandboxLevel } from '../../host/cells/levels.ts';
import { detectSandbox } from '../../host/cells/sandbox.ts';

/**
 * The sandbox levels that tests can run at on this machine, from the weakest to the strongest. Says what is left out and
 * why; with VIVARIUM_REQUIRE_JAIL=1 leaving out the jail is an error.
 *
 * @example describe.each(await availableLevels())('at level %s', (level) => { … });
 */
export async function availableLevels(): Promise<SandboxLevel[]> {
  const { jail } = await detectSandbox();
  if (jail.available) return [...sandboxLevels];
  const missing = `Tests at level jail are left out: ${jail.reason} ${jail.hint}`;
  if (process.env.VIVARIUM_REQUIRE_JAIL === '1') throw new Error(missing);
  process.stderr.write(`${missing}\n`);
  return sandboxLevels.filter((level) => level !== 'jail');
}
