/** What no guest may read, change or reach: a file, a variable of the host's environment, a listener, the host's own prototypes. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { CellEvent, Host, LogEvent } from '../../host/index.ts';

/** Where the canaries are. Told to the attackers, so that no attack fails for want of an address. */
export interface CanaryPlaces {
  readonly file: string;
  readonly variable: string;
  readonly port: number;
  readonly socket: string;
  readonly pid: number;
}

export class Canaries {
  readonly places: CanaryPlaces;
  readonly #folder: string;
  readonly #tokens: readonly [file: string, variable: string];
  readonly #servers: readonly Server[];
  readonly #changed: number;
  readonly #realm = pictureOfRealm();
  #connections = 0;
  readonly #logs: LogEvent[] = [];
  readonly #cells: CellEvent[] = [];
  readonly #events: unknown[] = [];

  private constructor(folder: string, servers: readonly Server[]) {
    const [tcp, local] = servers as readonly [Server, Server];
    for (const server of servers)
      server.on('connection', (socket) => {
        this.#connections++;
        socket.destroy();
      });
    this.#folder = folder;
    this.#servers = servers;
    this.#tokens = [`token-${randomUUID()}`, `token-${randomUUID()}`];
    this.places = {
      file: join(folder, 'canary.txt'),
      variable: `VIVARIUM_CANARY_${process.pid}`,
      port: (tcp.address() as AddressInfo).port,
      socket: local.address() as string,
      pid: process.pid,
    };
    process.env[this.places.variable] = this.#tokens[1];
    writeFileSync(this.places.file, this.#tokens[0]);
    this.#changed = statSync(this.places.file).mtimeMs;
  }

  static async set(): Promise<Canaries> {
    const folder = mkdtempSync(join(tmpdir(), 'vivarium-canary-'));
    const listen = (...place: [number, string] | [string]) =>
      new Promise<Server>((resolve, reject) => {
        const server = createServer().once('error', reject);
        server.listen(...(place as [number, string]), () => resolve(server));
      });
    return new Canaries(folder, [await listen(0, '127.0.0.1'), await listen(join(folder, 'canary.sock'))]);
  }

  /** Hears everything that the host tells, for tokens in it. */
  listen(host: Host): void {
    host.on('log', (event) => void this.#logs.push(event));
    host.on('cell', (event) => void this.#cells.push(event));
    host.on('audit', (event) => void this.#events.push(event));
    host.on('execution', (event) => event.namespace !== 'bystander' && void this.#events.push(event));
  }

  /** What is told of a namespace from now on. */
  record(namespace: string): { readonly logs: readonly LogEvent[]; readonly cells: readonly CellEvent[] } {
    const logs = this.#logs;
    const cells = this.#cells;
    return {
      get logs() {
        return logs.filter((event) => event.namespace === namespace);
      },
      get cells() {
        return cells.filter((event) => event.namespace === namespace);
      },
    };
  }

  /** @param seen what the attack showed to its caller */
  demandUntouched(seen: { readonly result: unknown; readonly refused: unknown }): void {
    const { file, variable } = this.places;
    const [inFile, inVariable] = this.#tokens;
    expect(readFileSync(file, 'utf8'), 'the file').toBe(inFile);
    expect(statSync(file).mtimeMs, 'the file').toBe(this.#changed);
    expect(readdirSync(this.#folder).sort(), 'the folder of the file').toEqual(['canary.sock', 'canary.txt']);
    expect(process.env[variable], 'the variable').toBe(inVariable);
    expect(this.#connections, 'connections to the listeners').toBe(0);
    const told = [seen.result, seen.refused, this.#logs, this.#cells, this.#events].map(textOf).join('\n');
    for (const token of this.#tokens) expect(told.includes(token), 'a token was told').toBe(false);
    expect(pictureOfRealm(), 'the prototypes of the host').toEqual(this.#realm);
    this.#logs.length = 0;
    this.#cells.length = 0;
    this.#events.length = 0;
  }

  async remove(): Promise<void> {
    delete process.env[this.places.variable];
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return String(part);
    if (part instanceof Uint8Array) return Buffer.from(part).toString('latin1');
    return part instanceof Error ? { ...part, message: part.message, stack: part.stack } : part;
  }) ?? '';

const watched = {
  Object,
  Function,
  Array,
  String,
  Number,
  Boolean,
  Symbol,
  BigInt,
  Promise,
  Map,
  Set,
  WeakMap,
  Date,
  RegExp,
  Error,
  JSON,
  Reflect,
  Math,
  Uint8Array,
  ArrayBuffer,
  Buffer,
} as const;

const identities = new WeakMap<object, number>();
let nextIdentity = 1;

/** Functions and objects by who they are, everything else by what it is. */
function identityOf(value: unknown): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return typeof value === 'symbol' ? String(value) : value;
  const known = identities.get(value) ?? nextIdentity++;
  identities.set(value, known);
  return `#${known}`;
}

function pictureOf(object: object): readonly unknown[] {
  return Reflect.ownKeys(object).map((key) => {
    const { value, get, set } = Object.getOwnPropertyDescriptor(object, key) as PropertyDescriptor;
    return [String(key), identityOf(value), identityOf(get), identityOf(set)];
  });
}

/** The own properties of the intrinsics that an attack would poison, and the names of the globals. */
function pictureOfRealm(): unknown {
  const picture: Record<string, unknown> = { globals: Reflect.ownKeys(globalThis).map(String) };
  for (const [name, intrinsic] of Object.entries(watched)) {
    picture[name] = pictureOf(intrinsic);
    if (typeof intrinsic === 'function') picture[`${name}.prototype`] = pictureOf(intrinsic.prototype as object);
  }
  return picture;
}
