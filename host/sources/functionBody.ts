/**
 * An ES module as the body of a function: isolated-vm runs the top level of a module outside every time limit,
 * so a guest evaluates `(async function () { "use strict";⏎ BODY ⏎})` instead, and calls it.
 *
 * esbuild ends a bundle with one statement that names all exports, one a line:
 *
 *     export {
 *       handle,
 *       a as default
 *     };
 *
 * It becomes `return {…}`. What stands before it keeps its lines and columns, so the source map stays true.
 */

/** Lines that the body has before the bundle's first line. Whoever puts lines before the body counts those in addition. */
export const linesBefore = 0;

const statement = '\nexport {\n';
/** A name that is no identifier stands in quotes, of the kind that needs fewer escapes. */
const entry = /^ {2}(?<local>[^\s"',]+)(?: as (?:(?<name>[^\s"',]+)|(?<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')))?,?$/;

/**
 * @param bundle what esbuild made with `format: 'esm'` and `bundle: true`.
 * @param exports the names that esbuild says the module exports.
 * @returns the body of an async function that returns an object without prototype: the exports by name.
 * @throws Error when the module does not end as esbuild ends modules.
 */
export function functionBody(bundle: string, exports: readonly string[]): string {
  // A hashbang is one only at the very beginning of a program; as a comment it keeps its line.
  const module = bundle.startsWith('#!') ? `//${bundle.slice(2)}` : bundle;
  if (exports.length === 0) return `${module}return { __proto__: null };\n`;
  // Names with line breaks are escaped by esbuild, so nothing in the list of exports can look like the statement's begin.
  const start = `\n${module}`.lastIndexOf(statement);
  const lines = module.slice(start + statement.length - 1).split('\n');
  const end = lines.indexOf('};');
  if (start === -1 || end !== exports.length || lines.slice(end + 1).join('') !== '') throw new Error('The bundle does not end with the list of its exports.');
  return `${module.slice(0, start)}return { __proto__: null, ${lines.slice(0, end).map(asProperty).join(', ')} };\n`;
}

/** `  a as default,` becomes `["default"]: a`. In brackets even `"__proto__"` is a name like any other. */
function asProperty(line: string): string {
  const { local, name = local, quoted } = entry.exec(line)?.groups ?? {};
  if (local === undefined) throw new Error(`The bundle exports ${JSON.stringify(line)}, which cannot be read.`);
  return `[${quoted ?? JSON.stringify(name)}]: ${local}`;
}
