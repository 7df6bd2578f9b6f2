import { diagnose, type Diagnostic, isError, type LocatedDocument, maximumDiagnostics, type Path, type Position } from './diagnostic.ts';

type Hint = string | (() => string | undefined);

/** Collects the mistakes of one document, each with its place in the text. */
export class Report {
  readonly document: LocatedDocument;
  readonly #found: Diagnostic[];
  #dropped = 0;
  #failed: boolean;

  constructor(document: LocatedDocument, found: readonly Diagnostic[] = []) {
    this.document = document;
    this.#found = [...found];
    this.#failed = found.some(isError);
  }

  /** The value at `path` is wrong. A hint that costs time to find is given as a function. */
  error(path: Path, message: string, hint?: Hint): void {
    this.#add(path, this.document.locate(path, 'value'), message, hint, 'error');
  }

  /** The key at `path` is wrong, or something is wrong that has no value to point at. */
  errorAtKey(path: Path, message: string, hint?: Hint): void {
    this.#add(path, this.document.locate(path, 'key'), message, hint, 'error');
  }

  warning(path: Path, message: string, hint?: Hint): void {
    this.#add(path, this.document.locate(path, 'key'), message, hint, 'warning');
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** In the order of the text. */
  get diagnostics(): readonly Diagnostic[] {
    const sorted = this.#found.toSorted((left, right) => left.line - right.line || left.column - right.column);
    if (this.#dropped === 0) return sorted;
    return [
      ...sorted,
      diagnose({ file: this.document.file, line: 0, column: 0, message: `and ${this.#dropped} more`, severity: this.#failed ? 'error' : 'warning' }),
    ];
  }

  #add(path: Path, position: Position, message: string, hint: Hint | undefined, severity: Diagnostic['severity']): void {
    this.#failed ||= severity === 'error';
    if (this.#found.length >= maximumDiagnostics) {
      this.#dropped += 1;
      return;
    }
    const diagnostic = diagnose({ file: this.document.file, ...position, path, message, hint: typeof hint === 'function' ? hint() : hint, severity });
    const said = this.#found.some((earlier) => earlier.message === diagnostic.message && earlier.path === diagnostic.path);
    if (!said) this.#found.push(diagnostic);
  }
}
