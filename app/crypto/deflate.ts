/**
 * Raw deflate (RFC 1951) of whole byte strings through the platform's streams. Owns the cap on inflation; knows
 * nothing of what the bytes mean.
 */

export async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const deflated = await pump(new CompressionStream('deflate-raw'), bytes, Number.POSITIVE_INFINITY);
  if (deflated === null) throw new Error('deflate gave no end');
  return deflated;
}

/**
 * `bytes` inflated, or null when they are not one whole deflate stream or hold more than `maxBytes`. Reading stops
 * at the cap, so a bomb costs no more than one chunk beyond it. Never throws.
 */
export async function inflate(
  bytes: Uint8Array<ArrayBuffer>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    return await pump(new DecompressionStream('deflate-raw'), bytes, maxBytes);
  } catch {
    return null;
  }
}

/** All of `stream`'s output for `bytes`; null, with the stream cancelled, once it passes `maxBytes`. */
async function pump(
  stream: CompressionStream | DecompressionStream,
  bytes: Uint8Array<ArrayBuffer>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const writer = stream.writable.getWriter();
  // Not awaited before reading: the writer waits for the reader. What fails here fails the reader too.
  const written = Promise.allSettled([writer.write(bytes), writer.close()]);
  const reader = stream.readable.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel();
      return null;
    }
    chunks.push(value);
  }
  await written;
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
