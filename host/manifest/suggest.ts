/** Longer words are not mistyped names, and comparing them costs their product. */
const longestWord = 64;

/** `Did you mean …?` when one of the candidates is near enough; otherwise what there is to choose from. */
export const suggest = (written: string, candidates: readonly string[], whatThereIs: string): string => {
  const near = closest(written, candidates);
  if (near !== undefined) return `Did you mean \`${near}\`?`;
  if (candidates.length === 0) return `There are no ${whatThereIs}.`;
  const listed = candidates.slice(0, 16).join(', ');
  return `The ${whatThereIs}: ${listed}${candidates.length > 16 ? ', …' : ''}.`;
};

/** The candidate that a slip of the hand turns into `written`: at most one edit for each three letters, and three in all. */
export const closest = (written: string, candidates: readonly string[]): string | undefined => {
  if (written.length > longestWord) return undefined;
  const word = written.toLowerCase();
  const allowed = Math.min(3, Math.max(1, Math.floor(word.length / 3)));
  let best: string | undefined;
  let least = allowed + 1;
  for (const candidate of candidates) {
    if (candidate.length > longestWord || Math.abs(candidate.length - word.length) >= least) continue;
    const distance = editDistance(word, candidate.toLowerCase(), least);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
};

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other; infinite from `enough` on. */
export const editDistance = (from: string, to: string, enough: number): number => {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const replaced = at(last, column - 1) + (same ? 0 : 1);
      const inserted = at(current, column - 1) + 1;
      const deleted = at(last, column) + 1;
      current.push(Math.min(replaced, inserted, deleted, swapped ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY));
    }
    if (Math.min(...current, ...last) >= enough) return Number.POSITIVE_INFINITY;
    beforeLast = last;
    last = current;
  }
  return at(last, to.length);
};

const at = (row: readonly number[], column: number): number => row[column] ?? Number.POSITIVE_INFINITY;
