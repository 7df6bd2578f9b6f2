/**
 * What the doors of one instance cost: how long the open one has run, how much of that it slept in synchronous
 * calls, and how much processor time the turn at the head has used over all doors that served it.
 */
import type { Meter } from './meter.ts';

interface OpenDoor {
  readonly since: number;
  /** By the clock of the meter: when it was opened, what passed in synchronous calls that have ended, and when the present one began. */
  readonly opened: number;
  slept: number;
  sleepsSince: number | undefined;
  /** The turn at the head when the door opened; 0 if there was none. */
  readonly head: number;
}

export class DoorClock {
  readonly #meter: Meter;
  #door: OpenDoor | undefined;
  #spent = { turn: 0, cpu: 0 };
  #mark = 0;

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** Milliseconds that the open door has run; 0 if none is open. */
  get runningFor(): number {
    return this.#door === undefined ? 0 : performance.now() - this.#door.since;
  }

  /** The turn that the open door was opened for; 0 if there is none. */
  get head(): number {
    return this.#door?.head ?? 0;
  }

  opened(head: number): void {
    this.#meter.entered();
    this.#mark = performance.now();
    this.#door = { since: this.#mark, opened: this.#meter.clock, slept: 0, sleepsSince: undefined, head };
  }

  /** @param head the turn at the head now: if it is still the same, what this door used is added to it */
  closed(head: number): void {
    const door = this.#door;
    if (door === undefined) return;
    const cpu = this.#used(door);
    this.#door = undefined;
    if (door.sleepsSince !== undefined) this.#meter.waits(false);
    this.#meter.left();
    this.#spent = door.head !== 0 && door.head === head ? { turn: head, cpu: this.spentBy(head) + cpu } : { turn: 0, cpu: 0 };
  }

  sleeps(sleeping: boolean): void {
    const door = this.#door;
    if (door === undefined || sleeping === (door.sleepsSince !== undefined)) return;
    const now = this.#meter.clock;
    if (door.sleepsSince !== undefined) door.slept += now - door.sleepsSince;
    door.sleepsSince = sleeping ? now : undefined;
    this.#meter.waits(sleeping);
  }

  /** Processor milliseconds that the turn used in doors that are closed. */
  spentBy(turn: number): number {
    return this.#spent.turn === turn ? this.#spent.cpu : 0;
  }

  /** Processor milliseconds of the open door and, if it serves the same turn, of those before it. */
  used(): number {
    return this.#door === undefined ? 0 : this.#used(this.#door) + this.spentBy(this.#door.head);
  }

  /** Wall time in which so much processor time can be used at the present load. Milliseconds. */
  wallFor(cpu: number): number {
    return cpu / this.#meter.scale;
  }

  /** The time since the last report, shared by the turns that ended in this one. Microseconds each. */
  share(endings: number): number {
    if (endings === 0 || this.#door === undefined) return 0;
    const now = performance.now();
    const share = Math.round(((now - this.#mark) * 1000) / endings);
    this.#mark = now;
    return share;
  }

  #used(door: OpenDoor): number {
    const now = this.#meter.clock;
    const slept = door.slept + (door.sleepsSince === undefined ? 0 : now - door.sleepsSince);
    return Math.max(0, now - door.opened - slept);
  }
}
