/**
 * Runs one measurement in a process of its own, so that none sees what another left behind: its heap, its threads, its compiled
 * code. A file that is measured so exports `measure`, which takes and gives plain data.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Answer } from './child.ts';

/**
 * @param file the path of a file that exports `measure`
 * @throws Error what `measure` threw, or how the process ended without an answer
 */
export function measureApart<Value>(file: string, options: object): Promise<Value> {
  // Results go to standard output, and nothing else: whatever is printed in there goes to standard error.
  const child = fork(join(import.meta.dirname, 'child.ts'), [file, JSON.stringify(options)], {
    stdio: ['ignore', 2, 2, 'ipc'],
    // Of Extism, which loads `node:wasi` whether it is used or not.
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  return new Promise((resolve, reject) => {
    let answer: Answer | undefined;
    child.once('message', (message) => {
      answer = message as Answer;
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (answer === undefined) reject(new Error(`it ended without an answer: ${signal ?? `exit code ${code}`}`));
      else if ('error' in answer) reject(new Error(answer.error));
      else resolve(answer.value as Value);
    });
  });
}
