/**
 * Moves the soft RLIMIT_DATA of cells by `prlimit`, which one shell starts for all cells of this process. To start a process itself holds up
 * the thread of a host, the longer the more memory that has: 2 ms at least, and 37 ms with 500 MB; to write to the shell 0.1 ms.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Answers each line, a process and a limit in bytes, with a line: 0 or an exit code, and what `prlimit` said. */
const script = 'while read -r pid data; do said=$("$1" --pid="$pid" --data="$data:" 2>&1); printf "%s %s\\n" "$?" "$said"; done';

const movers = new Map<string, LimitMover>();

export class LimitMover {
  readonly #sh: string;
  readonly #prlimit: string;
  #shell: ChildProcess | undefined;
  /** Those that were not answered, in their order. */
  #waiting: PromiseWithResolvers<void>[] = [];
  #users = 0;

  private constructor(sh: string, prlimit: string) {
    this.#sh = sh;
    this.#prlimit = prlimit;
  }

  /** The one of this process, by the paths of the programs. To be given back by {@link release}: with the last user its shell ends. */
  static share(sh: string, prlimit: string): LimitMover {
    const mover = movers.get(prlimit) ?? new LimitMover(sh, prlimit);
    movers.set(prlimit, mover);
    mover.#users++;
    return mover;
  }

  release(): void {
    if (--this.#users > 0) return;
    movers.delete(this.#prlimit);
    this.#shell?.stdin?.end();
  }

  /**
   * @param limit bytes
   * @throws Error with what `prlimit` said, also when there is no such process any more
   */
  move(pid: number, limit: number): Promise<void> {
    this.#shell ??= this.#start();
    const moved = Promise.withResolvers<void>();
    this.#waiting.push(moved);
    this.#shell.stdin?.write(`${pid} ${limit}\n`);
    return moved.promise;
  }

  /** In a group of its own, so that a terminal’s Ctrl+C does not end it before the host; with the host its input ends, and so does it. */
  #start(): ChildProcess {
    const shell = spawn(this.#sh, ['-c', script, 'sh', this.#prlimit], { cwd: '/', env: {}, detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
    const over = (cause: Error): void => {
      if (this.#shell === shell) this.#shell = undefined;
      for (const { reject } of this.#waiting.splice(0)) reject(cause);
    };
    shell.on('error', over);
    shell.on('exit', () => over(new Error('the shell that runs `prlimit` has ended')));
    shell.stdin?.on('error', over);
    if (shell.stdout !== null) createInterface({ input: shell.stdout }).on('line', (line) => this.#answered(line));
    shell.unref();
    for (const stream of [shell.stdin, shell.stdout]) (stream as { unref?(): void } | null)?.unref?.();
    return shell;
  }

  #answered(line: string): void {
    const [code, ...said] = line.split(' ');
    const moved = this.#waiting.shift();
    if (code === '0') moved?.resolve();
    else moved?.reject(new Error(said.join(' ')));
  }
}
