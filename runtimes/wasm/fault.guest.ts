/** Why a call of a plugin ended, as an error with a code. */
import { VivariumError } from '../../sdk/errors.ts';
import { HostError, hostError } from '../guest/failure.ts';

/** What the memory of an instance holds and may hold. Bytes. */
export interface MemoryUse {
  readonly used: number;
  readonly limit: number;
}

/** A plugin that traps with so much of its memory in use has most likely found that there is no more: its `memory.grow` only says -1. */
const nearlyAll = 7 / 8;

/** What the plugin itself calls a failure: an error that it set, or a return code. */
export const failed = (text: string): Error => withStack(hostError('actor.failed', text), '');

/** What was thrown out of a call. Errors of host functions keep their codes; everything else is a trap. */
export function faultOf(thrown: unknown, memory: MemoryUse): unknown {
  if (thrown instanceof HostError || thrown instanceof VivariumError) return thrown;
  const { name, message, stack } = thrown instanceof Error ? thrown : { name: 'Exception', message: 'an exception that it does not catch', stack: '' };
  if (memory.used >= memory.limit * nearlyAll) {
    const text = `the plugin trapped (${message}) with ${memory.used} of ${memory.limit} bytes of memory in use`;
    return withStack(hostError('limit.memory', text, 'limits: { memory: … }'), stack);
  }
  return withStack(new HostError({ code: 'actor.fatal', name, message: `the plugin trapped: ${message}` }), stack);
}

export const tooMuchMemory = ({ used, limit }: MemoryUse): Error =>
  hostError('limit.memory', `the plugin and its memory blocks take ${used} of ${limit} bytes`, 'limits: { memory: … }');

function withStack(error: Error, stack: string | undefined): Error {
  return Object.defineProperty(error, 'stack', { value: stack ?? '', configurable: true });
}
