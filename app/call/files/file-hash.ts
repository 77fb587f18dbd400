/**
 * What the root of a file commits to: SHA-256 of every chunk, in pages, under one root (app/wire/files.ts). Owns the
 * hashing; knows neither channel nor storage.
 */
import { joinFields } from '../../crypto/bytes.ts';
import { CHUNK_BYTES, chunkCount, HASH_BYTES, PAGE_CHUNKS, uint64 } from '../../wire/files.ts';
import type { Prepared } from './file-store.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Chunks read, and hashed side by side, at a time. */
const BLOCK_CHUNKS = 16;
export const BLOCK_BYTES = BLOCK_CHUNKS * CHUNK_BYTES;
const LABEL = new TextEncoder().encode('parley/files/1');

export async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

export function rootOf(sizeBytes: number, outline: Bytes): Promise<Bytes> {
  const bytes = new Uint8Array(LABEL.length + 8 + outline.length);
  bytes.set(LABEL);
  bytes.set(uint64(sizeBytes), LABEL.length);
  bytes.set(outline, LABEL.length + 8);
  return sha256(bytes);
}

/** Shows to the person of the key `to` that the one of the key `from` knows `root`, and tells nobody what it is. */
export function seekProof(root: Bytes, from: string, to: string): Promise<Bytes> {
  return sha256(joinFields('parley/files/seek', root, from, to));
}

/** The hashes of one page: a view into those of all chunks. */
export function pageOf(chunkHashes: Bytes, page: number): Bytes {
  return chunkHashes.subarray(page * PAGE_CHUNKS * HASH_BYTES, (page + 1) * PAGE_CHUNKS * HASH_BYTES);
}

/** One pass over `file`, about a megabyte in memory twice. Rejects when it cannot be read, or `signal` ends it. */
export async function hashFile(
  file: Blob,
  progress: (doneBytes: number) => void,
  signal?: AbortSignal,
): Promise<Prepared> {
  const chunkHashes = new Uint8Array(chunkCount(file.size) * HASH_BYTES);
  const read = (from: number) => file.slice(from, from + BLOCK_BYTES).arrayBuffer();
  let next = read(0);
  for (let from = 0; from < file.size; from += BLOCK_BYTES) {
    const block = new Uint8Array(await next);
    signal?.throwIfAborted();
    const expected = Math.min(BLOCK_BYTES, file.size - from);
    if (block.length !== expected) throw new RangeError('the file is shorter than it says');
    next = read(from + BLOCK_BYTES);
    const parts: Promise<Bytes>[] = [];
    for (let at = 0; at < block.length; at += CHUNK_BYTES)
      parts.push(sha256(block.subarray(at, at + CHUNK_BYTES)));
    const hashes = await Promise.all(parts);
    hashes.forEach((hash, index) => {
      chunkHashes.set(hash, (from / CHUNK_BYTES + index) * HASH_BYTES);
    });
    progress(from + block.length);
  }
  const pages = Math.ceil(chunkCount(file.size) / PAGE_CHUNKS);
  const outline = new Uint8Array(pages * HASH_BYTES);
  for (let page = 0; page < pages; page += 1)
    outline.set(await sha256(pageOf(chunkHashes, page)), page * HASH_BYTES);
  return { root: await rootOf(file.size, outline), chunkHashes, outline };
}
