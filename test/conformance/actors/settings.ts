import type { Handler, Log } from 'vivarium/actor';

interface Config {
  readonly threshold: number;
  readonly names: readonly string[];
}

export const handle: Handler<unknown, unknown, Config> = (_, { config }) => ({ threshold: config.threshold, names: config.names });

const names = ['REGION', 'LEVEL', 'COLOUR', 'TOKEN'];

export const environment: Handler = (_, { env }) => Object.fromEntries(names.map((name) => [name, env[name] ?? null]));

export const secrets: Handler = (_, context) => ({ API_KEY: context.secrets['API_KEY'] ?? null, TOKEN: context.secrets['TOKEN'] ?? null });

export const execution: Handler = (_, context) => {
  const { id, attempt, parents, deadline, trace } = context.execution ?? {};
  return { id, attempt, parents, deadline: deadline?.getTime() ?? null, trace: trace ?? null };
};

/** Tells how often it was tried, after a call. */
export const survive: Handler = async (_, context) => {
  await context.services['gate']?.['enter']?.();
  return context.execution?.attempt;
};

export const log: Handler<string> = (text, context) => {
  context.log.debug(text);
  context.log.info(text);
  context.log.warn(text);
  context.log.error(text);
};

/** The types of the AssemblyScript compiler narrow the global one. */
const printer = console as unknown as Log;

export const printed: Handler<string> = (text) => {
  printer.info(text);
  printer.error(text, { n: 1 });
};

/** Logs so many lines of a hundred characters. */
export const flood: Handler<number> = (count, { log }) => {
  for (let n = 0; n < count; n++) log.info(String(n).padEnd(100, '.'));
};
