/**
 * Owns a descriptor that becomes readable at an interval (timerfd_create(2)), to be watched like a socket: one that runs
 * costs nothing until it is due, while a timeout given to a call that waits is set and taken back with each call.
 */
import type { Arena } from './arena.ts';
import { CLOCK_MONOTONIC, TFD_CLOEXEC, TFD_NONBLOCK } from './constants.ts';
import { type Libc, systemError } from './libc.ts';

/** `struct itimerspec`: interval and first expiry, each of seconds and nanoseconds in 64 bits. */
const TIMERSPEC_BYTES = 32;
const INTERVAL_NS = 8;
const FIRST_NS = 24;
/** The count of expiries that a read gives. */
const COUNT_BYTES = 8;
const NS_PER_MS = 1_000_000;

export class IntervalTimer {
  static readonly arenaBytes = 64;
  readonly fd: number;
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #at: number;

  /** Does not run yet. Throws the system's error. */
  constructor(libc: Libc, arena: Arena) {
    this.#libc = libc;
    this.#arena = arena;
    this.#at = arena.take(TIMERSPEC_BYTES);
    this.fd = libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (this.fd < 0) {
      throw systemError(libc, 'timerfd_create');
    }
  }

  /** `intervalMs` is less than a second. False when the kernel refuses. */
  start(intervalMs: number): boolean {
    return this.#set(intervalMs);
  }

  /** What was due is forgotten too. */
  stop(): void {
    this.#set(0);
  }

  /** Takes note that it was due: it is readable again when it next is. */
  taken(): void {
    this.#libc.read(this.fd, this.#arena.address + this.#at, COUNT_BYTES);
  }

  close(): void {
    this.#libc.close(this.fd);
  }

  #set(intervalMs: number): boolean {
    const { words, address } = this.#arena;
    words.fill(0, this.#at >>> 2, (this.#at + TIMERSPEC_BYTES) >>> 2);
    words[(this.#at + INTERVAL_NS) >>> 2] = intervalMs * NS_PER_MS;
    words[(this.#at + FIRST_NS) >>> 2] = intervalMs * NS_PER_MS;
    return this.#libc.timerfd_settime(this.fd, 0, address + this.#at, 0) === 0;
  }
}
