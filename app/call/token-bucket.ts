/**
 * How often something may happen: `burst` times at once, then once in `intervalMs`. Reads the page's monotonic clock
 * only when asked; starts no timer.
 */
export interface TokenBucket {
  /** Takes a token; false when there is none. */
  take(): boolean;
}

export function createTokenBucket(
  burst: number,
  intervalMs: number,
  now = () => performance.now(),
): TokenBucket {
  let tokens = burst;
  let at = now();
  return {
    take() {
      const moment = now();
      tokens = Math.min(burst, tokens + (moment - at) / intervalMs);
      at = moment;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
