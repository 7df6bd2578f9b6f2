import type { Handler } from 'vivarium/actor';

interface Request {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends a request; `{secret}` stands for the placeholder of that name. */
export const handle: Handler<Request> = async ({ url, method, headers, body }, { secrets }) => {
  const filled = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace('{secret}', secrets['TOKEN'] ?? '')]));
  const response = await fetch(url, { method, headers: filled, ...(body === undefined ? {} : { body }) });
  return { status: response.status, kind: response.headers.get('x-kind'), body: await response.text() };
};

/** How many bytes came. */
export const size: Handler<string> = async (url) => (await (await fetch(url)).arrayBuffer()).byteLength;

export const upload: Handler<{ url: string; size: number }> = async ({ url, size }) => {
  const response = await fetch(url, { method: 'POST', body: 'x'.repeat(size) });
  return ((await response.json()) as { bytes: number }).bytes;
};
