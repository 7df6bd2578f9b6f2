/** One timer for all cells of this process: looks at each of them every {@link watchPeriod} ms. */

/** Milliseconds. A guest that allocates as fast as it can gets 40–100 MB in one period. */
export const watchPeriod = 50;

export interface Watched {
  /**
   * A period has passed in which this process was alive. While it was blocked no periods are counted, so that a host
   * that does not come to read never mistakes its own delay for a cell’s.
   */
  look(): void;
}

const watched = new Set<Watched>();
let timer: NodeJS.Timeout | undefined;

/** Looks at it from now on; returns what ends that. Does not keep the process alive. */
export function watch(cell: Watched): () => void {
  watched.add(cell);
  timer ??= setInterval(lookAtAll, watchPeriod).unref();
  return () => {
    watched.delete(cell);
    if (watched.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function lookAtAll(): void {
  for (const cell of watched) cell.look();
}
