/**
 * Processor time of guests. `isolate.cpuTime` of the prebuilt isolated-vm is wall time, so the time that a
 * guest runs is scaled by how much processor time the process really got: with six busy isolates on two
 * cores each second of running counts a third. Each interval counts by its own measure, so what was used
 * before the load changed stays as it was.
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
  /** Up to the last sample. */
  #clock = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Processor milliseconds per millisecond that a guest runs, of late. In (0, 1]. */
  get scale(): number {
    return this.#scale;
  }

  /** Processor milliseconds that a guest would have had that ran all the time: to be subtracted from each other. Since the last sample it is an estimate. */
  get clock(): number {
    return this.#clock + (performance.now() - this.#lastWall) * this.#scale;
  }

  entered(): void {
    this.#running++;
    if (this.#timer !== undefined) return;
    this.#clock = this.clock;
    this.#mark();
    this.#timer = setInterval(() => this.#sample(), interval);
    this.#timer.unref();
  }

  left(): void {
    this.#running--;
    if (this.#running > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#clock = this.clock;
    this.#lastWall = performance.now();
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
    const measured = busy <= 0 || elapsed <= 0 ? this.#scale : (this.#lastCpu - cpu) / (elapsed * busy);
    const clipped = Math.min(1, Math.max(smallestScale, measured));
    this.#clock += elapsed * clipped;
    this.#scale = this.#scale * 0.7 + clipped * 0.3;
  }
}
