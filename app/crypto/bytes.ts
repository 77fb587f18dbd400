/**
 * Byte strings the key schedule hashes and authenticates. Owns their unambiguous joining; knows no key.
 */

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * `fields` each behind its length (2 bytes, big-endian), so that no two lists of fields give the same bytes. Text is
 * UTF-8. Throws RangeError for a field over 65535 bytes.
 */
export function joinFields(...fields: readonly (string | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const field of fields) {
    const bytes = typeof field === 'string' ? utf8(field) : field;
    if (bytes.length > 0xffff) throw new RangeError('field too long');
    parts.push(Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes);
  }
  return concat(...parts);
}

/** Byte-wise order of `a` and `b`: negative, zero or positive. For public values: its time depends on them. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
