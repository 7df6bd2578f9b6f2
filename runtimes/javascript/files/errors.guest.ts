/** Errors of files as Node makes them: `ENOENT: no such file or directory, open '/data/x'`. */
import { type SystemErrorName, systemErrors } from '../../systemErrors.ts';
import { CallPlace, errorAt, HostError } from '../../guest/failure.ts';
import {
  create,
  defineProperty,
  ErrorIntrinsic,
  hasOwn,
  indexOf,
  PromiseIntrinsic,
  RangeErrorIntrinsic,
  slice,
  then,
  TypeErrorIntrinsic,
} from '../../guest/primordials.ts';

/** A failure inside the guest, before it is told as an error. */
export class FileFailure {
  readonly code: SystemErrorName;

  constructor(code: SystemErrorName) {
    this.code = code;
  }
}

/** What Node names in the message of an error. */
export interface Attempt {
  readonly syscall: string;
  readonly path?: string | undefined;
  readonly dest?: string | undefined;
}

/**
 * Runs an operation; its failure is told as Node would tell it, with the lines of the author who called.
 * Called where the author's function is still on the stack.
 */
export function attempted<T>(attempt: Attempt, run: () => Promise<T>): Promise<T> {
  const place = new CallPlace();
  const failed = (error: unknown): never => {
    throw told(attempt, error, place);
  };
  try {
    return then(run(), undefined as never, failed) as Promise<T>;
  } catch (error) {
    return new PromiseIntrinsic<T>((_, refuse) => refuse(told(attempt, error, place)));
  }
}

function told(attempt: Attempt, error: unknown, place: CallPlace): unknown {
  const code = codeOf(error);
  return code === undefined ? errorAt(place, error) : fileError(code, attempt, place);
}

export function codeOf(error: unknown): SystemErrorName | undefined {
  if (error instanceof FileFailure) return error.code;
  const record = HostError.recordOf(error);
  if (record?.code !== 'filesystem.failed') return undefined;
  return hasOwn(systemErrors, record.name ?? '') ? (record.name as SystemErrorName) : 'EIO';
}

function fileError(code: SystemErrorName, { syscall, path, dest }: Attempt, place: CallPlace): Error {
  const [number, text] = systemErrors[code];
  const where = path === undefined ? '' : ` '${path}'${dest === undefined ? '' : ` -> '${dest}'`}`;
  const message = `${code}: ${text}, ${syscall}${where}`;
  const error = new ErrorIntrinsic(message);
  const frames = place.stack ?? '';
  const start = indexOf(frames, '\n    at ');
  hidden(error, 'stack', `Error: ${message}${start < 0 ? '' : slice(frames, start)}`);
  own(error, 'errno', -number);
  own(error, 'code', code);
  own(error, 'syscall', syscall);
  if (path !== undefined) own(error, 'path', path);
  if (dest !== undefined) own(error, 'dest', dest);
  return error;
}

const described = (value: unknown, enumerable: boolean): PropertyDescriptor => {
  const descriptor = create(null) as PropertyDescriptor;
  descriptor.value = value;
  descriptor.enumerable = enumerable;
  descriptor.writable = true;
  descriptor.configurable = true;
  return descriptor;
};
export const own = (target: object, name: string, value: unknown): void => void defineProperty(target, name, described(value, true));
export const hidden = (target: object, name: PropertyKey, value: unknown): void => void defineProperty(target, name, described(value, false));

const withCode = (error: Error, code: string): Error => {
  own(error, 'code', code);
  return error;
};

export const invalidType = (name: string, wanted: string): Error =>
  withCode(new TypeErrorIntrinsic(`The "${name}" argument must be ${wanted}.`), 'ERR_INVALID_ARG_TYPE');
export const invalidValue = (name: string, reason: string): Error =>
  withCode(new TypeErrorIntrinsic(`The argument '${name}' ${reason}.`), 'ERR_INVALID_ARG_VALUE');
export const outOfRange = (name: string, wanted: string): Error =>
  withCode(new RangeErrorIntrinsic(`The value of "${name}" is out of range. It must be ${wanted}.`), 'ERR_OUT_OF_RANGE');
