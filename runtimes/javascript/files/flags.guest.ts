/** The flags with which files are opened: `r`, `w+`, `ax`, … */
import { hasOwn } from '../../guest/primordials.ts';
import { invalidValue } from './errors.guest.ts';

export interface Opening {
  readonly access: 'read' | 'write' | 'read-write';
  readonly create?: true;
  readonly exclusive?: true;
  readonly truncate?: true;
  readonly append?: true;
}

const openings: Readonly<Record<string, Opening>> = {
  r: { access: 'read' },
  rs: { access: 'read' },
  'r+': { access: 'read-write' },
  'rs+': { access: 'read-write' },
  w: { access: 'write', create: true, truncate: true },
  wx: { access: 'write', create: true, exclusive: true },
  'w+': { access: 'read-write', create: true, truncate: true },
  'wx+': { access: 'read-write', create: true, exclusive: true },
  a: { access: 'write', create: true, append: true },
  ax: { access: 'write', create: true, append: true, exclusive: true },
  'a+': { access: 'read-write', create: true, append: true },
  'ax+': { access: 'read-write', create: true, append: true, exclusive: true },
};

/** The numbers of Linux, for those who combine them. */
export const constants = {
  __proto__: null,
  F_OK: 0,
  R_OK: 4,
  W_OK: 2,
  X_OK: 1,
  COPYFILE_EXCL: 1,
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
} as const;

const known = 0o3303;
const accesses = ['read', 'write', 'read-write'] as const;

export function openingOf(flags: unknown, usual: string): Opening {
  const wanted = flags ?? usual;
  if (typeof wanted === 'string' && hasOwn(openings, wanted)) return openings[wanted] as Opening;
  if (typeof wanted !== 'number' || (wanted & ~known) !== 0 || (wanted & 3) === 3) throw invalidValue('flags', 'are none that open a file here');
  return {
    access: accesses[wanted & 3] as Opening['access'],
    ...(wanted & constants.O_CREAT ? { create: true } : {}),
    ...(wanted & constants.O_EXCL ? { exclusive: true } : {}),
    ...(wanted & constants.O_TRUNC ? { truncate: true } : {}),
    ...(wanted & constants.O_APPEND ? { append: true } : {}),
  };
}
