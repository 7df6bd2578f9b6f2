/**
 * Reads YAML (and JSON, which is YAML) into plain values, each of which knows its line and column.
 *
 * A document may come from somebody who means ill, so everything that costs is bounded before it is
 * paid: bytes, words before they are parsed, depth, values after aliases were expanded.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, type Node, type Pair, parseAllDocuments, type Scalar } from 'yaml';
import { diagnose, type Diagnostic, type LocatedDocument, maximumDiagnostics, type Path, type Position } from './diagnostic.ts';

export const documentLimits = {
  /** One file. */
  bytes: 1024 * 1024,
  /** Indicators, scalars and line ends: parsing costs some 4 µs for each. */
  words: 100_000,
  /** Lists and maps within each other. */
  depth: 64,
  /** Values once every alias is replaced by what it stands for. */
  values: 100_000,
} as const;

export interface ReadDocument {
  /** Missing when the text is not YAML at all. */
  readonly document?: LocatedDocument;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads one YAML document. Never throws: what is wrong comes back as diagnostics. */
export const readDocument = (text: string, file: string): ReadDocument => {
  const refusal = tooLarge(text);
  if (refusal !== undefined) return { diagnostics: [diagnose({ file, line: 1, column: 1, ...refusal })] };
  const lines = new LineCounter();
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { line, column: col };
  };
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    version: '1.2',
    schema: 'core',
    merge: false,
    uniqueKeys: false,
    stringKeys: true,
    prettyErrors: false,
  });
  const [first, second] = parsed as readonly Document.Parsed[];
  if (first === undefined) return { diagnostics: [diagnose({ file, line: 1, column: 1, message: 'the file is empty' })] };
  const unreadable = syntaxMistakes(first, second, positionOf);
  if (unreadable.length > 0) return { diagnostics: unreadable.map((mistake) => diagnose({ file, ...mistake })) };

  const reader = new TreeReader(text, file, positionOf);
  const root = reader.read(first.contents, [], null, 0);
  return { document: { file, value: root.value, locate: (path, part) => locateIn(root, path, part) }, diagnostics: reader.mistakes };
};

type Sentences = { readonly message: string; readonly hint?: string };

const tooLarge = (text: string): Sentences | undefined => {
  if (Buffer.byteLength(text) > documentLimits.bytes)
    return { message: `the file is larger than ${documentLimits.bytes} bytes`, hint: 'Move code into files of its own.' };
  let words = 0;
  for (const _ of new Lexer().lex(text)) {
    words += 1;
    if (words > documentLimits.words)
      return { message: `the file has more than ${documentLimits.words} words`, hint: 'Move data out of it, into the messages or into files of the actors.' };
  }
  return undefined;
};

const syntaxMistakes = (
  first: Document.Parsed,
  second: Document.Parsed | undefined,
  positionOf: (offset: number) => Position,
): readonly (Position & Sentences)[] => {
  const mistakes: (Position & Sentences)[] = first.errors.slice(0, 20).map((error) => ({ ...positionOf(error.pos[0]), ...friendly(error) }));
  for (const warning of first.warnings.slice(0, 20))
    mistakes.push({ ...positionOf(warning.pos[0]), message: warning.message, hint: 'Tags are not supported: remove it.' });
  const { explicit, version } = first.directives.yaml;
  if (explicit === true && version !== '1.2')
    mistakes.push({ line: 1, column: 1, message: `YAML ${version} is not supported`, hint: 'Remove the %YAML line: Vivarium reads YAML 1.2.' });
  if (second !== undefined)
    mistakes.push({
      ...positionOf(second.range[0]),
      message: 'a file holds one document, here begins a second',
      hint: 'Remove the line `---`, or write two files.',
    });
  return mistakes;
};

const friendly = (error: { readonly code: string; readonly message: string }): Sentences => {
  if (error.message.includes('call stack')) return { message: 'the file is nested too deeply' };
  if (error.code === 'TAB_AS_INDENT') return { message: error.message, hint: 'Indent with spaces.' };
  if (error.code === 'NON_STRING_KEY') return { message: 'a key must be a plain text' };
  return { message: `not valid YAML: ${error.message}` };
};

/** A value with its places. What an alias stands for is shared, not copied. */
interface Tree {
  readonly value: unknown;
  readonly position: Position;
  readonly keyPosition: Position | null;
  readonly children: ReadonlyMap<string | number, Tree> | null;
  /** How many values it holds, itself included, and how deep they nest. */
  readonly size: number;
  readonly height: number;
}

class TreeReader {
  readonly mistakes: Diagnostic[] = [];
  readonly #text: string;
  readonly #file: string;
  readonly #positionOf: (offset: number) => Position;
  readonly #anchors = new Map<string, Tree>();
  readonly #said = new Set<string>();
  #values = 0;

  constructor(text: string, file: string, positionOf: (offset: number) => Position) {
    this.#text = text;
    this.#file = file;
    this.#positionOf = positionOf;
  }

  read(node: Node | null, path: Path, keyPosition: Position | null, depth: number): Tree {
    const position = this.#placeOf(node) ?? keyPosition ?? this.#positionOf(0);
    const nothing = { value: null, position, keyPosition, children: null, size: 1, height: 0 };
    if (isAlias(node)) {
      const target = this.#target(node.source, path, position);
      return target !== undefined && this.#afford(target.size, depth + target.height, path, position) ? { ...target, keyPosition } : nothing;
    }
    if (!this.#afford(1, depth, path, position)) return nothing;
    const tree = this.#readOwn(node, path, position, keyPosition, depth);
    const anchor = (isMap(node) || isSeq(node) || isScalar(node)) && node.anchor;
    if (anchor) this.#anchors.set(anchor, tree);
    return tree;
  }

  #readOwn(node: Node | null, path: Path, position: Position, keyPosition: Position | null, depth: number): Tree {
    if (isMap(node)) return this.#map(node.items as readonly Pair<Scalar, Node | null>[], path, position, keyPosition, depth);
    if (isSeq(node)) return this.#list(node.items as readonly Node[], path, position, keyPosition, depth);
    const value = isScalar(node) ? this.#scalar(node, path, position) : null;
    return { value, position, keyPosition, children: null, size: 1, height: 0 };
  }

  #map(items: readonly Pair<Scalar, Node | null>[], path: Path, position: Position, keyPosition: Position | null, depth: number): Tree {
    const children = new Map<string | number, Tree>();
    const value: Record<string, unknown> = {};
    for (const { key, value: node } of items) {
      const name = String(key.value);
      const at = this.#placeOf(key) ?? position;
      const first = children.get(name);
      const refusal = first === undefined ? refusedKey(name) : `the key \`${name}\` is written twice, first on line ${first.keyPosition?.line}`;
      const child = this.read(node, [...path, name], at, depth + 1);
      if (refusal === undefined) {
        children.set(name, child);
        value[name] = child.value;
      } else {
        this.#mistake([...path, name], at, refusal);
      }
    }
    return { value: Object.freeze(value), position, keyPosition, children, ...measure(children) };
  }

  #list(items: readonly Node[], path: Path, position: Position, keyPosition: Position | null, depth: number): Tree {
    const children = new Map<string | number, Tree>();
    for (const [index, node] of items.entries()) children.set(index, this.read(node, [...path, index], null, depth + 1));
    return { value: Object.freeze([...children.values()].map((child) => child.value)), position, keyPosition, children, ...measure(children) };
  }

  #scalar(node: Scalar, path: Path, position: Position): unknown {
    const { value, source = '' } = node;
    if (typeof value !== 'number') return value;
    if (!Number.isFinite(value)) this.#mistake(path, position, `${source} is no number that JSON has`, 'Write it in quotes if it is meant as text.');
    const asInteger = /^([-+]?\d+|0[xo][\da-f]+)$/i.test(source);
    if (asInteger && !Number.isSafeInteger(value)) this.#mistake(path, position, `the integer ${source.slice(0, 40)} would lose digits`, 'Write it in quotes.');
    return value;
  }

  #target(name: string, path: Path, position: Position): Tree | undefined {
    const target = this.#anchors.get(name);
    if (target === undefined)
      this.#mistake(path, position, `\`*${name}\` refers to no anchor set before it`, `Write \`&${name}\` before the value that is meant.`);
    return target;
  }

  /** Counts values before they are used. */
  #afford(values: number, depth: number, path: Path, position: Position): boolean {
    this.#values += values;
    if (depth > documentLimits.depth) this.#sayOnce(path, position, `lists and maps nest deeper than ${documentLimits.depth}`);
    else if (this.#values > documentLimits.values)
      this.#sayOnce(path, position, `more than ${documentLimits.values} values, aliases counted by what they stand for`);
    else return true;
    return false;
  }

  #sayOnce(path: Path, position: Position, message: string): void {
    if (!this.#said.has(message)) this.#mistake(path, position, message);
    this.#said.add(message);
  }

  #mistake(path: Path, position: Position, message: string, hint?: string): void {
    if (this.mistakes.length >= maximumDiagnostics) return;
    this.mistakes.push(diagnose({ file: this.#file, ...position, path, message, hint }));
  }

  /** Where a node begins, if anything is written; a block of text begins with its first line, not with the `|` that announces it. */
  #placeOf(node: Node | null): Position | undefined {
    const start = node?.range?.[0];
    if (start === undefined || (isScalar(node) && node.source === '' && node.type === 'PLAIN')) return undefined;
    const block = isScalar(node) && (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED');
    if (!block) return this.#positionOf(start);
    const lineEnd = this.#text.indexOf('\n', start);
    const first = lineEnd < 0 ? start : lineEnd + 1;
    const indent = /^ */.exec(this.#text.slice(first, first + 200))?.[0].length ?? 0;
    return this.#positionOf(first + indent);
  }
}

const refusedKey = (name: string): string | undefined => {
  if (name === '__proto__') return 'the key `__proto__` is not allowed';
  if (name === '<<') return 'merge keys are not supported; write the keys out, or use an alias for the whole value';
  return undefined;
};

const measure = (children: ReadonlyMap<unknown, Tree>): { readonly size: number; readonly height: number } => {
  let size = 1;
  let height = 0;
  for (const child of children.values()) {
    size += child.size;
    height = Math.max(height, child.height + 1);
  }
  return { size, height };
};

const locateIn = (root: Tree, path: Path, part: 'key' | 'value'): Position => {
  let tree = root;
  for (const step of path) {
    const child = tree.children?.get(step);
    if (child === undefined) return tree.keyPosition ?? tree.position;
    tree = child;
  }
  return (part === 'key' ? tree.keyPosition : null) ?? tree.position;
};
