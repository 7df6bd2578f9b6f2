import type { Handler } from 'vivarium/actor';

interface Config {
  readonly threshold: number;
  readonly names: readonly string[];
}

export const handle: Handler<unknown, unknown, Config> = (_, { config }) => ({ threshold: config.threshold, names: config.names });

export const environment: Handler = (_, { env }) => ({ REGION: env['REGION'] ?? null, LEVEL: env['LEVEL'] ?? null, TOKEN: env['TOKEN'] ?? null });

export const execution: Handler = (_, context) => {
  const { id, attempt, parents, deadline, trace } = context.execution ?? {};
  return { id, attempt, parents, deadline: deadline?.getTime() ?? null, trace: trace ?? null };
};

/** Tells how often it was tried, after a call. */
export const survive: Handler = async (_, context) => {
  await context.services['gate']?.['enter']?.();
  return context.execution?.attempt;
};

export const log: Handler<string> = (text, { log }) => {
  log.debug(text);
  log.info(text);
  log.warn(text);
  log.error(text);
};

export const printed: Handler<string> = (text) => {
  console.log(text);
  console.error(text, { n: 1 });
};

/** Logs so many lines of a hundred characters. */
export const flood: Handler<number> = (count, { log }) => {
  for (let n = 0; n < count; n++) log.info(String(n).padEnd(100, '.'));
};
