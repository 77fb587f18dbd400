/**
 * How long to wait before the next attempt: exponential with full jitter, so that clients cut off together do not come
 * back together. Owns no timer.
 */
export interface BackoffOptions {
  /** Upper bound of the first delay. */
  readonly minMs: number;
  /** Upper bound of every delay. */
  readonly maxMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface Backoff {
  /** The next delay in milliseconds: uniform between 0 and `minMs` times two to the attempt, at most `maxMs`. */
  next(): number;
  /** Begins again at `minMs`. */
  reset(): void;
  /** Goes straight to `maxMs`: whoever is on the other side asked for less. */
  slow(): void;
}

/** @throws RangeError unless 0 < minMs <= maxMs < Infinity. */
export function createBackoff({ minMs, maxMs, random }: BackoffOptions): Backoff {
  if (!(minMs > 0 && minMs <= maxMs && maxMs < Number.POSITIVE_INFINITY)) {
    throw new RangeError('backoff needs 0 < minMs <= maxMs');
  }
  let ceilingMs = minMs;
  return {
    next() {
      const delayMs = random() * ceilingMs;
      ceilingMs = Math.min(maxMs, ceilingMs * 2);
      return delayMs;
    },
    reset() {
      ceilingMs = minMs;
    },
    slow() {
      ceilingMs = maxMs;
    },
  };
}
