/**
 * The hello, version 1: who a member is, in bytes. Owns the layout and the cleaning of names; knows no key and no
 * sealing.
 *
 * Layout: version (1 byte), public key (65), certificate fingerprint (32), nonce (32), capabilities (4, big-endian),
 * name length in bytes (1), name in UTF-8, zeros up to a multiple of 32 bytes of name, so that the sealed length
 * tells little about it. The layout is self-delimiting: two hellos in a row have one reading.
 */

const HELLO_VERSION = 1;
const PUBLIC_KEY_BYTES = 65;
const FINGERPRINT_BYTES = 32;
const NONCE_BYTES = 32;
/** Characters are Unicode code points, so 160 bytes of UTF-8 always hold them. */
const MAX_NAME_CHARACTERS = 40;
const MAX_NAME_BYTES = 160;
const NAME_BLOCK_BYTES = 32;
const CAPABILITIES_AT = 1 + PUBLIC_KEY_BYTES + FINGERPRINT_BYTES + NONCE_BYTES;
const NAME_LENGTH_AT = CAPABILITIES_AT + 4;
const NAME_AT = NAME_LENGTH_AT + 1;
/** SEC 1 s2.3.3: the first byte of an uncompressed point. */
const UNCOMPRESSED_POINT = 4;

export interface Hello {
  readonly version: typeof HELLO_VERSION;
  /** P-256 point, uncompressed: 65 bytes. That it lies on the curve is the importer's to check. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the DTLS certificate: 32 bytes. */
  readonly fingerprint: Uint8Array<ArrayBuffer>;
  /** 32 bytes of this join: when it was, then random ones. */
  readonly nonce: Uint8Array<ArrayBuffer>;
  /** At most 40 code points, clean (`cleanName`). May be empty. */
  readonly name: string;
  /** Bit set, unsigned 32 bits; unknown bits are ignored. */
  readonly capabilities: number;
}

/**
 * Bytes of `hello`, its name cleaned; equal hellos give equal bytes. Throws RangeError when a field has the wrong
 * length or range.
 */
export function encodeHello(hello: Hello): Uint8Array<ArrayBuffer> {
  if (
    hello.publicKey.length !== PUBLIC_KEY_BYTES ||
    hello.publicKey[0] !== UNCOMPRESSED_POINT ||
    hello.fingerprint.length !== FINGERPRINT_BYTES ||
    hello.nonce.length !== NONCE_BYTES ||
    !Number.isInteger(hello.capabilities) ||
    hello.capabilities < 0 ||
    hello.capabilities > 0xffff_ffff
  ) {
    throw new RangeError('hello field out of bounds');
  }
  const name = new TextEncoder().encode(cleanName(hello.name));
  const bytes = new Uint8Array(NAME_AT + paddedNameBytes(name.length));
  bytes[0] = HELLO_VERSION;
  bytes.set(hello.publicKey, 1);
  bytes.set(hello.fingerprint, 1 + PUBLIC_KEY_BYTES);
  bytes.set(hello.nonce, 1 + PUBLIC_KEY_BYTES + FINGERPRINT_BYTES);
  new DataView(bytes.buffer).setUint32(CAPABILITIES_AT, hello.capabilities);
  bytes[NAME_LENGTH_AT] = name.length;
  bytes.set(name, NAME_AT);
  return bytes;
}

/**
 * The hello in `bytes`, or null for anything else. Never throws. The name is cleaned rather than refused: what is
 * normal form depends on the Unicode version of the other end.
 */
export function decodeHello(bytes: Uint8Array): Hello | null {
  const nameBytes = bytes[NAME_LENGTH_AT];
  if (nameBytes === undefined || nameBytes > MAX_NAME_BYTES) return null;
  if (bytes.length !== NAME_AT + paddedNameBytes(nameBytes)) return null;
  if (bytes[0] !== HELLO_VERSION || bytes[1] !== UNCOMPRESSED_POINT) return null;
  if (bytes.subarray(NAME_AT + nameBytes).some((byte) => byte !== 0)) return null;
  let name: string;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    name = decoder.decode(bytes.subarray(NAME_AT, NAME_AT + nameBytes));
  } catch {
    return null;
  }
  const fingerprintAt = 1 + PUBLIC_KEY_BYTES;
  const nonceAt = fingerprintAt + FINGERPRINT_BYTES;
  return {
    version: HELLO_VERSION,
    publicKey: new Uint8Array(bytes.subarray(1, fingerprintAt)),
    fingerprint: new Uint8Array(bytes.subarray(fingerprintAt, nonceAt)),
    nonce: new Uint8Array(bytes.subarray(nonceAt, CAPABILITIES_AT)),
    name: cleanName(name),
    capabilities: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(CAPABILITIES_AT),
  };
}

/** `name` as `cleanText` leaves it, at most 40 characters. */
export function cleanName(name: string): string {
  return cleanText(name, MAX_NAME_CHARACTERS);
}

/**
 * Text from outside, fit to stand in a line of a screen: NFC, no control, bidirectional, invisible-separator or
 * unpaired-surrogate characters, white space collapsed, at most `maxCharacters` code points. Idempotent.
 */
export function cleanText(text: string, maxCharacters: number): string {
  // Work is bounded before normalising: no cap below needs more than this much input.
  const bounded = text.slice(0, maxCharacters * 16);
  const visible = bounded
    .replace(/\s+/gu, ' ')
    // Bidirectional controls (UAX #9 s2) could make one name read as another; U+200D stays, emoji are built with it.
    .replace(/[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu, '')
    .replace(/ +/gu, ' ')
    .trim()
    .normalize('NFC');
  return [...visible].slice(0, maxCharacters).join('').trim();
}

function paddedNameBytes(nameBytes: number): number {
  return Math.ceil(nameBytes / NAME_BLOCK_BYTES) * NAME_BLOCK_BYTES;
}
