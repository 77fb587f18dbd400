/**
 * Owns the directory of relayed addresses: which port of which relay address is in use, by which worker, for which room and
 * for a client at which address. It lies in memory that all workers share, so that policy and hops hold across them. Must
 * not know sockets or users.
 *
 * A port is claimed by compare-and-swap before its socket is bound, so no two workers try the same one.
 */
import { createHash } from 'node:crypto';
import { type IpFamily, type IpWords, ipWords, sameIp } from './ip-words.ts';

/** One address of this host that relayed addresses are made of. */
export interface RelayAddress {
  /** Bound to. */
  readonly ip: string;
  /** Told to clients and known to peers: `ip` itself, or what one-to-one NAT makes of it. */
  readonly externalIp: string;
  readonly family: IpFamily;
}

/** Four words that are alike for members of one room; null for a user who names no room. */
export type RoomWords = Int32Array;

const PORTS = 65_536;
const WORDS_PER_PORT = 6;
/** The first word of a port: 0 is free, else the worker's number and one, negative while it is claimed and not live. */
const OWNER = 0;
const ROOM = 1;
const CLIENT = 5;
/** Behind the ports: by the low bits of what a client's address comes to, which live port was its own last. */
const CLIENT_SLOTS = 65_536;

/** Where a client reaches the relay from, as the relay sees it. */
export interface ClientAddress {
  readonly ip: string;
  readonly port: number;
}

/** The words of a room tag: 128 bits of its SHA-256, so that tags of any length compare as numbers. */
export function roomWords(tag: string): RoomWords {
  const digest = createHash('sha256').update(tag).digest();
  return Int32Array.from({ length: 4 }, (_, index) => digest.readInt32BE(index * 4));
}

/** Whether both name a room, and the same. */
export function sameRoom(a: RoomWords | null, b: RoomWords | null): boolean {
  return a !== null && b !== null && sameIp(a, b);
}

export class Directory {
  readonly addresses: readonly RelayAddress[];
  /** Hand it to the workers' `Directory`s. */
  readonly shared: SharedArrayBuffer;
  readonly #worker: number;
  readonly #words: Int32Array;
  /** Where the slots of clients begin. */
  readonly #clients: number;
  /** By relay index: what peers and clients may call it. */
  readonly #bound: readonly IpWords[];
  readonly #external: readonly IpWords[];

  /** `worker` is this thread's number, from 0. Without `shared` the directory is new. */
  constructor(addresses: readonly RelayAddress[], worker = 0, shared?: SharedArrayBuffer) {
    this.addresses = addresses;
    this.#clients = addresses.length * PORTS * WORDS_PER_PORT;
    this.shared = shared ?? new SharedArrayBuffer((this.#clients + CLIENT_SLOTS) * 4);
    this.#worker = worker;
    this.#words = new Int32Array(this.shared);
    this.#bound = addresses.map((address) => ipWords(address.ip));
    this.#external = addresses.map((address) => ipWords(address.externalIp));
  }

  /** Which own address that is, bound or external; -1 for any other. */
  relayIndexOf(ip: IpWords): number {
    for (let index = 0; index < this.#bound.length; index += 1) {
      const bound = this.#bound[index];
      const external = this.#external[index];
      if ((bound && sameIp(bound, ip)) || (external && sameIp(external, ip))) {
        return index;
      }
    }
    return -1;
  }

  /** The words of what relay address `index` is called outside. */
  externalWords(index: number): IpWords {
    const words = this.#external[index];
    if (words === undefined) {
      throw new RangeError('no such relay address');
    }
    return words;
  }

  /** The words of what relay address `index` is bound to. */
  boundWords(index: number): IpWords {
    const words = this.#bound[index];
    if (words === undefined) {
      throw new RangeError('no such relay address');
    }
    return words;
  }

  /** Takes a port for this worker, not live yet; false when it is taken. */
  claim(index: number, port: number): boolean {
    const at = this.#at(index, port);
    return Atomics.compareExchange(this.#words, at + OWNER, 0, -(this.#worker + 1)) === 0;
  }

  /** Makes a claimed port live, for the members of `room` or, when null, of none. */
  publish(index: number, port: number, room: RoomWords | null, client: ClientAddress): void {
    const at = this.#at(index, port);
    const key = clientKey(ipWords(client.ip), client.port);
    Atomics.store(this.#words, at + CLIENT, key);
    Atomics.store(this.#words, this.#slot(key), index * PORTS + port);
    for (let word = 0; word < 4; word += 1) {
      Atomics.store(this.#words, at + ROOM + word, room?.[word] ?? 0);
    }
    Atomics.store(this.#words, at + OWNER, this.#worker + 1);
  }

  /** Gives back a claimed or live port. */
  release(index: number, port: number): void {
    Atomics.store(this.#words, this.#at(index, port) + OWNER, 0);
  }

  /** Whether no worker has claimed the port. */
  isFree(index: number, port: number): boolean {
    return Atomics.load(this.#words, this.#at(index, port) + OWNER) === 0;
  }

  isLive(index: number, port: number): boolean {
    return Atomics.load(this.#words, this.#at(index, port) + OWNER) > 0;
  }

  /** Whether the port is live and its allocation is of `room`. */
  isLiveInRoom(index: number, port: number, room: RoomWords | null): boolean {
    if (room === null || !this.isLive(index, port)) {
      return false;
    }
    const at = this.#at(index, port);
    let named = 0;
    for (let word = 0; word < 4; word += 1) {
      const value = Atomics.load(this.#words, at + ROOM + word);
      if (value !== room[word]) {
        return false;
      }
      named |= value;
    }
    // No room is written as zeros. The port may have changed hands meanwhile, so it must be live still.
    return named !== 0 && this.isLive(index, port);
  }

  /**
   * Whether a client with a live port of `room` reaches the relay from there. It errs where two clients' addresses come to the
   * same number: one in 65,536 is forgotten for another, and one in four thousand million taken for another.
   */
  isClientOfRoom(ip: IpWords, port: number, room: RoomWords | null): boolean {
    const key = clientKey(ip, port);
    const entry = Atomics.load(this.#words, this.#slot(key));
    const [index, relayed] = [Math.floor(entry / PORTS), entry % PORTS];
    const isTheirs = Atomics.load(this.#words, this.#at(index, relayed) + CLIENT) === key;
    return isTheirs && this.isLiveInRoom(index, relayed, room);
  }

  #slot(key: number): number {
    return this.#clients + (key & (CLIENT_SLOTS - 1));
  }

  #at(index: number, port: number): number {
    return (index * PORTS + port) * WORDS_PER_PORT;
  }
}

/** FNV-1a over 32-bit words, its high bits folded into the low ones. */
function clientKey(ip: IpWords, port: number): number {
  let key = 0x811c9dc5;
  for (const word of [...ip, port]) {
    key = Math.imul(key ^ word, 0x01000193);
    key ^= key >>> 15;
  }
  return key;
}
