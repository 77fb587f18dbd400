/** How fast something grows, smoothed over some seconds. Reads the clock it is given; starts no timer. */
export interface Meter {
  /** Bytes a second after this reading; null until there are two. */
  read(bytes: number): number | null;
  reset(): void;
}

const INTERVAL_MS = 500;
const SMOOTHING = 0.3;

export function createMeter(now = () => performance.now()): Meter {
  let at: number | null = null;
  let before = 0;
  let rate: number | null = null;
  return {
    read(bytes) {
      const moment = now();
      if (at === null) {
        at = moment;
        before = bytes;
      } else if (moment - at >= INTERVAL_MS) {
        const current = ((bytes - before) * 1000) / (moment - at);
        rate = rate === null ? current : rate + SMOOTHING * (current - rate);
        at = moment;
        before = bytes;
      }
      return rate;
    },
    reset() {
      at = null;
      rate = null;
    },
  };
}
