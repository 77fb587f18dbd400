/**
 * Frames of a link's pointer channel, version 1: where somebody points now. Owns bytes; knows no channel and no picture.
 *
 * The channel is unordered and sends nothing twice, so every frame says all there is to say, and a late one is known by its
 * number. Integers are big-endian.
 *
 * | offset | bytes | field                                                                            |
 * | ------ | ----- | -------------------------------------------------------------------------------- |
 * | 0      | 1     | version, 1                                                                       |
 * | 1      | 1     | bit 0: shown, or gone; bit 1: pressed, which draws a line; the rest zero         |
 * | 2      | 2     | number of the frame, counted up modulo 2^16                                      |
 * | 4      | 4     | whose screen: the first four bytes of the sharer's member key                    |
 * | 8      | 2     | x: 0 is the left edge of the shared picture, 65535 its right edge                |
 * | 10     | 2     | y: 0 is its top edge, 65535 its bottom edge                                      |
 * | 12     | 1     | number of the line, modulo 256: pressed frames of one number are one line        |
 */

const VERSION = 1;
export const POINTER_BYTES = 13;
const SCALE = 0xffff;

export interface PointerFrame {
  readonly shown: boolean;
  /** Only while shown. */
  readonly pressed: boolean;
  /** 0 to 65535. */
  readonly sequence: number;
  /** Unsigned, 32 bits. */
  readonly target: number;
  /** 0 to 1, in steps of 1/65535. */
  readonly x: number;
  readonly y: number;
  /** 0 to 255. */
  readonly stroke: number;
}

/** Bytes of `frame`: x and y are rounded, and counters taken by their modulus. Throws RangeError for x or y beside the picture. */
export function encodePointer(frame: PointerFrame): Uint8Array<ArrayBuffer> {
  // NaN is refused as well.
  if (!(frame.x >= 0 && frame.x <= 1 && frame.y >= 0 && frame.y <= 1))
    throw new RangeError('pointer beside the picture');
  const bytes = new Uint8Array(POINTER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = VERSION;
  bytes[1] = frame.shown ? (frame.pressed ? 3 : 1) : 0;
  view.setUint16(2, frame.sequence);
  view.setUint32(4, frame.target);
  view.setUint16(8, Math.round(frame.x * SCALE));
  view.setUint16(10, Math.round(frame.y * SCALE));
  bytes[12] = frame.stroke;
  return bytes;
}

/** The frame in `bytes`, or null for anything that is not exactly one well-formed frame. Never throws. */
export function decodePointer(bytes: ArrayBuffer): PointerFrame | null {
  if (bytes.byteLength !== POINTER_BYTES) return null;
  const view = new DataView(bytes);
  const bits = view.getUint8(1);
  // Pressed without being shown is nothing.
  if (view.getUint8(0) !== VERSION || bits > 3 || bits === 2) return null;
  return {
    shown: bits !== 0,
    pressed: bits === 3,
    sequence: view.getUint16(2),
    target: view.getUint32(4),
    x: view.getUint16(8) / SCALE,
    y: view.getUint16(10) / SCALE,
    stroke: view.getUint8(12),
  };
}

/** Whether number `a` was counted after number `b`: by less than half a turn (RFC 1982). */
export function isLater(a: number, b: number): boolean {
  const ahead = (a - b) & 0xffff;
  return ahead > 0 && ahead < 0x8000;
}
