/** Functions that wait only where there is something to wait for: a plugin that needs nothing of the host is never suspended. */

/** What a function written with `yield*` is: it yields what it waits for. */
export type Steps<T> = Generator<unknown, T, unknown>;

/** What a value is, or will be. */
export function* wait<T>(value: T | Promise<T>): Steps<T> {
  return (value instanceof Promise ? yield value : value) as T;
}

/** Runs to the end: at once if nothing is waited for, else the result is a promise. */
export function run<T>(steps: Steps<T>): T | Promise<T> {
  const { done, value } = steps.next();
  return done ? value : resume(steps, value as Promise<unknown>);
}

async function resume<T>(steps: Steps<T>, first: Promise<unknown>): Promise<T> {
  for (let waited = first; ; ) {
    const next = await waited.then(
      (value) => () => steps.next(value),
      (error) => () => steps.throw(error),
    );
    const { done, value } = next();
    if (done) return value;
    waited = value as Promise<unknown>;
  }
}
