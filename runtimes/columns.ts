/**
 * Columns: the long lists of numbers in a message, one row for each payload. They lie behind the header as raw integers, as wide as
 * the largest of each needs; writing and reading digits would cost more than all else that a message passes on its way.
 *
 * The header names them under `columns`: for each its name, the bytes of one number (1, 2, 4, or 8 for a double), and its rows.
 */
import { VivariumError } from '../sdk/errors.ts';
import { frameLimits } from './limits.ts';

type Place = readonly [name: string, width: number, rows: number];

/** The messages of the protocol have no other lists that can be long. */
const names: ReadonlySet<string> = new Set([
  'executions',
  'partition',
  'description',
  'number',
  'runs',
  'execution',
  'reply',
  'length',
  'received',
  'groups',
  'work',
  'actor',
  'messages',
  'progress',
  'target',
  'answer',
  'holder',
  'share',
]);

/** Below this the digits are cheaper. */
const fewRows = 16;

const views = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: Float64Array } as const;
type Width = keyof typeof views;

/** What of a message stays in the header, and its long columns as bytes. */
export function splitColumns(message: object): { readonly header: object; readonly columns: readonly Uint8Array[] } {
  let places: Place[] | undefined;
  const columns: Uint8Array[] = [];
  const header: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(message)) {
    if (!Array.isArray(value) || value.length < fewRows || !names.has(name)) {
      header[name] = value;
      continue;
    }
    const width = widthOf(value as number[]);
    const view = new views[width](value as number[]);
    places ??= [];
    places.push([name, width, value.length]);
    columns.push(new Uint8Array(view.buffer));
  }
  if (places === undefined) return { header: message, columns };
  header['columns'] = places;
  return { header, columns };
}

/**
 * The inverse of {@link splitColumns}: what a header says, with its columns, and the region that is left for payloads.
 *
 * @throws VivariumError `cell.protocol` for columns that cannot be, or do not lie in the region
 */
export function joinColumns(header: unknown, region: Buffer): { readonly message: unknown; readonly region: Buffer } {
  if (typeof header !== 'object' || header === null || !Object.hasOwn(header, 'columns')) return { message: header, region };
  const { columns, ...message } = header as { readonly columns: unknown } & Record<string, unknown>;
  if (!Array.isArray(columns)) throw broken('its columns are no list');
  let offset = 0;
  for (const place of columns as unknown[]) {
    const [name, width, rows] = placeOf(place);
    const end = offset + width * rows;
    if (end > region.length) throw broken('a column lies outside');
    if (Object.hasOwn(message, name)) throw broken('a column is there twice');
    // A copy: what lies behind a header is not aligned.
    const bytes = Uint8Array.prototype.slice.call(region, offset, end);
    message[name] = new views[width](bytes.buffer, 0, rows);
    offset = end;
  }
  return { message, region: region.subarray(offset) };
}

function placeOf(place: unknown): readonly [string, Width, number] {
  if (!Array.isArray(place) || place.length !== 3) throw broken('a column has no place');
  const [name, width, rows] = place as unknown[];
  if (typeof name !== 'string' || !names.has(name)) throw broken('a column has a name that is none');
  if (width !== 1 && width !== 2 && width !== 4 && width !== 8) throw broken('a column has numbers of no width');
  if (typeof rows !== 'number' || !Number.isInteger(rows) || rows < 0 || rows > frameLimits.payloads) throw broken('a column has rows without number');
  return [name, width, rows];
}

function widthOf(numbers: readonly number[]): Width {
  let largest = 0;
  for (const number of numbers) if (number > largest) largest = number;
  if (largest > 0xffff_ffff) return 8;
  if (largest > 0xffff) return 4;
  return largest > 0xff ? 2 : 1;
}

export const broken = (what: string): VivariumError => new VivariumError('cell.protocol', `The channel carried a malformed frame: ${what}.`);
