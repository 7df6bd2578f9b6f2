/**
 * Processor time of guests. `isolate.cpuTime` of the prebuilt isolated-vm is wall time, so the time that a
 * guest runs is scaled by how much processor time the process really got: with six busy isolates on two
 * cores each second of running counts a third.
 */

/** How often the scale is taken anew while guests run. Milliseconds. */
const interval = 20;

/** Below this share a measurement says more about the clock's grain than about load. */
const smallestScale = 0.05;

export class Meter {
  #running = 0;
  #waiting = 0;
  #scale = 1;
  #lastCpu = 0;
  #lastWall = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Processor milliseconds per millisecond that a guest runs, of late. In (0, 1]. */
  get scale(): number {
    return this.#scale;
  }

  entered(): void {
    this.#running++;
    if (this.#timer !== undefined) return;
    this.#mark();
    this.#timer = setInterval(() => this.#sample(), interval);
    this.#timer.unref();
  }

  left(): void {
    this.#running--;
    if (this.#running > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#scale = 1;
  }

  /** A guest sleeps in a synchronous call: it uses no processor. */
  waits(waiting: boolean): void {
    this.#waiting += waiting ? 1 : -1;
  }

  #mark(): void {
    const { user, system } = process.cpuUsage();
    this.#lastCpu = (user + system) / 1000;
    this.#lastWall = performance.now();
  }

  #sample(): void {
    const [cpu, wall] = [this.#lastCpu, this.#lastWall];
    this.#mark();
    const busy = this.#running - this.#waiting;
    const elapsed = this.#lastWall - wall;
    if (busy <= 0 || elapsed <= 0) return;
    const measured = (this.#lastCpu - cpu) / (elapsed * busy);
    const clipped = Math.min(1, Math.max(smallestScale, measured));
    this.#scale = this.#scale * 0.7 + clipped * 0.3;
  }
}
