/**
 * Owns the look-up of a flow by its datagram client, without making an object or a string. Must not know what a flow is
 * besides. Collisions chain; the mixing is seeded, so that nobody outside can choose them.
 */
import { randomInt } from 'node:crypto';
import { type IpWords, sameIp } from './ip-words.ts';

/** What the table needs of an entry; `next` is the table's own. */
export interface TableEntry<E> {
  readonly clientIp: IpWords;
  readonly clientPort: number;
  readonly listenerIndex: number;
  next: E | null;
}

export class FlowTable<E extends TableEntry<E>> {
  readonly #seed = randomInt(2 ** 32);
  readonly #heads = new Map<number, E>();

  find(ip: IpWords, port: number, listenerIndex: number): E | null {
    let entry = this.#heads.get(this.#hash(ip, port, listenerIndex)) ?? null;
    while (entry !== null) {
      if (entry.clientPort === port && entry.listenerIndex === listenerIndex && sameIp(entry.clientIp, ip)) {
        return entry;
      }
      entry = entry.next;
    }
    return null;
  }

  add(entry: E): void {
    const hash = this.#hash(entry.clientIp, entry.clientPort, entry.listenerIndex);
    entry.next = this.#heads.get(hash) ?? null;
    this.#heads.set(hash, entry);
  }

  remove(entry: E): void {
    const hash = this.#hash(entry.clientIp, entry.clientPort, entry.listenerIndex);
    let at = this.#heads.get(hash) ?? null;
    if (at === entry) {
      if (entry.next === null) {
        this.#heads.delete(hash);
      } else {
        this.#heads.set(hash, entry.next);
      }
    }
    while (at !== null && at.next !== entry) {
      at = at.next;
    }
    if (at !== null) {
      at.next = entry.next;
    }
    entry.next = null;
  }

  /** Murmur3's finisher over the words, in 30 bits so that every key is a small integer. */
  #hash(ip: IpWords, port: number, listenerIndex: number): number {
    let hash = this.#seed ^ Math.imul((port << 8) | listenerIndex, 0x9e3779b1);
    for (let index = 0; index < 4; index += 1) {
      hash = Math.imul(hash ^ (ip[index] ?? 0), 0x85ebca6b);
      hash ^= hash >>> 13;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) & 0x3fffffff;
  }
}
