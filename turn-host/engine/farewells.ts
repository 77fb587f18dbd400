/**
 * Owns the memory of allocations that were ended by request, for as long as the request may come again
 * (RFC 8489 s6.3.1). Must not know requests or answers.
 */
import type User from 'node-turn/lib/user.js';

/** As long as a client retransmits: RFC 8489 s6.3.1, 40 seconds. */
const FAREWELL_MS = 40_000;
const MAX_FAREWELLS = 4096;

interface Farewell {
  readonly transactionId: string;
  readonly user: User;
  readonly atMs: number;
}

export class Farewells {
  readonly #byFiveTuple = new Map<string, Farewell>();

  /** With too many the oldest is forgotten: its retransmission finds no allocation. */
  remember(fiveTuple: string, farewell: Farewell): void {
    this.#byFiveTuple.delete(fiveTuple);
    this.#byFiveTuple.set(fiveTuple, farewell);
    const [oldest] = this.#byFiveTuple.keys();
    if (this.#byFiveTuple.size > MAX_FAREWELLS && oldest !== undefined) {
      this.#byFiveTuple.delete(oldest);
    }
  }

  /** Whose allocation that transaction ended; null when it ended none, or too long ago. */
  recall(fiveTuple: string, transactionId: string, nowMs: number): User | null {
    const farewell = this.#byFiveTuple.get(fiveTuple);
    if (farewell === undefined) {
      return null;
    }
    if (nowMs - farewell.atMs > FAREWELL_MS) {
      this.#byFiveTuple.delete(fiveTuple);
      return null;
    }
    return farewell.transactionId === transactionId ? farewell.user : null;
  }
}
