/**
 * Owns where one message ends and the next begins in a stream (RFC 8489 s6.2.2, RFC 8656 s12.5): a STUN message says its
 * length, ChannelData says its own and is padded to four octets. Must not know sockets or what messages mean.
 *
 * Every message is handed on in octets of its own or of the chunk it came in; neither is overwritten afterwards.
 */

const HEADER_BYTES = 4;
const STUN_HEADER_BYTES = 20;

export type FrameHandler = (frame: Buffer) => void;

export class StreamFramer {
  readonly #onFrame: FrameHandler;
  /** The start of a message whose rest has not come; as long as the message once its header has. */
  #partial: Buffer = Buffer.alloc(0);
  #filledBytes = 0;

  constructor(onFrame: FrameHandler) {
    this.#onFrame = onFrame;
  }

  /** Whether a message has begun and not ended. */
  get isWithinFrame(): boolean {
    return this.#filledBytes > 0;
  }

  /**
   * Takes the next octets of the stream. False when they cannot be a message, or one longer than `maxFrameBytes`: where
   * the next begins is then unknown for good, and the stream must be closed.
   */
  push(chunk: Buffer, maxFrameBytes: number): boolean {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#filledBytes > 0) {
        const taken = this.#fill(chunk, offset, maxFrameBytes);
        if (taken < 0) {
          return false;
        }
        offset += taken;
        continue;
      }
      const leftBytes = chunk.length - offset;
      const wholeBytes = leftBytes < HEADER_BYTES ? HEADER_BYTES : frameBytes(chunk, offset);
      if (wholeBytes < 0 || wholeBytes > maxFrameBytes) {
        return false;
      }
      if (leftBytes < HEADER_BYTES || wholeBytes > leftBytes) {
        this.#partial = Buffer.allocUnsafe(wholeBytes);
        this.#filledBytes = chunk.copy(this.#partial, 0, offset);
        return true;
      }
      this.#onFrame(chunk.subarray(offset, offset + wholeBytes));
      offset += wholeBytes;
    }
    return true;
  }

  /** Octets taken of the chunk, or -1. */
  #fill(chunk: Buffer, offset: number, maxFrameBytes: number): number {
    const taken = chunk.copy(this.#partial, this.#filledBytes, offset);
    this.#filledBytes += taken;
    if (this.#filledBytes < this.#partial.length) {
      return taken;
    }
    const wholeBytes = frameBytes(this.#partial, 0);
    if (wholeBytes < 0 || wholeBytes > maxFrameBytes) {
      return -1;
    }
    if (wholeBytes > this.#filledBytes) {
      // That was the header; now the length is known.
      const grown = Buffer.allocUnsafe(wholeBytes);
      this.#partial.copy(grown, 0, 0, this.#filledBytes);
      this.#partial = grown;
      return taken;
    }
    const frame = this.#partial;
    this.#partial = Buffer.alloc(0);
    this.#filledBytes = 0;
    this.#onFrame(frame);
    return taken;
  }
}

/** Octets of the message whose header is at `offset`, padding included; -1 when it is none. */
function frameBytes(bytes: Buffer, offset: number): number {
  const length = bytes.readUInt16BE(offset + 2);
  switch ((bytes[offset] ?? 0xff) >> 6) {
    case 0:
      // The magic cookie comes later; a length that is no multiple of four is wrong at once (RFC 8489 s5).
      return length % 4 === 0 ? STUN_HEADER_BYTES + length : -1;
    case 1:
      return HEADER_BYTES + ((length + 3) & ~3);
    default:
      return -1;
  }
}
