/**
 * Time that passes only when a test says so. Timers due at the same moment run in the order they were set.
 */
export class FakeClock {
  #nowMs: number;
  #nextTimer = 1;
  readonly #timers = new Map<number, { readonly dueMs: number; readonly fn: () => void }>();

  constructor(nowMs = 1_000_000) {
    this.#nowMs = nowMs;
  }

  readonly now = (): number => this.#nowMs;

  readonly setTimeout = (fn: () => void, delayMs: number): number => {
    const timer = this.#nextTimer;
    this.#nextTimer += 1;
    this.#timers.set(timer, { dueMs: this.#nowMs + Math.max(0, delayMs), fn });
    return timer;
  };

  readonly clearTimeout = (timer: number): void => {
    this.#timers.delete(timer);
  };

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets `ms` pass, running every timer that falls due, also those set on the way. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      let next: { timer: number; dueMs: number; fn: () => void } | null = null;
      for (const [timer, { dueMs, fn }] of this.#timers) {
        if (dueMs <= untilMs && (next === null || dueMs < next.dueMs)) next = { timer, dueMs, fn };
      }
      if (next === null) break;
      this.#timers.delete(next.timer);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.fn();
    }
    this.#nowMs = untilMs;
  }

  /** The machine slept: time has passed and no timer ran; each runs late, at the next `advance`. */
  sleep(ms: number): void {
    this.#nowMs += ms;
  }
}
