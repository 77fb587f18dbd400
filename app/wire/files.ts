/**
 * Frames of a link's `files` channel, version 1. Owns bytes and caps; knows no channel, no storage and no hash function.
 *
 * Layout: version (1 byte), kind (1 byte), handle (4 bytes), body. Numbers are big-endian. Whoever offers a file numbers
 * it with a handle of their own, valid on this link; `direction` says whose handle a frame means, and follows from the kind.
 *
 * From the sender:
 *
 * | kind | frame      | body                                                                                         |
 * | ---- | ---------- | -------------------------------------------------------------------------------------------- |
 * | 1    | `offer`    | id (16), root (32), size (8), length of name (1), name in UTF-8, MIME type in ASCII            |
 * | 2    | `seek`     | id (16), proof (32): do you have a part of this, accepted earlier?                           |
 * | 3    | `outline`  | SHA-256 of every page of hashes, 32 bytes each; `root` commits to them                       |
 * | 4    | `page`     | number of the page (4), SHA-256 of its chunks, 32 bytes each, at most 1024                   |
 * | 5    | `chunk`    | number of the chunk (4), its bytes: 64512, fewer in the last chunk alone                     |
 * | 6    | `sending`  | 1 byte: 1 goes on, 0 pauses                                                                  |
 * | 7    | `withdraw` | reason (1)                                                                                   |
 * | 8    | `recall`   | id (16): what was offered over an earlier link is taken back. Of no handle: 0                |
 *
 * From the receiver:
 *
 * | kind | frame       | body                                                                                        |
 * | ---- | ----------- | ------------------------------------------------------------------------------------------- |
 * | 16   | `have`      | number of a chunk (4, a multiple of 8), bits from that chunk on, the highest first; may follow each other |
 * | 17   | `accept`    | empty, or in answer to `seek` the root (32); what `have` did not name is wanted             |
 * | 18   | `stored`    | chunks stored since `accept` (4): room for as many more                                     |
 * | 19   | `receiving` | 1 byte: 1 goes on, 0 pauses                                                                 |
 * | 20   | `stop`      | reason (1): declined, cancelled, or why it cannot go on                                     |
 * | 21   | `done`      | root (32), as the receiver verified it                                                      |
 *
 * root = SHA-256(`parley/files/1`, size (8), outline). A page covers 1024 chunks.
 *
 * `seek` goes to people who may be strangers to the file, and whoever accepted it is known to nobody by now. So neither side
 * names the root before the other has shown that it knows it: proof = SHA-256(`parley/files/seek`, root, key of who asks,
 * key of who is asked), each field behind its length (2), is good for one pair of people and cannot be passed on.
 */
import { cleanFileName } from './file-name.ts';

const VERSION = 1;
const HEAD_BYTES = 6;
export const ID_BYTES = 16;
export const HASH_BYTES = 32;
/** With its head a chunk stays below 64 KiB, which every implementation takes (RFC 8841 s6.1). */
export const CHUNK_BYTES = 63 * 1024;
export const CHUNK_HEAD_BYTES = HEAD_BYTES + 4;
export const PAGE_CHUNKS = 1024;
export const MAX_FILE_BYTES = 64 * 1024 ** 3;
const MAX_FRAME_BYTES = 64 * 1024;
/** Bytes of bits in one `have` frame. */
export const MAX_HAVE_BYTES = 32 * 1024;
const MAX_CHUNKS = Math.ceil(MAX_FILE_BYTES / CHUNK_BYTES);
const MAX_PAGES = Math.ceil(MAX_CHUNKS / PAGE_CHUNKS);
const MAX_TYPE_CHARS = 80;

/** In the order of their numbers on the wire. */
const REASONS = [
  /** The person chose so: declined, cancelled, withdrawn. */
  'person',
  /** The receiver does not know it (any more). */
  'unknown',
  /** The receiver has no room for it. */
  'no-room',
  /** The receiver's storage failed. */
  'storage',
  /** The sender can no longer read the file, or it has changed. */
  'unreadable',
  /** The bytes are not those that were offered. */
  'mismatch',
  /** More offers than the receiver looks at. */
  'too-many',
] as const;
export type StopReason = (typeof REASONS)[number];

const KIND = {
  offer: 1,
  seek: 2,
  outline: 3,
  page: 4,
  chunk: 5,
  sending: 6,
  withdraw: 7,
  recall: 8,
  have: 16,
  accept: 17,
  stored: 18,
  receiving: 19,
  stop: 20,
  done: 21,
} as const;

type Bytes = Uint8Array<ArrayBuffer>;

interface Handled {
  /** Unsigned 32 bits. */
  readonly handle: number;
}

export interface Offer {
  /** 16 random bytes. */
  readonly id: Bytes;
  /** 32 bytes. */
  readonly root: Bytes;
  readonly sizeBytes: number;
  /** Clean (`cleanFileName`). */
  readonly name: string;
  /** A MIME type without parameters, or ''. */
  readonly type: string;
}

export type SenderFrame = Handled &
  (
    | ({ readonly kind: 'offer' } & Offer)
    | { readonly kind: 'seek'; readonly id: Bytes; readonly proof: Bytes }
    | { readonly kind: 'outline'; readonly hashes: Bytes }
    | { readonly kind: 'page'; readonly page: number; readonly hashes: Bytes }
    /** `bytes` is a view into the frame as it arrived. */
    | { readonly kind: 'chunk'; readonly chunk: number; readonly bytes: Bytes }
    | { readonly kind: 'sending'; readonly on: boolean }
    | { readonly kind: 'withdraw'; readonly reason: StopReason }
    | { readonly kind: 'recall'; readonly id: Bytes }
  );

export type ReceiverFrame = Handled &
  (
    | { readonly kind: 'have'; readonly fromChunk: number; readonly bits: Bytes }
    /** `root` is null in answer to an offer. */
    | { readonly kind: 'accept'; readonly root: Bytes | null }
    | { readonly kind: 'stored'; readonly count: number }
    | { readonly kind: 'receiving'; readonly on: boolean }
    | { readonly kind: 'stop'; readonly reason: StopReason }
    | { readonly kind: 'done'; readonly root: Bytes }
  );

export type FileFrame = SenderFrame | ReceiverFrame;

/** Chunks of a file of `sizeBytes`. */
export function chunkCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / CHUNK_BYTES);
}

/** Bytes of one chunk: all but the last are whole. */
export function chunkLength(sizeBytes: number, chunk: number): number {
  return Math.min(CHUNK_BYTES, sizeBytes - chunk * CHUNK_BYTES);
}

/** A type that may be shown and stored: lower case, no parameters; '' for anything else. */
export function cleanType(type: string): string {
  const [bare = ''] = type.toLowerCase().split(';');
  return bare.length <= MAX_TYPE_CHARS && /^[a-z0-9][a-z0-9.+-]*\/[a-z0-9][a-z0-9.+-]*$/.test(bare)
    ? bare
    : '';
}

/** Bytes of `frame`. Throws RangeError for a frame that `decodeFile` would refuse. */
export function encodeFile(frame: FileFrame): Bytes {
  const body = encodeBody(frame);
  const bytes = new Uint8Array(HEAD_BYTES + body.length);
  writeHead(bytes, KIND[frame.kind], frame.handle);
  bytes.set(body, HEAD_BYTES);
  if (decodeFile(bytes.buffer) === null) throw new RangeError(`file frame out of bounds: ${frame.kind}`);
  return bytes;
}

/** As `encodeFile` does for a chunk, with one copy of its bytes and no second look; into `buffer`, if one is given. */
export function encodeChunk(
  handle: number,
  chunk: number,
  content: Uint8Array,
  buffer = new ArrayBuffer(CHUNK_HEAD_BYTES + content.length),
): Bytes {
  const bytes = new Uint8Array(buffer, 0, CHUNK_HEAD_BYTES + content.length);
  writeHead(bytes, KIND.chunk, handle);
  writeUint32(bytes, HEAD_BYTES, chunk);
  bytes.set(content, CHUNK_HEAD_BYTES);
  return bytes;
}

/** The frame in `bytes`, or null for anything that is not exactly one well-formed frame. Never throws. */
export function decodeFile(bytes: ArrayBuffer): FileFrame | null {
  if (bytes.byteLength < HEAD_BYTES || bytes.byteLength > MAX_FRAME_BYTES) return null;
  const all = new Uint8Array(bytes);
  if (all[0] !== VERSION) return null;
  const handle = readUint32(all, 2);
  const body = all.subarray(HEAD_BYTES);
  switch (all[1]) {
    case KIND.offer:
      return decodeOffer(handle, body);
    case KIND.seek:
      return body.length === ID_BYTES + HASH_BYTES
        ? { kind: 'seek', handle, id: body.slice(0, ID_BYTES), proof: body.slice(ID_BYTES) }
        : null;
    case KIND.outline:
      return body.length % HASH_BYTES === 0 && body.length <= MAX_PAGES * HASH_BYTES
        ? { kind: 'outline', handle, hashes: body.slice() }
        : null;
    case KIND.page: {
      const hashBytes = body.length - 4;
      if (hashBytes < HASH_BYTES || hashBytes % HASH_BYTES !== 0 || hashBytes > PAGE_CHUNKS * HASH_BYTES)
        return null;
      const page = readUint32(body, 0);
      return page < MAX_PAGES ? { kind: 'page', handle, page, hashes: body.slice(4) } : null;
    }
    case KIND.chunk: {
      if (body.length < 5 || body.length > 4 + CHUNK_BYTES) return null;
      const chunk = readUint32(body, 0);
      return chunk < MAX_CHUNKS ? { kind: 'chunk', handle, chunk, bytes: body.subarray(4) } : null;
    }
    case KIND.have: {
      if (body.length < 5 || body.length > 4 + MAX_HAVE_BYTES) return null;
      const fromChunk = readUint32(body, 0);
      if (fromChunk % 8 !== 0 || fromChunk >= MAX_CHUNKS) return null;
      return { kind: 'have', handle, fromChunk, bits: body.slice(4) };
    }
    case KIND.accept:
      return body.length === 0 || body.length === HASH_BYTES
        ? { kind: 'accept', handle, root: body.length === 0 ? null : body.slice() }
        : null;
    case KIND.stored: {
      const count = body.length === 4 ? readUint32(body, 0) : MAX_CHUNKS + 1;
      return count <= MAX_CHUNKS ? { kind: 'stored', handle, count } : null;
    }
    case KIND.sending:
      return isSwitch(body) ? { kind: 'sending', handle, on: body[0] === 1 } : null;
    case KIND.receiving:
      return isSwitch(body) ? { kind: 'receiving', handle, on: body[0] === 1 } : null;
    case KIND.withdraw: {
      const reason = reasonIn(body);
      return reason ? { kind: 'withdraw', handle, reason } : null;
    }
    case KIND.stop: {
      const reason = reasonIn(body);
      return reason ? { kind: 'stop', handle, reason } : null;
    }
    case KIND.recall:
      return body.length === ID_BYTES ? { kind: 'recall', handle, id: body.slice() } : null;
    case KIND.done:
      return body.length === HASH_BYTES ? { kind: 'done', handle, root: body.slice() } : null;
    default:
      return null;
  }
}

function encodeBody(frame: FileFrame): Uint8Array {
  switch (frame.kind) {
    case 'offer': {
      const name = new TextEncoder().encode(frame.name);
      const type = new TextEncoder().encode(frame.type);
      if (name.length > 255 || frame.id.length !== ID_BYTES || frame.root.length !== HASH_BYTES)
        throw new RangeError('file frame out of bounds: offer');
      return join(frame.id, frame.root, uint64(frame.sizeBytes), Uint8Array.of(name.length), name, type);
    }
    case 'seek':
      return join(frame.id, frame.proof);
    case 'recall':
      return frame.id;
    case 'outline':
      return frame.hashes;
    case 'page':
      return join(uint32(frame.page), frame.hashes);
    case 'chunk':
      return join(uint32(frame.chunk), frame.bytes);
    case 'have':
      return join(uint32(frame.fromChunk), frame.bits);
    case 'accept':
      return frame.root ?? new Uint8Array();
    case 'stored':
      return uint32(frame.count);
    case 'sending':
    case 'receiving':
      return Uint8Array.of(frame.on ? 1 : 0);
    case 'withdraw':
    case 'stop':
      return Uint8Array.of(REASONS.indexOf(frame.reason));
    case 'done':
      return frame.root;
  }
}

function decodeOffer(handle: number, body: Uint8Array<ArrayBuffer>): FileFrame | null {
  const nameAt = ID_BYTES + HASH_BYTES + 9;
  const nameBytes = body[nameAt - 1];
  if (nameBytes === undefined || body.length < nameAt + nameBytes) return null;
  const sizeBytes =
    readUint32(body, ID_BYTES + HASH_BYTES) * 2 ** 32 + readUint32(body, ID_BYTES + HASH_BYTES + 4);
  const typeBytes = body.subarray(nameAt + nameBytes);
  if (sizeBytes > MAX_FILE_BYTES || typeBytes.length > MAX_TYPE_CHARS) return null;
  let name: string;
  let type: string;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    name = decoder.decode(body.subarray(nameAt, nameAt + nameBytes));
    type = decoder.decode(typeBytes);
  } catch {
    return null;
  }
  return {
    kind: 'offer',
    handle,
    id: body.slice(0, ID_BYTES),
    root: body.slice(ID_BYTES, ID_BYTES + HASH_BYTES),
    sizeBytes,
    name: cleanFileName(name),
    type: cleanType(type),
  };
}

function isSwitch(body: Uint8Array): boolean {
  return body.length === 1 && (body[0] ?? 2) <= 1;
}

function reasonIn(body: Uint8Array): StopReason | undefined {
  return body.length === 1 ? REASONS[body[0] ?? REASONS.length] : undefined;
}

function writeHead(bytes: Uint8Array, kind: number, handle: number): void {
  bytes[0] = VERSION;
  bytes[1] = kind;
  writeUint32(bytes, 2, handle);
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) throw new RangeError('not 32 bits');
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value);
}

function readUint32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, value);
  return bytes;
}

/** 8 bytes of a whole number up to 2^53. */
export function uint64(value: number): Bytes {
  const bytes = new Uint8Array(8);
  writeUint32(bytes, 0, Math.floor(value / 2 ** 32));
  writeUint32(bytes, 4, value % 2 ** 32);
  return bytes;
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
