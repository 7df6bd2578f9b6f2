/** WebAssembly as the tests need it: the library of ECMAScript alone does not declare it. */
export interface Growable {
  readonly buffer: ArrayBuffer;
  grow(by: number): number;
}

interface Engine {
  readonly Module: {
    new (bytes: Uint8Array): object;
    imports(module: object): readonly { readonly module: string; readonly name: string; readonly kind: string }[];
    customSections(module: object, name: string): readonly ArrayBuffer[];
  };
  readonly Memory: new (descriptor: { readonly initial: number; readonly maximum?: number }) => Growable;
  readonly Instance: new (module: object, imports?: object) => { readonly exports: Record<string, unknown> };
  validate(bytes: Uint8Array): boolean;
}

export const engine = Reflect.get(globalThis, 'WebAssembly') as Engine;
