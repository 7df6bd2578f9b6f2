/** An actor that runs while what isolates begin with is built: what V8 has compiled of the bootstrap by then, cells have ready. */
import type { Context } from 'isolated-vm';
import { oneMessage } from '../cell/trial.ts';

/**
 * Starts an actor, and gives it messages until it has answered two: on a busy machine a slice can be over before a turn begins.
 * @param answer what it gives for each @param load the arguments of the door `load`, as code @param ready what is awaited before, as code
 */
export const rehearsal = (answer: string, load: string, ready = 'undefined'): string => `
  globalThis.answers = '';
  let turn = 1;
  const deliver = () => doors.deliver(turn++, ...${JSON.stringify(oneMessage)});
  const send = (records, lengths, events, body) => {
    globalThis.answers += body;
    if (globalThis.answers.length < ${2 * answer.length}) Promise.resolve().then(deliver);
  };
  const doors = __boot(send, new ArrayBuffer(32));
  Promise.resolve(${ready}).then(() => doors.load(${load}));`;

/** @throws Error the actor did not answer as it should */
export async function demandAnswers(context: Context, answer: string): Promise<void> {
  const answers = await context.eval('globalThis.answers');
  if (answers !== answer + answer) throw new Error(`The rehearsal was answered with ${String(answers).slice(0, 1000)} instead of ${answer}, twice.`);
}
