/**
 * Owns how many allocations there may be: of one user, of one room, and in all. Must not know requests, sockets or ports.
 */

export interface AllocationLimits {
  readonly perUser: number;
  readonly perRoom: number;
  readonly inAll: number;
}

/** Whose allocation it is; `room` is null for a user who names none. */
export interface Holder {
  readonly user: string;
  readonly room: string | null;
}

/** `quota`: this user or this room has as many as it may; `full`: nobody may have one more. */
export type QuotaVerdict = 'admitted' | 'quota' | 'full';

export class AllocationQuota {
  readonly #limits: AllocationLimits;
  readonly #byUser = new Map<string, number>();
  readonly #byRoom = new Map<string, number>();
  #inAll = 0;

  constructor(limits: AllocationLimits) {
    this.#limits = limits;
  }

  /** Those admitted and not given back, those still being made included. */
  get inAll(): number {
    return this.#inAll;
  }

  /** Users and rooms that have one or more. */
  get holders(): number {
    return this.#byUser.size + this.#byRoom.size;
  }

  /** Counts one more when it answers `admitted`; the caller gives it back exactly once. */
  admit({ user, room }: Holder): QuotaVerdict {
    const ofUser = this.#byUser.get(user) ?? 0;
    const ofRoom = room === null ? 0 : (this.#byRoom.get(room) ?? 0);
    if (ofUser >= this.#limits.perUser || ofRoom >= this.#limits.perRoom) {
      return 'quota';
    }
    if (this.#inAll >= this.#limits.inAll) {
      return 'full';
    }
    this.#byUser.set(user, ofUser + 1);
    if (room !== null) {
      this.#byRoom.set(room, ofRoom + 1);
    }
    this.#inAll += 1;
    return 'admitted';
  }

  /** Throws `RangeError` for a user or room that has none. */
  giveBack({ user, room }: Holder): void {
    takeOne(this.#byUser, user);
    if (room !== null) {
      takeOne(this.#byRoom, room);
    }
    this.#inAll -= 1;
  }
}

function takeOne(counts: Map<string, number>, name: string): void {
  const held = counts.get(name);
  if (held === undefined) {
    throw new RangeError('no allocation of this name is counted');
  }
  if (held === 1) {
    counts.delete(name);
  } else {
    counts.set(name, held - 1);
  }
}
