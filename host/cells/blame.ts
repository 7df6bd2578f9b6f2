/** Remembers which actor was to blame for the deaths of its cell. */

/** An actor that caused so many deaths within so many milliseconds is put in quarantine. */
export const tolerance = { deaths: 5, within: 60_000 } as const;

export class Blame {
  readonly #deaths = new Map<number, number[]>();

  /** @returns whether the actor has caused too many deaths now */
  died(actor: number, now = Date.now()): boolean {
    const recent = (this.#deaths.get(actor) ?? []).filter((time) => now - time < tolerance.within);
    recent.push(now);
    this.#deaths.set(actor, recent);
    return recent.length >= tolerance.deaths;
  }

  forgive(actor: number): void {
    this.#deaths.delete(actor);
  }
}
