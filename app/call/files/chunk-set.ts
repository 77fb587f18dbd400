/** Which chunks of a file there are: one bit a chunk, the highest first. Owns the bits; knows no frame. */
export interface ChunkSet {
  readonly bits: Uint8Array<ArrayBuffer>;
  count(): number;
  has(chunk: number): boolean;
  /** False when it was there already or is none of the file's. */
  add(chunk: number): boolean;
  copy(): ChunkSet;
  /** What is here and in `more`, whose bits begin at a chunk that is a multiple of 8. */
  with(fromChunk: number, more: Uint8Array): ChunkSet;
}

/** A set for `chunks` chunks that begins with `from`; bits beyond the file, and bytes too many, are ignored. */
export function createChunkSet(chunks: number, from: Uint8Array = new Uint8Array()): ChunkSet {
  const bits = new Uint8Array(Math.ceil(chunks / 8));
  let count = 0;
  const has = (chunk: number) => ((bits[chunk >> 3] ?? 0) & (0x80 >> (chunk & 7))) !== 0;
  const add = (chunk: number) => {
    if (chunk >= chunks || has(chunk)) return false;
    bits[chunk >> 3] = (bits[chunk >> 3] ?? 0) | (0x80 >> (chunk & 7));
    count += 1;
    return true;
  };
  for (let at = 0; at < Math.min(from.length, bits.length); at += 1) {
    const byte = from[at] ?? 0;
    for (let bit = 0; byte !== 0 && bit < 8; bit += 1) if (byte & (0x80 >> bit)) add(at * 8 + bit);
  }
  return {
    bits,
    has,
    add,
    count: () => count,
    copy: () => createChunkSet(chunks, bits),
    with(fromChunk, more) {
      const all = bits.slice();
      const at = fromChunk >> 3;
      for (let index = 0; index < more.length && at + index < all.length; index += 1)
        all[at + index] = (all[at + index] ?? 0) | (more[index] ?? 0);
      return createChunkSet(chunks, all);
    },
  };
}
