/** Text for a terminal. */

type Cell = string | number;

const right = (rows: readonly (readonly Cell[])[], column: number): boolean =>
  rows.every((row) => typeof row[column] === 'number' || /^[\d.]+( ms)?$/.test(String(row[column])));

export function printTable(title: string, header: readonly string[], rows: readonly (readonly Cell[])[]): void {
  const widths = header.map((name, column) => Math.max(name.length, ...rows.map((row) => String(row[column]).length)));
  const line = (cells: readonly Cell[]): string =>
    cells.map((cell, column) => (right(rows, column) ? String(cell).padStart(widths[column] ?? 0) : String(cell).padEnd(widths[column] ?? 0))).join('  ');
  console.log([`\n${title}`, line(header), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].map((text) => text.trimEnd()).join('\n'));
}

export const milliseconds = (time: number): string => `${time.toFixed(time < 10 ? 2 : 0)} ms`;
