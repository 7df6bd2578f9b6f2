/** Edit distance, up to a limit: letters inserted, removed or replaced to come from one name to another. */

const MAXIMUM_LENGTH: i32 = 256;

const previous = new StaticArray<i32>(MAXIMUM_LENGTH + 1);
const current = new StaticArray<i32>(MAXIMUM_LENGTH + 1);

/** A bit for each letter of a name. One edit changes two bits at most. */
export function lettersOf(name: string): u64 {
  let letters: u64 = 0;
  for (let i = 0; i < name.length; i++) letters |= 1 << <u64>(name.charCodeAt(i) & 63);
  return letters;
}

/**
 * @param limit the distance beyond which names are simply far apart.
 * @returns the distance, or `limit + 1` when it is larger.
 */
export function distance(a: string, b: string, limit: i32): i32 {
  let start = 0;
  let aEnd = a.length;
  let bEnd = b.length;
  while (start < aEnd && start < bEnd && a.charCodeAt(start) == b.charCodeAt(start)) start++;
  while (aEnd > start && bEnd > start && a.charCodeAt(aEnd - 1) == b.charCodeAt(bEnd - 1)) {
    aEnd--;
    bEnd--;
  }
  const rows = aEnd - start;
  const columns = bEnd - start;
  if (abs(rows - columns) > limit || columns > MAXIMUM_LENGTH) return limit + 1;

  for (let column = 0; column <= columns; column++) previous[column] = column;
  for (let row = 1; row <= rows; row++) {
    const letter = a.charCodeAt(start + row - 1);
    let best = (current[0] = row);
    for (let column = 1; column <= columns; column++) {
      const replaced = previous[column - 1] + (b.charCodeAt(start + column - 1) == letter ? 0 : 1);
      const edited = min(replaced, min(previous[column], current[column - 1]) + 1);
      current[column] = edited;
      best = min(best, edited);
    }
    if (best > limit) return limit + 1;
    memory.copy(changetype<usize>(previous), changetype<usize>(current), (<usize>columns + 1) << 2);
  }
  return min(previous[columns], limit + 1);
}
