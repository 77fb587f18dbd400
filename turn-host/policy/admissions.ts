/**
 * Owns who gets an allocation: quotas, the rate of new ones, and ports held in reserve (RFC 8656 s7.2, EVEN-PORT). One for
 * all workers, in the main thread; a worker asks it over a message port. Must not know sockets or requests.
 */
import { randomBytes } from 'node:crypto';
import type { Directory } from '../data-path/directory.ts';
import { type AllocationLimits, AllocationQuota, type Holder } from './allocation-quota.ts';
import { SourceLimiter } from './source-limiter.ts';

/** RFC 8656 s7.2: at least 30 seconds. */
const RESERVATION_MS = 30_000;
const BURST_SECONDS = 5;

/** `quota`: as many, or as fast, as this user, room or source may have them (486); `full`: none for anybody (508). */
export type Admission = 'admitted' | 'quota' | 'full';

/** A relayed address: index of the relay address, and port. */
export interface RelayPort {
  readonly relay: number;
  readonly port: number;
}

/** As seen by a worker, which may be in another thread. */
export interface Admissions {
  /** `source` is the client's address. What is admitted must be given back exactly once. */
  admit(holder: Holder, source: string): Promise<Admission>;
  giveBack(holder: Holder): void;
  /**
   * Keeps a port that the caller has claimed in the directory; resolves to the token for it, 16 hex digits. It counts
   * towards the quotas of the holder as an allocation does; null, and the port stays the caller's, when there is no room.
   */
  reserve(holder: Holder, port: RelayPort): Promise<string | null>;
  /** The port of a token of that user, which becomes the caller's claim; null when there is none any more. */
  redeem(user: string, token: string): Promise<RelayPort | null>;
}

export interface AdmissionOptions {
  readonly limits: AllocationLimits;
  /** 0: no limit. */
  readonly newPerSecond: number;
  readonly directory: Directory;
}

interface Reservation extends RelayPort {
  readonly holder: Holder;
  readonly timer: NodeJS.Timeout;
}

export class AdmissionDesk implements Admissions {
  readonly #quota: AllocationQuota;
  readonly #limiter: SourceLimiter | null;
  readonly #directory: Directory;
  readonly #reservations = new Map<string, Reservation>();
  #isDraining = false;

  constructor({ limits, newPerSecond, directory }: AdmissionOptions) {
    this.#quota = new AllocationQuota(limits);
    this.#limiter = newPerSecond === 0 ? null : new SourceLimiter(newPerSecond, newPerSecond * BURST_SECONDS);
    this.#directory = directory;
  }

  /** Allocations, those being made included; not ports in reserve. */
  get inUse(): number {
    return this.#quota.inAll - this.#reservations.size;
  }

  /** From now on nobody is admitted, so nothing is kept in reserve either. */
  drain(): void {
    this.#isDraining = true;
    this.close();
  }

  admit(holder: Holder, source: string): Promise<Admission> {
    if (this.#isDraining) {
      return Promise.resolve('full');
    }
    if (this.#limiter !== null && !this.#limiter.take(source, performance.now())) {
      return Promise.resolve('quota');
    }
    return Promise.resolve(this.#quota.admit(holder));
  }

  giveBack(holder: Holder): void {
    this.#quota.giveBack(holder);
  }

  reserve(holder: Holder, { relay, port }: RelayPort): Promise<string | null> {
    if (this.#isDraining || this.#quota.admit(holder) !== 'admitted') {
      return Promise.resolve(null);
    }
    const token = randomBytes(8).toString('hex');
    const timer = setTimeout(() => this.#giveUp(token), RESERVATION_MS);
    timer.unref();
    this.#reservations.set(token, { holder, relay, port, timer });
    return Promise.resolve(token);
  }

  redeem(user: string, token: string): Promise<RelayPort | null> {
    const reservation = this.#reservations.get(token);
    if (reservation === undefined || reservation.holder.user !== user) {
      return Promise.resolve(null);
    }
    this.#forget(token, reservation);
    return Promise.resolve({ relay: reservation.relay, port: reservation.port });
  }

  /** Gives up what is in reserve. */
  close(): void {
    for (const token of [...this.#reservations.keys()]) {
      this.#giveUp(token);
    }
  }

  #giveUp(token: string): void {
    const reservation = this.#reservations.get(token);
    if (reservation !== undefined) {
      this.#forget(token, reservation);
      this.#directory.release(reservation.relay, reservation.port);
    }
  }

  #forget(token: string, { holder, timer }: Reservation): void {
    clearTimeout(timer);
    this.#reservations.delete(token);
    this.#quota.giveBack(holder);
  }
}
