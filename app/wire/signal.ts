/**
 * The plaintext of a sealed signal, version 1: negotiation that travels through the room because the pair has no
 * control channel (yet). Owns bytes and caps; knows neither the sealing nor the peer connection.
 *
 * Layout: version (1 byte), kind (1 byte), generation (4 bytes, big-endian), body.
 *
 * | kind | frame           | body                                                                             |
 * | ---- | --------------- | -------------------------------------------------------------------------------- |
 * | 1    | `description`   | type (1 byte: 0 offer, 1 answer), SDP length in bytes (4), SDP, JSON candidates  |
 * | 2    | `candidates`    | JSON candidates                                                                  |
 * | 3    | `request-offer` | empty                                                                            |
 *
 * JSON candidates: an array of [candidate, sdpMid, sdpMLineIndex, usernameFragment].
 */

import { type CandidateFrame, decodeText, isSdp, readCandidate } from './session-text.ts';

const VERSION = 1;
const HEAD_BYTES = 6;
/** Longest frame, in bytes. */
export const MAX_SIGNAL_BYTES = 64 * 1024;
/** Most candidates one frame carries. */
export const MAX_CANDIDATES = 64;

const KIND = { description: 1, candidates: 2, requestOffer: 3 } as const;

/** `generation` (unsigned, 32 bits) tells the peer connections that follow each other on one link apart. */
export type SignalFrame =
  | {
      readonly kind: 'description';
      readonly generation: number;
      readonly type: 'offer' | 'answer';
      readonly sdp: string;
      /** Candidates gathered before the description was sent. */
      readonly candidates: readonly CandidateFrame[];
    }
  | {
      readonly kind: 'candidates';
      readonly generation: number;
      readonly candidates: readonly CandidateFrame[];
    }
  | { readonly kind: 'request-offer'; readonly generation: number };

/** Bytes of `frame`. Throws RangeError for a frame that `decodeSignal` would refuse. */
export function encodeSignal(frame: SignalFrame): Uint8Array<ArrayBuffer> {
  const body = encodeBody(frame);
  const bytes = new Uint8Array(HEAD_BYTES + body.bytes.length);
  bytes[0] = VERSION;
  bytes[1] = body.kind;
  new DataView(bytes.buffer).setUint32(2, frame.generation);
  bytes.set(body.bytes, HEAD_BYTES);
  // DataView would silently wrap a generation that does not fit.
  if (!isUnsigned32(frame.generation) || decodeSignal(bytes) === null) {
    throw new RangeError(`signal frame out of bounds: ${frame.kind}`);
  }
  return bytes;
}

/** The frame in `bytes`, or null for anything that is not exactly one well-formed frame. Never throws. */
export function decodeSignal(bytes: Uint8Array): SignalFrame | null {
  if (bytes.length < HEAD_BYTES || bytes.length > MAX_SIGNAL_BYTES || bytes[0] !== VERSION) return null;
  const generation = uint32At(bytes, 2);
  const body = bytes.subarray(HEAD_BYTES);
  switch (bytes[1]) {
    case KIND.description:
      return decodeDescription(generation, body);
    case KIND.candidates: {
      const candidates = decodeCandidates(body);
      return candidates === null ? null : { kind: 'candidates', generation, candidates };
    }
    case KIND.requestOffer:
      return body.length === 0 ? { kind: 'request-offer', generation } : null;
    default:
      return null;
  }
}

function encodeBody(frame: SignalFrame): { kind: number; bytes: Uint8Array } {
  switch (frame.kind) {
    case 'description': {
      const sdp = new TextEncoder().encode(frame.sdp);
      const candidates = encodeCandidates(frame.candidates);
      const bytes = new Uint8Array(5 + sdp.length + candidates.length);
      bytes[0] = frame.type === 'offer' ? 0 : 1;
      new DataView(bytes.buffer).setUint32(1, sdp.length);
      bytes.set(sdp, 5);
      bytes.set(candidates, 5 + sdp.length);
      return { kind: KIND.description, bytes };
    }
    case 'candidates':
      return { kind: KIND.candidates, bytes: encodeCandidates(frame.candidates) };
    case 'request-offer':
      return { kind: KIND.requestOffer, bytes: new Uint8Array(0) };
  }
}

function decodeDescription(generation: number, body: Uint8Array): SignalFrame | null {
  if (body.length < 5) return null;
  const type = body[0] === 0 ? 'offer' : body[0] === 1 ? 'answer' : null;
  const sdpBytes = uint32At(body, 1);
  if (type === null || sdpBytes > body.length - 5) return null;
  const sdp = decodeText(body.subarray(5, 5 + sdpBytes));
  const candidates = decodeCandidates(body.subarray(5 + sdpBytes));
  if (sdp === null || !isSdp(sdp) || candidates === null) return null;
  return { kind: 'description', generation, type, sdp, candidates };
}

function encodeCandidates(candidates: readonly CandidateFrame[]): Uint8Array {
  const rows = candidates.map((one) => [one.candidate, one.sdpMid, one.sdpMLineIndex, one.usernameFragment]);
  return new TextEncoder().encode(JSON.stringify(rows));
}

function decodeCandidates(bytes: Uint8Array): readonly CandidateFrame[] | null {
  const text = decodeText(bytes);
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(value) || value.length > MAX_CANDIDATES) return null;
  const rows: readonly unknown[] = value;
  const candidates: CandidateFrame[] = [];
  for (const row of rows) {
    const candidate = readCandidate(row);
    if (candidate === null) return null;
    candidates.push(candidate);
  }
  return candidates;
}

function isUnsigned32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

function uint32At(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset);
}
