/**
 * Checks a WebAssembly module before anything compiles it, and clamps what it may grow to.
 *
 * isolated-vm's memory limit does not see the memory of WebAssembly, so the bound lies in the module itself: its memory and its
 * tables get a maximum here. Function bodies are not looked into; the engine validates them when the cell compiles the module.
 * The time is linear in the size of the module.
 */
import { VivariumError } from '../../sdk/errors.ts';
import { type AllowedImports, importHint } from './imports.ts';
import { leb, ModuleReader, malformed, refused } from './reader.ts';
import { type EntityKind, readKind, readLimits, readSignature, valueTypes } from './types.ts';

export interface ModuleLimits {
  /** Bytes of the module. */
  readonly bytes: number;
  /** 64 KiB pages that the memory may have. */
  readonly memoryPages: number;
  /** Elements that each table may have. */
  readonly tableElements: number;
  readonly tables: number;
  readonly types: number;
  readonly imports: number;
  /** Functions with a body; also the limit of globals, of exports, of data segments and of element segments. */
  readonly functions: number;
}

export const pageBytes = 65_536;

/** 64 MiB of memory, 4 MiB of module. */
export const defaultModuleLimits: ModuleLimits = {
  bytes: 4 * 1024 * 1024,
  memoryPages: 1024,
  tableElements: 10_000,
  tables: 16,
  types: 10_000,
  imports: 1_000,
  functions: 50_000,
};

export interface CheckedImport {
  readonly module: string;
  readonly name: string;
  readonly kind: EntityKind;
  /** Of a function: `(i64, i32) -> i64`. */
  readonly signature?: string | undefined;
  /** Byte of the module. */
  readonly offset: number;
}

export interface CheckedExport {
  readonly name: string;
  readonly kind: EntityKind;
  /** Of a function: `() -> i32`. */
  readonly signature?: string | undefined;
}

export interface CheckedModule {
  /** The module with its memory and its tables clamped, without custom sections but the one of names. */
  readonly bytes: Uint8Array;
  readonly imports: readonly CheckedImport[];
  readonly exports: readonly CheckedExport[];
  /** Pages of its memory; undefined when it has none. */
  readonly memory: { readonly initial: number; readonly maximum: number } | undefined;
}

const section = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** The order in which sections stand in a module; custom sections may stand anywhere. */
const order: readonly number[] = [
  section.type,
  section.import,
  section.function,
  section.table,
  section.memory,
  section.tag,
  section.global,
  section.export,
  section.start,
  section.element,
  section.dataCount,
  section.code,
  section.data,
];

/** `\0asm`, version 1. */
const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/**
 * Checks a module and clamps its memory and tables.
 *
 * @param allowed the functions that it may import, with their signatures.
 * @throws VivariumError `source.invalid` for a module that is malformed, uses what is not allowed or is too large;
 * `limit.memory` when the memory it starts with is more than it may have.
 * @example const { bytes, exports } = checkModule(await readFile('score.wasm'), allowedImports({ wasi: false }));
 */
export function checkModule(bytes: Uint8Array, allowed: AllowedImports, limits: Partial<ModuleLimits> = {}): CheckedModule {
  return new ModuleCheck(bytes, allowed, { ...defaultModuleLimits, ...limits }).run();
}

class ModuleCheck {
  readonly #bytes: Uint8Array;
  readonly #allowed: AllowedImports;
  readonly #limits: ModuleLimits;
  readonly #pieces: Uint8Array[] = [];
  /** Where each type stands; types are written out only for functions that are imported or exported. */
  readonly #types: number[] = [];
  readonly #signatures = new Map<number, string>();
  readonly #imports: CheckedImport[] = [];
  readonly #exports: CheckedExport[] = [];
  /** The type of each function, imported ones first. */
  readonly #functions: number[] = [];
  #memory: CheckedModule['memory'];

  constructor(bytes: Uint8Array, allowed: AllowedImports, limits: ModuleLimits) {
    this.#bytes = bytes;
    this.#allowed = allowed;
    this.#limits = limits;
  }

  run(): CheckedModule {
    if (this.#bytes.length > this.#limits.bytes)
      throw refused(`has ${this.#bytes.length} bytes; ${this.#limits.bytes} are allowed`, 0, 'Build it for size, without debug information.');
    const reader = new ModuleReader(this.#bytes);
    for (const expected of header)
      if (reader.byte() !== expected) throw malformed('it does not begin as a WebAssembly module of version 1 does', reader.offset - 1);
    this.#keep(0, reader.offset);
    let place = -1;
    while (reader.left > 0) {
      const start = reader.offset;
      const id = reader.byte();
      const content = reader.part();
      if (id === section.custom) {
        if (content.name() === 'name') this.#keep(start, content.end);
        continue;
      }
      const next = order.indexOf(id);
      if (next === -1) throw malformed(`a section with the unknown number ${id}`, start);
      if (next <= place) throw malformed(`section ${id} stands twice or in the wrong place`, start);
      place = next;
      this.#readSection(id, content, start);
    }
    return { bytes: joined(this.#pieces), imports: this.#imports, exports: this.#exports, memory: this.#memory };
  }

  #readSection(id: number, content: ModuleReader, start: number): void {
    switch (id) {
      case section.table:
        this.#replace(id, this.#clampTables(content));
        return;
      case section.memory:
        this.#replace(id, this.#clampMemory(content));
        return;
      case section.type:
        this.#readTypes(content);
        break;
      case section.import:
        this.#readImports(content);
        break;
      case section.function:
        this.#readFunctions(content);
        break;
      case section.export:
        this.#readExports(content);
        break;
      case section.start:
      case section.dataCount:
        content.unsigned();
        content.done(`section ${id}`);
        break;
      default:
        // The engine reads these; here only their number is bounded.
        content.count('entries in a section', this.#limits.functions);
    }
    this.#keep(start, content.end);
  }

  #readTypes(content: ModuleReader): void {
    for (let left = content.count('types', this.#limits.types); left > 0; left -= 1) {
      this.#types.push(content.offset);
      readSignature(content);
    }
    content.done('the type section');
  }

  #readImports(content: ModuleReader): void {
    for (let left = content.count('imports', this.#limits.imports); left > 0; left -= 1) {
      const { offset } = content;
      const module = content.name();
      const name = content.name();
      const kind = readKind(content);
      if (kind !== 'function') throw refused(`imports the ${kind} ${quoted(module, name)}; only functions can be imported`, offset, importHint(module));
      const type = content.unsigned();
      this.#functions.push(type);
      this.#imports.push({ module, name, kind, signature: this.#signature(type, offset), offset });
    }
    content.done('the import section');
    this.#refuseForeignImports();
  }

  #refuseForeignImports(): void {
    const known = ({ module, name }: CheckedImport) => this.#allowed.get(module)?.get(name);
    const foreign = this.#imports.filter((entry) => known(entry) === undefined);
    const [first] = foreign;
    if (first !== undefined) {
      const listed = foreign.slice(0, 20).map(({ module, name, offset }) => `${quoted(module, name)} (byte ${offset})`);
      const more = foreign.length > listed.length ? ` and ${foreign.length - listed.length} more` : '';
      throw new VivariumError('source.invalid', `The WebAssembly module imports what this actor is not given: ${listed.join(', ')}${more}.`, {
        hint: importHint(first.module),
      });
    }
    for (const { module, name, signature, offset } of this.#imports) {
      const expected = this.#allowed.get(module)?.get(name)?.signature;
      if (signature !== expected)
        throw refused(
          `imports ${quoted(module, name)} as ${signature}, but it is ${expected}`,
          offset,
          'Build the plugin with an Extism PDK of version 1 or later.',
        );
    }
  }

  #readFunctions(content: ModuleReader): void {
    for (let left = content.count('functions', this.#limits.functions); left > 0; left -= 1) this.#functions.push(content.unsigned());
    content.done('the function section');
  }

  /** Each table gets the limit as its maximum, unless its own is lower. */
  #clampTables(content: ModuleReader): number[] {
    const count = content.count('tables', this.#limits.tables);
    const clamped = [...leb(count)];
    for (let left = count; left > 0; left -= 1) {
      const { offset } = content;
      const type = content.byte();
      if (valueTypes.get(type)?.endsWith('ref') !== true)
        throw refused(`has a table of a type that is not supported (0x${type.toString(16)})`, offset, 'A table holds funcref or externref.');
      const { initial, maximum } = readLimits(content, 'table', 2 ** 32 - 1);
      const limit = this.#limits.tableElements;
      if (initial > limit)
        throw refused(`has a table of ${initial} elements; ${limit} are allowed`, offset, 'A module of this size is not meant for an actor.');
      clamped.push(type, 0x01, ...leb(initial), ...leb(Math.min(maximum, limit)));
    }
    content.done('the table section');
    return clamped;
  }

  #clampMemory(content: ModuleReader): number[] {
    const { offset } = content;
    const count = content.unsigned();
    if (count === 0) {
      content.done('the memory section');
      return [0];
    }
    if (count > 1) throw refused(`has ${count} memories; one is allowed`, offset, 'Build it without the multi-memory feature.');
    const { initial, maximum } = readLimits(content, 'memory', 65_536);
    content.done('the memory section');
    const limit = this.#limits.memoryPages;
    if (initial > limit) {
      throw new VivariumError(
        'limit.memory',
        `The WebAssembly module starts with ${initial * pageBytes} bytes of memory (byte ${offset}); the actor may have ${limit * pageBytes}.`,
        {
          hint: `Allow the actor more: limits: { memory: ${Math.ceil((initial * pageBytes) / 1024 / 1024)}MiB }.`,
        },
      );
    }
    this.#memory = { initial, maximum: Math.min(maximum, limit) };
    return [1, 0x01, ...leb(initial), ...leb(this.#memory.maximum)];
  }

  #readExports(content: ModuleReader): void {
    const names = new Set<string>();
    for (let left = content.count('exports', this.#limits.functions); left > 0; left -= 1) {
      const { offset } = content;
      const name = content.name();
      if (names.has(name)) throw malformed(`${JSON.stringify(name.slice(0, 100))} is exported twice`, offset);
      names.add(name);
      const kind = readKind(content);
      const index = content.unsigned();
      if (kind !== 'function') {
        this.#exports.push({ name, kind });
        continue;
      }
      const type = this.#functions[index];
      if (type === undefined) throw malformed(`function ${index} is exported but does not exist`, offset);
      this.#exports.push({ name, kind, signature: this.#signature(type, offset) });
    }
    content.done('the export section');
  }

  /** A function type in words: `(i64, i32) -> i64`. */
  #signature(type: number, offset: number): string {
    const known = this.#signatures.get(type);
    if (known !== undefined) return known;
    const start = this.#types[type];
    if (start === undefined) throw malformed(`type ${type} does not exist`, offset);
    const signature = readSignature(new ModuleReader(this.#bytes, start));
    this.#signatures.set(type, signature);
    return signature;
  }

  #keep(start: number, end: number): void {
    this.#pieces.push(this.#bytes.subarray(start, end));
  }

  #replace(id: number, content: readonly number[]): void {
    this.#pieces.push(Uint8Array.of(id, ...leb(content.length), ...content));
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}

const quoted = (module: string, name: string): string => JSON.stringify(`${module.slice(0, 100)} ${name.slice(0, 100)}`);
