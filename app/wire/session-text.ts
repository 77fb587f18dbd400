/**
 * What frames of the control channel and sealed signals both carry: session descriptions and candidates. Owns their caps and
 * what is refused in them; knows neither kind of frame.
 */

/** Longest SDP, in characters. */
export const MAX_SDP_CHARS = 32 * 1024;
const MAX_CANDIDATE_CHARS = 512;
const MAX_MID_CHARS = 64;
/** RFC 8839 s5.4: ice-ufrag is 4 to 256 characters. */
const MAX_USERNAME_FRAGMENT_CHARS = 256;
const MAX_M_LINE_INDEX = 0xffff;

/** RTCIceCandidateInit with every member present. An empty `candidate` is the end of candidates. */
export interface CandidateFrame {
  readonly candidate: string;
  readonly sdpMid: string | null;
  readonly sdpMLineIndex: number | null;
  readonly usernameFragment: string | null;
}

export function decodeText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

export function isSdp(text: string): boolean {
  if (text.length === 0 || text.length > MAX_SDP_CHARS) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: SDP is text lines; no other control belongs in it.
  return !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text);
}

/** Null for what no browser would have written. */
export function readCandidate(row: unknown): CandidateFrame | null {
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
