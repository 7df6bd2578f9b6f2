/**
 * What web globals are made of takes much of an isolate, and most actors use none of some. Such a part is made when it is needed: before
 * the code of an author runs that names what needs it (`prepareWebGlobals`), else at its first use, of the built-ins as they are then.
 */
import { defineProperty, getOwnPropertyDescriptor } from './captured.ts';

export interface Late<Made> {
  /** The globals that it has. */
  readonly names: readonly (keyof Made & string)[];
  /** Undefined before it was made: nobody has anything of it. */
  readonly made: Made | undefined;
  make(): Made;
}

/** @param build loads a library, which asks for those of the realm: it must not find what waits for it there */
export function late<Made>(names: readonly (keyof Made & string)[], build: () => Made): Late<Made> {
  let made: Made | undefined;
  const apart = (): Made => {
    const found = names.map((name) => [name, getOwnPropertyDescriptor(globalThis, name)] as const);
    for (const [name] of found) Reflect.deleteProperty(globalThis, name);
    const built = build();
    for (const [name, descriptor] of found) if (descriptor !== undefined) defineProperty(globalThis, name, descriptor);
    return built;
  };
  return {
    names,
    get made() {
      return made;
    },
    make() {
      made ??= apart();
      return made;
    },
  };
}
