/** Numbers from 0 to below 1, deterministic in `seed` (mulberry32), so that a failure can be run again. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `bytes` with a few of them changed, dropped, added or cut off; never empty. */
export function mutate(bytes: Uint8Array, random: () => number): Uint8Array<ArrayBuffer> {
  let out = [...bytes];
  for (let count = 1 + Math.floor(random() * 4); count > 0; count--) {
    const at = Math.floor(random() * (out.length + 1));
    const value = Math.floor(random() * 256);
    const how = Math.floor(random() * 4);
    if (how === 0) out[Math.min(at, out.length - 1)] = value;
    else if (how === 1) out.splice(at, 1);
    else if (how === 2) out.splice(at, 0, value);
    else out = out.slice(0, at);
    if (out.length === 0) out = [value];
  }
  return Uint8Array.from(out);
}
