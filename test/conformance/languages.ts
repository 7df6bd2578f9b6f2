/**
 * The three languages, and what an actor can do in each. docs/reference/languages.md shows the same table; a test holds the two equal.
 */
import path from 'node:path';
import type { ManifestObject } from '../../host/index.ts';

export type ActorEntry = ManifestObject['actors'][string];

/** What not every language has. Everything else is the same in all three. */
export const abilities = {
  asynchronous: 'A handler, `start` or `stop` may wait without holding its thread: a promise, a coroutine.',
  interleaved: 'With `concurrency: n`, n turns take turns where they wait.',
  generators: 'A handler may be a generator, whose yields go out one by one.',
  blocking: 'A plain function calls the host and waits for the answer.',
  parallel: 'A turn has several calls to the host under way at once.',
  timers: 'A turn, or `start`, sets timers.',
  signal: 'The code of a turn that is cancelled hears of it.',
  print: 'What is printed is logged.',
  places: 'Errors name file and line of the author.',
  classes: 'Errors carry the name of the author’s exception class.',
  passing: 'An error of the host that a handler lets pass keeps its code.',
  contexts: 'A context can be kept beyond its turn, and then refuses everything with `actor.turn-ended`.',
} as const;

export type Ability = keyof typeof abilities;

export const root = path.join(import.meta.dirname, '../..');

export class Language {
  readonly name: 'javascript' | 'python' | 'wasm';
  readonly abilities: ReadonlySet<Ability>;
  readonly #fileOf: (kind: string) => string;

  constructor(name: Language['name'], having: readonly Ability[], fileOf: (kind: string) => string) {
    this.name = name;
    this.abilities = new Set(having);
    this.#fileOf = fileOf;
  }

  has(ability: Ability): boolean {
    return this.abilities.has(ability);
  }

  /** The source of an actor program, from the root of the repository. */
  file(kind: string): string {
    return this.#fileOf(kind);
  }

  /** The entry of an actor program in a manifest. */
  actor(kind: string, rest: Omit<ActorEntry, 'source' | 'code' | 'runtime'> = {}): ActorEntry {
    return { source: path.join(root, this.file(kind)), ...rest };
  }

  /** For the names of tests. */
  toString(): string {
    return this.name;
  }
}

export const javascript = new Language(
  'javascript',
  ['asynchronous', 'interleaved', 'generators', 'parallel', 'timers', 'signal', 'print', 'places', 'classes', 'passing', 'contexts'],
  (kind) => `test/conformance/actors/${kind}.ts`,
);

export const python = new Language('python', Object.keys(abilities) as Ability[], (kind) => `test/conformance/actors/${kind}.py`);

export const wasm = new Language('wasm', ['blocking'], (kind) => `dist/test/plugins/${kind}.wasm`);

export const languages: readonly Language[] = [javascript, python, wasm];
