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

const VERSION = 1;
const HEAD_BYTES = 6;
/** Longest frame, in bytes. */
export const MAX_SIGNAL_BYTES = 64 * 1024;
/** Longest SDP, in characters. */
export const MAX_SDP_CHARS = 32 * 1024;
/** Most candidates one frame carries. */
export const MAX_CANDIDATES = 64;
const MAX_CANDIDATE_CHARS = 512;
const MAX_MID_CHARS = 64;
/** RFC 8839 s5.4: ice-ufrag is 4 to 256 characters. */
const MAX_USERNAME_FRAGMENT_CHARS = 256;
const MAX_M_LINE_INDEX = 0xffff;

const KIND = { description: 1, candidates: 2, requestOffer: 3 } as const;

/** RTCIceCandidateInit with every member present. An empty `candidate` is the end of candidates. */
export interface CandidateFrame {
  readonly candidate: string;
  readonly sdpMid: string | null;
  readonly sdpMLineIndex: number | null;
  readonly usernameFragment: string | null;
}

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
    const candidate = decodeCandidate(row);
    if (candidate === null) return null;
    candidates.push(candidate);
  }
  return candidates;
}

function decodeCandidate(row: unknown): CandidateFrame | null {
  if (!Array.isArray(row) || row.length !== 4) return null;
  const fields: readonly unknown[] = row;
  const [candidate, sdpMid, sdpMLineIndex, usernameFragment] = fields;
  if (!isLine(candidate, MAX_CANDIDATE_CHARS)) return null;
  if (sdpMid !== null && !isLine(sdpMid, MAX_MID_CHARS)) return null;
  if (sdpMLineIndex !== null && !isIndex(sdpMLineIndex)) return null;
  if (usernameFragment !== null && !isLine(usernameFragment, MAX_USERNAME_FRAGMENT_CHARS)) return null;
  // W3C webrtc-pc s4.4.2, addIceCandidate: a candidate must say which m-line it is for.
  if (candidate !== '' && sdpMid === null && sdpMLineIndex === null) return null;
  return { candidate, sdpMid, sdpMLineIndex, usernameFragment };
}

function decodeText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function isSdp(text: string): boolean {
  if (text.length === 0 || text.length > MAX_SDP_CHARS) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: SDP is text lines; no other control belongs in it.
  return !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text);
}

/** One line of at most `maxChars`: a line break in it could smuggle a second SDP line. */
function isLine(value: unknown, maxChars: number): value is string {
  if (typeof value !== 'string' || value.length > maxChars) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is refused here.
  return !/[\u0000-\u001f\u007f]/.test(value);
}

function isIndex(value: unknown): value is number {
  if (typeof value !== 'number' || !Number.isInteger(value)) return false;
  // JSON has a -0, which would not be written again as it was read.
  return value >= 0 && value <= MAX_M_LINE_INDEX && !Object.is(value, -0);
}

function isUnsigned32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

function uint32At(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset);
}
