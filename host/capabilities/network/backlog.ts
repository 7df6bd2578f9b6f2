/** How much of messages waits in the host: for the guest to fetch, or for the server to take. Weighed, because a message may be as large as its limit. */

/** Bytes. What waits beyond them waits outside of the host. */
const mostOfSocket = 1024 * 1024;
const mostOfInstance = 4 * 1024 * 1024;
/** What a message costs beside its bytes. */
const eachMessage = 64;

/** What waits in all backlogs of one instance. */
export interface Waiting {
  bytes: number;
}

/** One direction of one socket. */
export class Backlog {
  readonly #all: Waiting;
  #bytes = 0;

  constructor(all: Waiting) {
    this.#all = all;
  }

  /** Nothing more is to be taken. One message always finds room, so that no socket waits for another. */
  get isFull(): boolean {
    return this.#bytes > 0 && (this.#bytes >= mostOfSocket || this.#all.bytes >= mostOfInstance);
  }

  /** @returns what takes the message out again; more than one call does nothing */
  add(size: number): () => void {
    const weight = size + eachMessage;
    this.#bytes += weight;
    this.#all.bytes += weight;
    let waits = true;
    return () => {
      if (!waits) return;
      waits = false;
      this.#bytes -= weight;
      this.#all.bytes -= weight;
    };
  }
}
