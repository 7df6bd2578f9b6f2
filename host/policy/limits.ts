/** The limits as a policy writes them: which there are, in which unit, and between which bounds. */
import { defaultLimits, type Limits } from '../../runtimes/limits.ts';
import type { RuntimeName } from '../../runtimes/protocol.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

export type LimitName = keyof Limits;
export type LimitUnit = 'duration' | 'size' | 'count';

interface LimitKind {
  readonly unit: LimitUnit;
  /** Less would not let an actor run at all. */
  readonly least: number;
  /** More is not granted to anybody: the machinery is not made for it. */
  readonly most: number;
  readonly meaning: string;
}

const second = 1000;
const KiB = 1024;
const MiB = 1024 * KiB;

export const limitKinds = {
  wall: {
    unit: 'duration',
    least: 1,
    most: 24 * 3600 * second,
    meaning: 'One turn, from the delivery of its message until what the handler returned has settled; waiting included.',
  },
  cpu: { unit: 'duration', least: 1, most: 3600 * second, meaning: 'Processor time of one turn.' },
  memory: { unit: 'size', least: 16 * MiB, most: 4096 * MiB, meaning: 'Heap, buffers and WebAssembly memory of one instance together.' },
  message: { unit: 'size', least: 1, most: 16 * MiB, meaning: 'One encoded message.' },
  outboundMessages: { unit: 'count', least: 0, most: 1_000_000, meaning: 'Messages that one turn may send.' },
  outboundBytes: { unit: 'size', least: 0, most: 256 * MiB, meaning: 'Bytes that one turn may send.' },
  logs: { unit: 'size', least: 0, most: 16 * MiB, meaning: 'Log bytes of one turn; what exceeds them is dropped and counted.' },
  timers: { unit: 'count', least: 0, most: 100_000, meaning: 'Timers pending at once in one instance.' },
  calls: { unit: 'count', least: 0, most: 1000, meaning: 'Calls to the host in flight at once in one instance.' },
  handles: { unit: 'count', least: 0, most: 1000, meaning: 'Files and connections open at once in one instance.' },
  requests: { unit: 'count', least: 0, most: 10_000, meaning: 'Requests that one turn may send over the network, redirects not counted.' },
  requestBody: { unit: 'size', least: 0, most: 4096 * MiB, meaning: 'The body of one request.' },
  responseBody: { unit: 'size', least: 0, most: 4096 * MiB, meaning: 'The body of one response, decompressed.' },
  start: { unit: 'duration', least: 100, most: 600 * second, meaning: 'From the creation of an isolate until its actor has started.' },
  mailbox: { unit: 'count', least: 1, most: 100_000, meaning: 'Messages that wait in the mailbox of one instance.' },
} as const satisfies Record<LimitName, LimitKind>;

export const limitNames = Object.keys(limitKinds) as readonly LimitName[];

/** The value of a limit in milliseconds, bytes or pieces. Throws a RangeError whose message says what is wrong. */
export const parseLimit = (name: LimitName, written: string | number): number => {
  const { least, most } = limitKinds[name];
  const value = parseAmount(name, written);
  if (value < least) throw new RangeError(`must be at least ${formatLimit(name, least)}`);
  if (value > most) throw new RangeError(`must be at most ${formatLimit(name, most)}`);
  return value;
};

export const formatLimit = (name: LimitName, value: number): string => {
  const { unit } = limitKinds[name];
  if (unit === 'duration') return formatDuration(value);
  return unit === 'size' ? formatSize(value) : String(value);
};

/** The line of a policy that sets a limit: `limits: { wall: 2s }`. */
export const limitText = (name: LimitName, value: number): string => {
  const written = formatLimit(name, value);
  if (name === 'outboundMessages') return `limits: { outbound: { messages: ${written} } }`;
  if (name === 'outboundBytes') return `limits: { outbound: { bytes: ${written} } }`;
  return `limits: { ${name}: ${written} }`;
};

/** What an actor has that asks for nothing, and the most that it can ask for under a ceiling that says nothing. */
export const defaultLimit = (runtime: RuntimeName, name: LimitName): number => defaultLimits[runtime][name];

const parseAmount = (name: LimitName, written: string | number): number => {
  const { unit } = limitKinds[name];
  if (unit === 'duration') return parseDuration(written);
  if (unit === 'size') return parseSize(written);
  if (typeof written === 'number' && Number.isSafeInteger(written)) return written;
  throw new RangeError('a count is a whole number without a unit');
};
