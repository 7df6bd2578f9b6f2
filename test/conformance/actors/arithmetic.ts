/** Imported by failures.ts. */
export function divide(a: number, b: number): number {
  if (b === 0) throw new RangeError('division by zero'); // here
  return a / b;
}
