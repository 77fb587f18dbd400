/**
 * Owns how many requests that came over streams are handed to the control plane in one turn of the event loop, the
 * connections by turns: who sends thousands at once holds up neither media nor anybody else's requests. Must not know what
 * is in them. (Requests in datagrams are the data path's to ration.)
 */

const REQUESTS_PER_TURN = 16;

/** A connection with requests that wait. */
export interface Backlog {
  /** Hands on the next request; whether more are left. */
  serveNext(): boolean;
}

/** One for all stream listeners of a worker. */
export class ControlTurns {
  readonly #waiting = new Set<Backlog>();
  #left = REQUESTS_PER_TURN;
  #isScheduled = false;

  /** Whether a request may be handed on now; it is counted if so. Else its connection must `wait`. */
  take(): boolean {
    if (this.#left === 0 || this.#waiting.size > 0) {
      return false;
    }
    this.#left -= 1;
    this.#schedule();
    return true;
  }

  /** Serves the backlog in later turns until nothing of it is left. */
  wait(backlog: Backlog): void {
    this.#waiting.add(backlog);
    this.#schedule();
  }

  #schedule(): void {
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => this.#nextTurn());
    }
  }

  #nextTurn(): void {
    this.#isScheduled = false;
    this.#left = REQUESTS_PER_TURN;
    // A backlog with something left goes to the end of the set, which the loop comes to again.
    for (const backlog of this.#waiting) {
      this.#waiting.delete(backlog);
      if (backlog.serveNext()) {
        this.#waiting.add(backlog);
      }
      this.#left -= 1;
      if (this.#left === 0) {
        break;
      }
    }
    if (this.#waiting.size > 0) {
      this.#schedule();
    }
  }
}
