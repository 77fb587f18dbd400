/** Owns one rate of bytes: a bucket that holds a second's worth. Must not know what is charged to it. */
export class ByteBudget {
  readonly #bytesPerSecond: number;
  #leftBytes: number;
  #filledAtMs = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#leftBytes = bytesPerSecond;
  }

  /** Whether `bytes` may pass now; they are charged if so. `nowMs` may come from any clock that goes forward. */
  take(bytes: number, nowMs: number): boolean {
    const filled = this.#leftBytes + ((nowMs - this.#filledAtMs) * this.#bytesPerSecond) / 1000;
    this.#leftBytes = Math.min(this.#bytesPerSecond, Math.max(filled, this.#leftBytes));
    this.#filledAtMs = nowMs;
    if (bytes > this.#leftBytes) {
      return false;
    }
    this.#leftBytes -= bytes;
    return true;
  }
}
