/**
 * Owns how many allocations there may be, for one user name and in all. Must not know requests, sockets or ports.
 */

export interface AllocationLimits {
  readonly perUser: number;
  readonly inAll: number;
}

/** `user-full`: this user name has as many as it may; `full`: nobody may have one more. */
export type Admission = 'admitted' | 'user-full' | 'full';

export class AllocationQuota {
  readonly #limits: AllocationLimits;
  readonly #byUser = new Map<string, number>();
  #inAll = 0;

  constructor(limits: AllocationLimits) {
    this.#limits = limits;
  }

  /** Those admitted and not given back, those still being made included. */
  get inAll(): number {
    return this.#inAll;
  }

  /** User names that have one or more. */
  get users(): number {
    return this.#byUser.size;
  }

  /** Counts one more when it answers `admitted`; the caller gives it back exactly once. */
  admit(username: string): Admission {
    const held = this.#byUser.get(username) ?? 0;
    if (held >= this.#limits.perUser) {
      return 'user-full';
    }
    if (this.#inAll >= this.#limits.inAll) {
      return 'full';
    }
    this.#byUser.set(username, held + 1);
    this.#inAll += 1;
    return 'admitted';
  }

  /** Throws `RangeError` for a user name that has none. */
  giveBack(username: string): void {
    const held = this.#byUser.get(username);
    if (held === undefined) {
      throw new RangeError('no allocation of this user name is counted');
    }
    if (held === 1) {
      this.#byUser.delete(username);
    } else {
      this.#byUser.set(username, held - 1);
    }
    this.#inAll -= 1;
  }
}
