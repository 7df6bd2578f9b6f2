/** An error in words, for whoever has to mend it. */
import { formatDiagnostics, ManifestError, PolicyError } from '../manifest/index.ts';
import { VivariumError } from '../../sdk/errors.ts';
import { escapeText } from '../telemetry/escape.ts';

/** What a person can mend is said in words; a stack is shown only for what is our own mistake. */
export function explain(error: unknown): string {
  return escapeText(textOf(error));
}

function textOf(error: unknown): string {
  if (error instanceof ManifestError || error instanceof PolicyError) return formatDiagnostics(error.diagnostics);
  if (error instanceof VivariumError) return describe(error);
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function describe({ message, code, record }: VivariumError): string {
  const { file, line, column, hint, actor } = record;
  const place = file === undefined ? '' : `${[file, line, column].filter((part) => part !== undefined).join(':')}: `;
  // Several mistakes of one source come with their places.
  const lines = [`${message.includes(place.trimEnd()) ? '' : place}${message} [${code}]`];
  if (actor !== undefined) lines.push(`  actor: ${actor}`);
  if (hint !== undefined) lines.push(`  mend: ${hint}`);
  return lines.join('\n');
}
