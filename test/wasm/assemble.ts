/** Assembles WebAssembly modules by hand, so that a test can say exactly what is wrong with one. */

export const leb = (value: number): number[] => (value < 128 ? [value] : [(value % 128) + 128, ...leb(Math.floor(value / 128))]);

export const text = (value: string): number[] => {
  const bytes = [...new TextEncoder().encode(value)];
  return [...leb(bytes.length), ...bytes];
};

export const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

export const section = (id: number, content: readonly number[]): number[] => [id, ...leb(content.length), ...content];

/** A section that is a list: its length, then the entries. */
export const list = (id: number, entries: readonly (readonly number[])[]): number[] => section(id, [...leb(entries.length), ...entries.flat()]);

export const custom = (name: string, content: readonly number[] = []): number[] => section(0, [...text(name), ...content]);

export const types = { i32: 0x7f, i64: 0x7e, funcref: 0x70, externref: 0x6f } as const;

export type Value = 'i32' | 'i64';

export const functionType = (parameters: readonly Value[], results: readonly Value[]): number[] => [
  0x60,
  ...leb(parameters.length),
  ...parameters.map((name) => types[name]),
  ...leb(results.length),
  ...results.map((name) => types[name]),
];

/** `(i64, i32) -> i64` as a function type. */
export const typeOf = (signature: string): number[] => {
  const [parameters = '', results = ''] = signature.split(' -> ').map((side) => side.replace(/[()]/g, ''));
  const values = (side: string): Value[] => side.split(', ').filter((name) => name !== '') as Value[];
  return functionType(values(parameters), values(results));
};

export const importFunction = (module: string, name: string, type: number): number[] => [...text(module), ...text(name), 0x00, ...leb(type)];

export const kinds = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;

export const exported = (name: string, kind: keyof typeof kinds, index: number): number[] => [...text(name), kinds[kind], ...leb(index)];

/** Initial and maximum size, as memories and tables have them. */
export const limits = (initial: number, maximum?: number): number[] =>
  maximum === undefined ? [0x00, ...leb(initial)] : [0x01, ...leb(initial), ...leb(maximum)];

/** The body of a function without locals. */
export const body = (...instructions: readonly number[]): number[] => [...leb(instructions.length + 2), 0x00, ...instructions, 0x0b];

export const assemble = (...sections: readonly (readonly number[])[]): Uint8Array => Uint8Array.from([...header, ...sections.flat()]);
