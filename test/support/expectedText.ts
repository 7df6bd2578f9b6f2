/** Compares what a program writes with a text that a person wrote down, where some parts differ from run to run. */

/** Columns are as wide as their contents: widths do not count. */
const linesOf = (text: string): string[] =>
  text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) =>
      line
        .trimEnd()
        .replaceAll(/(?<=\S) {2,}/g, '  ')
        .replaceAll(/─+/g, '─'),
    );

/**
 * Two lists of lines that are equal if the written text is the expected one; a test compares them, so that a difference shows.
 *
 * In the expected text `%execution%`, `%number%`, `%level%` and `%text%`, or `…`, stand for what differs; a line that is
 * `%lines%` or `…` stands for any number of lines.
 */
export function comparison(written: string, expected: string): { readonly actual: readonly string[]; readonly wanted: readonly string[] } {
  const rest = linesOf(written);
  const wanted = linesOf(expected);
  const actual: string[] = [];
  for (const [index, pattern] of wanted.entries()) {
    if (pattern === '%lines%' || pattern === '…') {
      const next = wanted[index + 1];
      while (rest.length > 0 && (next === undefined || !fits(rest[0] as string, next))) rest.shift();
      actual.push(pattern);
      continue;
    }
    const line = rest.shift();
    if (line !== undefined) actual.push(fits(line, pattern) ? pattern : line);
  }
  return { actual: [...actual, ...rest], wanted };
}

const placeholders: Readonly<Record<string, string>> = {
  '%execution%': '[\\w-]{8}\\.[0-9a-z]+',
  '%number%': '\\d+(?:\\.\\d+)?',
  '%level%': '(?:jail|process)',
  '%text%': '.*',
  '…': '.*',
};

const fits = (line: string, pattern: string): boolean => {
  const expression = pattern
    .split(/(%[a-z]+%|…)/)
    .map((part) => placeholders[part] ?? part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('');
  return new RegExp(`^${expression}$`, 'u').test(line);
};
