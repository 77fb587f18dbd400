/**
 * Owns one stretch of memory that the program and the kernel share: packets and the structures that point to them lie in
 * it, at offsets. It does not move and is never freed while anything refers to it, so no call can be given memory that has
 * gone. Must not know what is put where.
 */
import type { Libc } from './libc.ts';
import { MessageHeaders } from './message-headers.ts';

const LINE_BYTES = 64;

export class Arena {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** Of `bytes`, for the kernel: the address of an offset is their sum. */
  readonly address: number;
  readonly headers: MessageHeaders;
  #taken = 0;

  /** Pages that nothing was written to take no memory. */
  constructor(libc: Libc, bytes: number) {
    const buffer = new ArrayBuffer(roundUp(bytes) + LINE_BYTES);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.address = libc.addressOf(buffer);
    this.headers = new MessageHeaders(buffer, this.address);
    if (this.address % 8 !== 0) {
      throw new Error('the memory is not aligned');
    }
  }

  /** The offset of the next `bytes` octets that are nobody's, a multiple of 64. */
  take(bytes: number): number {
    const at = this.#taken;
    this.#taken += roundUp(bytes);
    if (this.#taken > this.bytes.length) {
      throw new RangeError('the memory is used up');
    }
    return at;
  }
}

function roundUp(bytes: number): number {
  return (bytes + LINE_BYTES - 1) & -LINE_BYTES;
}
