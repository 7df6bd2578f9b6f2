/** Reads a manifest and says everything that is wrong with it at once. */
import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { checkManifest } from './check.ts';
import { diagnose, type Diagnostic, ManifestError } from './diagnostic.ts';
import { documentLimits, type ReadDocument, readDocument } from './document.ts';
import { checkAgainst } from './explain.ts';
import { type FlowManifest, planFlow } from './flow.ts';
import { readObject } from './plain.ts';
import { Report } from './report.ts';
import { type Manifest, manifestSchema } from './schema.ts';

export interface ParsedManifest {
  /** As it is written; missing when there are errors. */
  readonly manifest?: Manifest;
  /** As the host works with it; missing when there are errors. */
  readonly flow?: FlowManifest;
  /** Errors and warnings, in the order of the text. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads the text of a manifest. Never throws.
 *
 * @param file how messages name it
 * @example
 * const { flow, diagnostics } = parseManifest(text, 'vivarium.yaml');
 * if (flow === undefined) console.error(formatDiagnostics(diagnostics));
 */
export const parseManifest = (text: string, file: string): ParsedManifest => checkDocument(readDocument(text, file));

/**
 * Reads a manifest written as an object. Never throws; diagnostics have a path instead of a line.
 *
 * @param name how messages name it
 */
export const parseManifestObject = (object: unknown, name = 'manifest'): ParsedManifest => checkDocument(readObject(object, name));

/** Reads a manifest from a file of at most 1 MiB. A file that cannot be read is a diagnostic too. */
export const readManifest = async (file: string): Promise<ParsedManifest> => {
  const unreadable = (message: string): ParsedManifest => ({ diagnostics: [diagnose({ file, line: 0, column: 0, message })] });
  try {
    const status = await stat(file);
    if (!status.isFile()) return unreadable('this is no file');
    if (status.size > documentLimits.bytes) return unreadable(`the file is larger than ${documentLimits.bytes} bytes`);
    const bytes = await readFile(file);
    return isUtf8(bytes) ? parseManifest(bytes.toString(), file) : unreadable('the file is not UTF-8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return unreadable(code === 'ENOENT' ? 'there is no such file' : `the file cannot be read (${code})`);
  }
};

/** The flow of a manifest without errors. @throws {ManifestError} with every diagnostic otherwise */
export const requireFlow = ({ flow, diagnostics }: ParsedManifest): FlowManifest => {
  if (flow === undefined) throw new ManifestError(diagnostics);
  return flow;
};

const checkDocument = ({ document, diagnostics }: ReadDocument): ParsedManifest => {
  if (document === undefined) return { diagnostics };
  const report = new Report(document, diagnostics);
  const manifest = checkAgainst(manifestSchema, report);
  checkManifest(report);
  if (manifest === undefined || report.failed) return { diagnostics: report.diagnostics };
  return { manifest, flow: planFlow(manifest, document), diagnostics: report.diagnostics };
};
