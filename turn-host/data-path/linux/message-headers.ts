/**
 * Owns the layout of arrays of `struct mmsghdr` and what they point to, on 64-bit little-endian Linux. Must not know what
 * is sent or received.
 *
 * Offsets, alike on x86-64 and arm64 (recvmsg(2), sendmmsg(2), cmsg(3)):
 *
 *   iovec     0 base ptr   8 length u64                                                             16 in all
 *   msghdr    0 name ptr   8 namelen u32   16 iov ptr   24 iovlen u64   32 control ptr   40 controllen u64   48 flags i32
 *   mmsghdr   0 msghdr   56 len u32                                                                   64 in all
 *   cmsghdr   0 len u64   8 level i32   12 type i32   16 data                          24 in all with two octets of data
 */
import { SOL_UDP, UDP_SEGMENT } from './constants.ts';

export const IOVEC_BYTES = 16;
export const MMSGHDR_BYTES = 64;
/** A control message that holds the `uint16_t` of UDP_SEGMENT, with its padding. */
export const SEGMENT_CONTROL_BYTES = 24;

const IOVEC_LENGTH = 8;
const NAME = 0;
const NAME_LENGTH = 8;
const IOV = 16;
const IOV_LENGTH = 24;
const CONTROL = 32;
const CONTROL_LENGTH = 40;
const FLAGS = 48;
const LENGTH = 56;
const CONTROL_DATA = 16;

/** Writes and reads these structures in one buffer, whose address is known. Offsets are multiples of eight. */
export class MessageHeaders {
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  readonly #address: number;

  constructor(buffer: ArrayBuffer, address: number) {
    this.#words = new Uint32Array(buffer);
    this.#halves = new Uint16Array(buffer);
    this.#address = address;
  }

  setName(header: number, low: number, high: number, length: number): void {
    const words = this.#words;
    words[(header + NAME) >>> 2] = low;
    words[(header + NAME + 4) >>> 2] = high;
    words[(header + NAME_LENGTH) >>> 2] = length;
  }

  /** Points the name at an offset of this buffer. */
  setOwnName(header: number, name: number, length: number): void {
    this.#setPointer(header + NAME, name);
    this.#words[(header + NAME_LENGTH) >>> 2] = length;
  }

  setNameLength(header: number, length: number): void {
    this.#words[(header + NAME_LENGTH) >>> 2] = length;
  }

  setVectors(header: number, iovec: number, count: number): void {
    this.#setPointer(header + IOV, iovec);
    this.#words[(header + IOV_LENGTH) >>> 2] = count;
  }

  setVectorCount(header: number, count: number): void {
    this.#words[(header + IOV_LENGTH) >>> 2] = count;
  }

  setVector(iovec: number, at: number, length: number): void {
    this.#setPointer(iovec, at);
    this.#words[(iovec + IOVEC_LENGTH) >>> 2] = length;
  }

  clearControl(header: number): void {
    this.#words[(header + CONTROL) >>> 2] = 0;
    this.#words[(header + CONTROL + 4) >>> 2] = 0;
    this.#words[(header + CONTROL_LENGTH) >>> 2] = 0;
  }

  /** Has the kernel cut the payload into datagrams of `segmentBytes` (udp(7), UDP_SEGMENT). */
  setSegments(header: number, control: number, segmentBytes: number): void {
    const words = this.#words;
    this.#setPointer(header + CONTROL, control);
    words[(header + CONTROL_LENGTH) >>> 2] = SEGMENT_CONTROL_BYTES;
    words[control >>> 2] = CONTROL_DATA + 2;
    words[(control + 8) >>> 2] = SOL_UDP;
    words[(control + 12) >>> 2] = UDP_SEGMENT;
    this.#halves[(control + CONTROL_DATA) >>> 1] = segmentBytes;
  }

  /** Octets received. */
  length(header: number): number {
    return this.#words[(header + LENGTH) >>> 2] ?? 0;
  }

  flags(header: number): number {
    return this.#words[(header + FLAGS) >>> 2] ?? 0;
  }

  #setPointer(at: number, offset: number): void {
    const address = this.#address + offset;
    this.#words[at >>> 2] = address % 2 ** 32;
    this.#words[(at + 4) >>> 2] = Math.floor(address / 2 ** 32);
  }
}
