import { readFile, writeFile } from 'node:fs/promises';
import type { Context, Handler } from 'vivarium/actor';

const operations: Readonly<Record<string, (resource: string, context: Context) => unknown>> = {
  call(name, { services }) {
    let service: unknown = services;
    for (const part of name.split('.')) service = (service as Readonly<Record<string, unknown>>)[part];
    return (service as () => unknown)();
  },
  variable(name, { env }) {
    if (!Object.hasOwn(env, name)) throw Object.assign(new Error(name), { code: 'absent' });
  },
  get: (key, { state }) => state.get(key),
  put: (key, { state }) => state.put(key, 1),
  delete: (key, { state }) => state.delete(key),
  list: (prefix, { state }) => state.list({ prefix }),
  read: (path) => readFile(path),
  write: (path) => writeFile(path, 'written'),
  GET: (url) => fetch(url),
  POST: (url) => fetch(url, { method: 'POST' }),
};

/** Lines `operation resource`: for each `allowed`, or the code of its error. */
export const handle: Handler<string> = async (text, context) => {
  const outcomes: string[] = [];
  for (const line of text.split('\n')) {
    const [operation = '', resource = ''] = line.split(' ');
    try {
      await operations[operation]?.(resource, context);
      outcomes.push('allowed');
    } catch (error) {
      outcomes.push((error as { code: string }).code);
    }
  }
  return outcomes;
};
