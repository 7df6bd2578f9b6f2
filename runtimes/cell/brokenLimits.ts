/** What the author reads of a limit that an instance broke. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { Limits } from '../limits.ts';
import type { Broken } from './guest.ts';

export const wallBroken = ({ wall }: Limits): ErrorRecord => ({
  code: 'limit.wall',
  message: `the turn took longer than ${wall} ms`,
  hint: 'limits: { wall: … }',
});

export const cpuBroken = ({ cpu }: Limits): ErrorRecord => ({
  code: 'limit.cpu',
  message: `the turn used more than ${cpu} ms of processor time`,
  hint: 'limits: { cpu: … }',
});

export const startBroken = ({ start }: Limits): ErrorRecord => ({
  code: 'limit.start',
  message: `the actor had not started after ${start} ms`,
  hint: 'limits: { start: … }',
});

export const memoryBroken = ({ memory }: Limits): ErrorRecord => ({
  code: 'limit.memory',
  message: `the actor used more than ${memory} bytes of memory`,
  hint: 'limits: { memory: … }',
});

/** Why an isolate could not be made for an actor. */
export function startFailed(broken: Broken, limits: Limits): ErrorRecord {
  if (broken.by === 'time') return startBroken(limits);
  return broken.by === 'memory' ? memoryBroken(limits) : { code: 'actor.start', message: broken.message };
}

// The bootstrap refuses before these, with a hint: here is where one that was tricked ends.

export const timersBroken = ({ timers }: Limits): ErrorRecord => ({ code: 'limit.timers', message: `more than ${timers} timers` });

export const callsBroken = ({ calls }: Limits): ErrorRecord => ({ code: 'limit.calls', message: `more than ${calls} calls in flight` });

export const messageBroken = ({ message }: Limits, size: number): ErrorRecord => ({
  code: 'limit.message',
  message: `a message of ${size} bytes exceeds the limit of ${message}`,
});

export const outboundBroken: ErrorRecord = { code: 'limit.outbound', message: 'the turn sent more than its limit' };
