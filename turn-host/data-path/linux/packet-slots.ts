/**
 * Owns the memory that datagrams are received into and relayed from, and receives into it, many with one call
 * (recvmmsg(2)). Must not know what the packets mean.
 *
 * A slot takes the longest datagram there is, so none is ever cut short, and has room before it for any header and after
 * it for padding: what is relayed is never copied. The kernel is given each slot's own bounds. Pages that no packet
 * reached take no memory.
 */
import type { Arena } from './arena.ts';
import { MSG_DONTWAIT, MSG_TRUNC } from './constants.ts';
import type { Libc } from './libc.ts';
import { IOVEC_BYTES, type MessageHeaders, MMSGHDR_BYTES } from './message-headers.ts';
import { SOCKADDR_BYTES } from './sockaddr.ts';

/** Before the payload: the longest header there is, twice, and rounded up. */
const HEADROOM_BYTES = 128;
/** Of the longest datagram, and of the longest message over a stream. */
export const SLOT_PAYLOAD_BYTES = 65_600;
const TAILROOM_BYTES = 64;
/** Not a power of two, or all packets would share the same few lines of the cache. */
const SLOT_BYTES = HEADROOM_BYTES + SLOT_PAYLOAD_BYTES + TAILROOM_BYTES;

export class PacketSlots {
  /** Octets that `slots` slots take of an arena, at most. */
  static arenaBytes(slots: number): number {
    return slots * (MMSGHDR_BYTES + IOVEC_BYTES + SOCKADDR_BYTES + SLOT_BYTES) + 256;
  }

  readonly count: number;
  readonly #libc: Libc;
  readonly #headers: MessageHeaders;
  readonly #address: number;
  readonly #headersAt: number;
  readonly #namesAt: number;
  readonly #slotsAt: number;

  constructor(libc: Libc, arena: Arena, count: number) {
    this.count = count;
    this.#libc = libc;
    this.#headers = arena.headers;
    this.#address = arena.address;
    this.#headersAt = arena.take(count * MMSGHDR_BYTES);
    const vectorsAt = arena.take(count * IOVEC_BYTES);
    this.#namesAt = arena.take(count * SOCKADDR_BYTES);
    this.#slotsAt = arena.take(count * SLOT_BYTES);
    for (let slot = 0; slot < count; slot += 1) {
      const header = this.#headersAt + slot * MMSGHDR_BYTES;
      const vector = vectorsAt + slot * IOVEC_BYTES;
      this.#headers.setVector(vector, this.payloadAt(slot), SLOT_PAYLOAD_BYTES);
      this.#headers.setVectors(header, vector, 1);
      this.#headers.setOwnName(header, this.nameAt(slot), SOCKADDR_BYTES);
    }
  }

  /**
   * Receives into the slots from `first` on, as many datagrams as there are and slots left. Gives how many came, or -1
   * when there were none and after an error of the socket, which the call has taken from it (`errno` has it).
   */
  receive(fd: number, first: number): number {
    const from = this.#headersAt + first * MMSGHDR_BYTES;
    const came = this.#libc.recvmmsg(fd, this.#address + from, this.count - first, MSG_DONTWAIT, 0);
    for (let slot = first; slot < first + came; slot += 1) {
      // The kernel puts the length of the name where it read the room for it.
      this.#headers.setNameLength(this.#headersAt + slot * MMSGHDR_BYTES, SOCKADDR_BYTES);
    }
    return came;
  }

  /** Where the payload of a slot begins in the arena. */
  payloadAt(slot: number): number {
    return this.#slotsAt + slot * SLOT_BYTES + HEADROOM_BYTES;
  }

  /** Where the sender's address is. */
  nameAt(slot: number): number {
    return this.#namesAt + slot * SOCKADDR_BYTES;
  }

  /** Octets received in a slot. */
  payloadBytes(slot: number): number {
    return this.#headers.length(this.#headersAt + slot * MMSGHDR_BYTES);
  }

  /** Whether the datagram was longer than the slot, so that its end is lost. */
  isTruncated(slot: number): boolean {
    return (this.#headers.flags(this.#headersAt + slot * MMSGHDR_BYTES) & MSG_TRUNC) !== 0;
  }
}
