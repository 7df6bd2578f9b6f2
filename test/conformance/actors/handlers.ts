import type { Handler } from 'vivarium/actor';

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

let calls = 0;
let running = 0;

export const handle: Handler = (message) => ['handled', message];

export const second: Handler = (message) => ['second', message];

export const silent: Handler = () => {};

export const count: Handler = () => ++calls;

export const later: Handler = async (message) => {
  await pause(2);
  return ['later', message];
};

export const silentLater: Handler = async () => {
  await pause(2);
};

export function* generator(count: number): Generator<number> {
  for (let n = 0; n < count; n++) yield n;
}

export async function* generatorLater(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) {
    await pause(1);
    yield n;
  }
}

export function* sparse(count: number): Generator<number | undefined> {
  for (let n = 0; n < count; n++) yield n % 2 === 0 ? undefined : n;
}

/** How many turns run at once, this one included. */
export const together: Handler = async () => {
  const most = ++running;
  await pause(5);
  running--;
  return most;
};
