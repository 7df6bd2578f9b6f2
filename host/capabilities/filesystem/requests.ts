/** What a guest may ask of its files: the operations, and what each takes. */
import { z } from 'zod';
import { pathLimits } from './path.ts';

const path = z.string().max(pathLimits.length);
const handle = z.int().min(1);
const position = z.int().min(0).nullable();
const size = z.int().min(0);
const data = z.instanceof(Uint8Array);
const flag = z.boolean().optional();
/** Milliseconds since the epoch. */
const time = z.int().optional();

export const requests = {
  stat: z.strictObject({ path, follow: flag }),
  open: z.strictObject({ path, access: z.enum(['read', 'write', 'read-write']), create: flag, exclusive: flag, truncate: flag, append: flag, directory: flag }),
  read: z.strictObject({ handle, position, length: z.int().min(0) }),
  write: z.strictObject({ handle, position, data }),
  truncate: z.union([z.strictObject({ handle, size }), z.strictObject({ path, size })]),
  handleStat: z.strictObject({ handle }),
  sync: z.strictObject({ handle }),
  close: z.strictObject({ handle }),
  list: z.strictObject({ path, after: z.string().max(pathLimits.name).optional(), most: z.int().min(1).optional() }),
  makeFolder: z.strictObject({ path, recursive: flag }),
  remove: z.strictObject({ path, recursive: flag, force: flag, folder: flag }),
  rename: z.strictObject({ from: path, to: path }),
  copy: z.strictObject({ from: path, to: path, exclusive: flag }),
  readFile: z.strictObject({ path }),
  writeFile: z.strictObject({ path, data, append: flag, exclusive: flag }),
  times: z.strictObject({ path, accessed: time, modified: time }),
};

export type Operation = keyof typeof requests;
export type RequestOf<O extends Operation> = z.infer<(typeof requests)[O]>;

export const isOperation = (name: string): name is Operation => Object.hasOwn(requests, name);
