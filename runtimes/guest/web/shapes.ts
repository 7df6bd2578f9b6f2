import { AbortController, AbortSignal } from './abort.ts';
import * as captured from './captured.ts';
import { Event } from './events.ts';
import { findByPrototype, kindOf } from './kinds.ts';
import { contains, cut, plural, startsWith } from './text.ts';
import { URL, URLSearchParams } from './url.ts';

/** How one object looks in a log, apart from its properties. */
export interface Shape {
  /** What stands for the object where nesting ends. */
  readonly name: string;
  /** What stands before the brackets. */
  readonly head: string;
  /** The head alone says everything when there is nothing to put into brackets. */
  readonly complete?: boolean;
  readonly brackets: '{}' | '[]';
  /** How many items there are: what an object contains by its kind, before its properties. */
  readonly size: number;
  /** Adds items until `add` answers false, and returns for how many items that stands. */
  readonly items?: (add: (item: string) => boolean, show: Show) => number;
  /** Properties that are items already. */
  readonly indexed?: boolean;
  /** Properties that the head says already. */
  readonly said?: readonly string[];
  /** Properties that are shown though they are not enumerable. */
  readonly hidden?: readonly string[];
}

export interface Show {
  value(value: unknown): string;
  property(descriptor: PropertyDescriptor): string;
}

const maxName = 128;
const maxPrototypes = 32;
const maxBytes = 50;

/** Never invokes an accessor. Throws what a proxy throws. */
export function shapeOf(value: object): Shape {
  if (typeof value === 'function') return shapeOfFunction(value);
  const className = classNameOf(value);
  const kind = kindOf(value);
  const named = (fallback: string, size?: number): { name: string; head: string } => titles(className, tagOf(value), fallback, size);
  const complete = (head: string): Shape => ({ name: className ?? 'Object', head, complete: true, brackets: '{}', size: 0 });
  switch (kind) {
    case 'array': {
      const size = lengthOf(value);
      const title = named('Array', size);
      return { ...title, head: title.head === `Array(${size})` ? '' : title.head, brackets: '[]', size, items: arrayItems(value, size), indexed: true };
    }
    case 'typedArray': {
      const size = captured.typedArrayLength(value);
      const { name, head } = named(captured.typedArrayName(value) ?? '', size);
      return { name, head, brackets: '[]', size, items: indexedItems(value as never, size), indexed: true };
    }
    case 'map': {
      const size = captured.mapSize(value);
      return { ...named('Map', size), brackets: '{}', size, items: mapItems(value) };
    }
    case 'set': {
      const size = captured.setSize(value);
      return { ...named('Set', size), brackets: '{}', size, items: setItems(value) };
    }
    case 'arrayBuffer':
      return { ...named('ArrayBuffer'), brackets: '{}', size: 2, items: bufferItems(value) };
    case 'dataView':
      return { ...named('DataView'), brackets: '{}', size: 3, items: dataViewItems(value) };
    case 'weakMap':
    case 'weakSet':
      return { ...named(kind === 'weakMap' ? 'WeakMap' : 'WeakSet'), brackets: '{}', size: 1, items: listed(['<items unknown>']) };
    case 'error':
      return { ...complete(errorHead(value, className)), said: ['name', 'message', 'stack'], hidden: ['cause', 'errors'] };
    case 'date':
      return complete(dateHead(value));
    case 'regexp':
      return complete(`/${captured.regexpSource(value)}/${captured.regexpFlags(value)}`);
    case 'number':
    case 'string':
    case 'boolean':
    case 'bigint':
    case 'symbol':
      return boxed[kind](value);
    case 'plain':
      return shapeOfPlain(value, className, named);
  }
}

function shapeOfPlain(value: object, className: string | null, named: (fallback: string, size?: number) => { name: string; head: string }): Shape {
  const web = findByPrototype(value, webClasses);
  if (web !== undefined) return { ...named('Object'), brackets: '{}', size: Number.POSITIVE_INFINITY, items: web[1](value) };
  const title = named('Object');
  if (title.head === 'Object' && isArguments(value)) {
    const size = lengthOf(value);
    return { name: 'Arguments', head: '[Arguments]', brackets: '[]', size, items: arrayItems(value, size), indexed: true };
  }
  return { ...title, head: title.head === 'Object' && className !== null ? '' : title.head, brackets: '{}', size: 0 };
}
