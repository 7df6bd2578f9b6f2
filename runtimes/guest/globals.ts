/** Defines globals as a realm has its own: to be replaced and deleted, and not enumerated. */
import { defineProperty } from './primordials.ts';

export function defineGlobals(realm: object, globals: object): void {
  for (const name in globals) defineProperty(realm, name, { value: globals[name as never], writable: true, configurable: true, enumerable: false });
}
