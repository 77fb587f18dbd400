/**
 * Owns how often one source address may have something: a bucket for each, in a table of fixed size, so that a flood from
 * many addresses costs no memory. Two sources may share a bucket; which, nobody outside can choose. Must not know what is
 * limited.
 */
import { randomInt } from 'node:crypto';
import { familyOf, type IpWords, readIp } from '../data-path/ip-words.ts';

const SLOTS = 16_384;

export class SourceLimiter {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #seed = randomInt(2 ** 32);
  /** What was taken of each bucket and not yet given back by time. */
  readonly #taken = new Float64Array(SLOTS);
  readonly #atMs = new Float64Array(SLOTS);
  readonly #ip: IpWords = new Int32Array(4);

  /** At most `perSecond` on the long run and `burst` at once. */
  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** Whether this source may have one more now; it is counted if so. `nowMs` is of a clock that goes forward. */
  take(ip: string, nowMs: number): boolean {
    const slot = this.#slotOf(ip);
    const taken = this.#takenOf(slot, nowMs);
    const isGiven = taken + 1 <= this.#burst;
    this.#atMs[slot] = nowMs;
    this.#taken[slot] = isGiven ? taken + 1 : taken;
    return isGiven;
  }

  /** Whether `take` would say yes now. Nothing is counted. */
  mayTake(ip: string, nowMs: number): boolean {
    return this.#takenOf(this.#slotOf(ip), nowMs) + 1 <= this.#burst;
  }

  #takenOf(slot: number, nowMs: number): number {
    const passedMs = Math.max(0, nowMs - (this.#atMs[slot] ?? 0));
    return Math.max(0, (this.#taken[slot] ?? 0) - (passedMs * this.#perSecond) / 1000);
  }

  /** An IPv6 source is its /64: whoever has one address there has them all. */
  #slotOf(ip: string): number {
    readIp(ip, this.#ip);
    const words = familyOf(this.#ip) === 4 ? 4 : 2;
    let hash = this.#seed;
    for (let index = 0; index < words; index += 1) {
      hash = Math.imul(hash ^ (this.#ip[index] ?? 0), 0x85ebca6b);
      hash ^= hash >>> 13;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    return ((hash ^ (hash >>> 16)) >>> 0) % SLOTS;
  }
}
