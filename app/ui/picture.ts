/**
 * Pictures from others, small and drawn: decoded only when their head says that they fit into memory. Owns the reading of
 * the heads of PNG, GIF, JPEG and WebP.
 */

/** 16 million pixels are 64 MB decoded; a file of a megabyte may claim a thousand times as many. */
const MAX_PIXELS = 16e6;
const MAX_SIDE = 640;

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** The size that a picture's head gives, or null for what is none of the four kinds. Never throws. */
export function readPictureSize(bytes: Uint8Array): PictureSize | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const is = (at: number, text: string) =>
    [...text].every((character, index) => bytes[at + index] === character.charCodeAt(0));
  if (bytes.length < 30) return null;
  if (is(1, 'PNG\r\n') && is(12, 'IHDR')) return { width: view.getUint32(16), height: view.getUint32(20) };
  if (is(0, 'GIF8')) return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  if (is(0, 'RIFF') && is(8, 'WEBP')) return webpSize(view, is);
  if (view.getUint16(0) === 0xffd8) return jpegSize(view);
  return null;
}

function webpSize(view: DataView, is: (at: number, text: string) => boolean): PictureSize | null {
  if (is(12, 'VP8X')) {
    const side = (at: number) => 1 + view.getUint16(at, true) + view.getUint8(at + 2) * 65536;
    return { width: side(24), height: side(27) };
  }
  if (is(12, 'VP8L')) {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (is(12, 'VP8 '))
    return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  return null;
}

/** ITU-T T.81 annex B: segments until a frame header, SOF0 to SOF15 without DHT, JPG and DAC. */
function jpegSize(view: DataView): PictureSize | null {
  for (let at = 2; at + 9 < view.byteLength; ) {
    if (view.getUint8(at) !== 0xff) return null;
    const marker = view.getUint8(at + 1);
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}

/** Draws `file` into `canvas`, at most 640 pixels a side. Rejects for what is no picture or too large a one. */
export async function drawPicture(
  canvas: HTMLCanvasElement,
  file: Blob,
  isGone: () => boolean,
): Promise<void> {
  const size = readPictureSize(new Uint8Array(await file.arrayBuffer()));
  if (!size || size.width * size.height > MAX_PIXELS || size.width === 0 || size.height === 0)
    throw new RangeError('not a picture to draw');
  const scale = Math.min(1, MAX_SIDE / Math.max(size.width, size.height));
  const resizeWidth = Math.max(1, Math.round(size.width * scale));
  const resizeHeight = Math.max(1, Math.round(size.height * scale));
  const bitmap = await createImageBitmap(file, { resizeWidth, resizeHeight, resizeQuality: 'medium' });
  if (!isGone()) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
  }
  bitmap.close();
}
