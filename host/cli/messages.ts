/** What every command that runs messages does with them. */
import { VivariumError } from '../../sdk/errors.ts';
import { fromJson } from '../../sdk/json.ts';
import type { Flow } from '../flow.ts';
import type { Line } from './lines.ts';

/** A line longer than this cannot be a message: none is larger, and JSON for files is at most a few times longer. Characters. */
export const longestLine = 64 * 1024 * 1024;

export function readMessage(line: Line): { readonly value: unknown } | { readonly reason: string } {
  if (line.tooLong) return { reason: `it is longer than ${longestLine} characters` };
  try {
    return { value: fromJson(JSON.parse(line.text)) };
  } catch (error) {
    return { reason: (error as Error).message };
  }
}

/** @throws VivariumError flow.input */
export function chooseInput(flow: Flow, to: string | undefined): string {
  const { inputs } = flow;
  const [only] = inputs;
  if (only === undefined) throw new VivariumError('flow.input', 'the flow has no input to send messages to', { hint: 'inputs: { records: ACTOR }' });
  if (to === undefined && inputs.length > 1)
    throw new VivariumError('flow.input', `the flow has ${inputs.length} inputs, and the messages go to one`, { hint: `--to ${inputs.join(' | ')}` });
  if (to !== undefined && !inputs.includes(to))
    throw new VivariumError('flow.input', `the flow has no input \`${to}\``, { hint: `--to ${inputs.join(' | ')}` });
  return to ?? only;
}

export const environmentOf = (environment: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined));
