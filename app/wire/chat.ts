/**
 * Frames of a link's chat channel, version 1: a message, and the word that it arrived. Owns bytes, caps and what of a text
 * may stay; knows no channel and no person. Numbers are big-endian.
 *
 * | bytes | message                                        | ack                    |
 * | ----- | ---------------------------------------------- | ---------------------- |
 * | 1     | version, 1                                     | version, 1             |
 * | 1     | kind, 1                                        | kind, 2                |
 * | 8     | id, random, of the sender's choice             | id of what has arrived |
 * | 1     | scope: 0 for everyone, 1 for the receiver only |                        |
 * | 6     | when it was written, ms since 1970, by the sender's clock: a hint | |
 * | rest  | text in UTF-8, 1 to 16384 bytes                |                        |
 */

const VERSION = 1;
const KIND = { message: 1, ack: 2 } as const;
const ID_BYTES = 8;
const SCOPE_AT = 2 + ID_BYTES;
const TIME_AT = SCOPE_AT + 1;
const TEXT_AT = TIME_AT + 6;
const MAX_TEXT_BYTES = 16 * 1024;
/** Longest frame, in bytes. */
export const MAX_CHAT_BYTES = TEXT_AT + MAX_TEXT_BYTES;
/** Longest text, in Unicode code points, so that its UTF-8 always has room. */
export const MAX_CHAT_CHARACTERS = 4_000;

export type ChatFrame =
  | {
      readonly kind: 'message';
      /** 16 lower-case hexadecimal digits. */
      readonly id: string;
      readonly isPrivate: boolean;
      readonly writtenAtMs: number;
      /** As `cleanChatText` leaves it, and not empty. */
      readonly text: string;
    }
  | { readonly kind: 'ack'; readonly id: string };

/** Bytes of `frame`, its text cleaned. Throws RangeError for a frame that `decodeChat` would refuse. */
export function encodeChat(frame: ChatFrame): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(frame.kind === 'message' ? cleanChatText(frame.text) : '');
  const bytes = new Uint8Array(frame.kind === 'ack' ? SCOPE_AT : TEXT_AT + text.length);
  const view = new DataView(bytes.buffer);
  bytes.set([VERSION, KIND[frame.kind]]);
  if (!/^[0-9a-f]{16}$/.test(frame.id)) throw new RangeError('chat id out of bounds');
  view.setBigUint64(2, BigInt(`0x${frame.id}`));
  if (frame.kind === 'message') {
    bytes[SCOPE_AT] = frame.isPrivate ? 1 : 0;
    view.setUint16(TIME_AT, Math.floor(frame.writtenAtMs / 2 ** 32));
    view.setUint32(TIME_AT + 2, frame.writtenAtMs % 2 ** 32);
    bytes.set(text, TEXT_AT);
  }
  if (decodeChat(bytes.buffer) === null) throw new RangeError('chat frame out of bounds');
  return bytes;
}

/** The frame in `bytes`, or null for anything that is not exactly one well-formed frame. Never throws. */
export function decodeChat(bytes: ArrayBuffer): ChatFrame | null {
  if (bytes.byteLength < SCOPE_AT || bytes.byteLength > MAX_CHAT_BYTES) return null;
  const view = new DataView(bytes);
  if (view.getUint8(0) !== VERSION) return null;
  const kind = view.getUint8(1);
  const id = view
    .getBigUint64(2)
    .toString(16)
    .padStart(2 * ID_BYTES, '0');
  if (kind === KIND.ack) return bytes.byteLength === SCOPE_AT ? { kind: 'ack', id } : null;
  if (kind !== KIND.message || bytes.byteLength <= TEXT_AT) return null;
  const scope = view.getUint8(SCOPE_AT);
  if (scope > 1) return null;
  const writtenAtMs = view.getUint16(TIME_AT) * 2 ** 32 + view.getUint32(TIME_AT + 2);
  let text: string;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    text = cleanChatText(decoder.decode(new Uint8Array(bytes, TEXT_AT)));
  } catch {
    return null;
  }
  return text === '' ? null : { kind: 'message', id, isPrivate: scope === 1, writtenAtMs, text };
}

/**
 * Text from outside as it may be shown: lines end in \n, and there are no controls but that and the tab, no unpaired
 * surrogates and no characters that turn the direction of what surrounds them (UAX #9 s2.1 to s2.5); at most
 * `MAX_CHAT_CHARACTERS` code points, nothing blank at either end. Idempotent.
 */
export function cleanChatText(text: string): string {
  const clean = text
    // Work is bounded first: no text that may be sent has more than this many code units.
    .slice(0, MAX_TEXT_BYTES)
    .replace(/\r\n?|[\u2028\u2029\u0085]/g, '\n')
    .replace(/(?![\n\t])[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069\ufeff]/gu, '')
    .trim();
  return clean.length <= MAX_CHAT_CHARACTERS ? clean : cut(clean).trim();
}

/** How many characters of `text` count towards the cap. */
export function countCharacters(text: string): number {
  return [...text].length;
}

function cut(text: string): string {
  return [...text].slice(0, MAX_CHAT_CHARACTERS).join('');
}
