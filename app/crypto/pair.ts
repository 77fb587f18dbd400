/**
 * The keys two members share, and what is done with them: sealing and opening signals, and proving on the link that
 * both ends hold them. Owns counters and padding; knows neither socket nor peer connection, nor what a signal says.
 *
 * A sealed signal is base64url of: counter (8 bytes, big-endian, in the clear), then AES-256-GCM of
 * [deflated length (2 bytes), deflated plaintext, zeros up to a size class]. IV = 4 zero bytes and the counter;
 * additional data = (`signal`, room id, from, to, counter).
 */
import { decodeBase64Url, encodeBase64Url } from './base64url.ts';
import { compareBytes, concat, joinFields, utf8 } from './bytes.ts';
import { deflate, inflate } from './deflate.ts';
import type { Identity } from './identity.ts';

/** Longest sealed signal, in characters; what the room carries. */
const MAX_SEALED_CHARS = 14 * 1024;
/** Longest plaintext of a signal, in bytes. */
const MAX_PLAINTEXT_BYTES = 64 * 1024;
const COUNTER_BYTES = 8;
const LENGTH_BYTES = 2;
const TAG_BYTES = 16;
const MAX_COUNTER = 2n ** 64n - 1n;

/** Which end of the link, by perfect negotiation. */
export type LinkRole = 'polite' | 'impolite';

export interface PairOptions {
  readonly roomId: string;
  /** 32 bytes, of the room's keys. */
  readonly psk: Uint8Array<ArrayBuffer>;
  readonly identity: Identity;
  /** The encoded hello this page sealed. */
  readonly ownHelloBytes: Uint8Array<ArrayBuffer>;
  /** The encoded hello the peer sealed, as opened. */
  readonly peerHelloBytes: Uint8Array<ArrayBuffer>;
  /** From the peer's hello. */
  readonly peerPublicKey: Uint8Array<ArrayBuffer>;
}

export interface PairKeys {
  /**
   * Seals `plaintext` (at most 64 KiB) for the peer; `from` and `to` are peer ids. Calls may overlap: they resolve in
   * the order they were made, which is the order of their counters and the only order the peer accepts. Rejects with
   * RangeError when the result would be over 14 KiB of text.
   */
  seal(plaintext: Uint8Array<ArrayBuffer>, from: string, to: string): Promise<string>;
  /**
   * The plaintext of `data`, or null: not from the peer, not for these ids, seen before or older than one seen.
   * Never throws, and a forgery changes nothing. Calls may overlap: they are taken in the order they were made.
   */
  open(data: string, from: string, to: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Proof for the peer, 32 bytes: HMAC-SHA-256 over (`confirm`, `role`, fingerprints), seen from this end. */
  confirmTag(
    role: LinkRole,
    localFingerprint: Uint8Array,
    remoteFingerprint: Uint8Array,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Whether `tag` is the proof of the peer, whose role is `peerRole`. Takes constant time. */
  verifyConfirm(
    tag: Uint8Array,
    peerRole: LinkRole,
    peerFingerprint: Uint8Array,
    ownFingerprint: Uint8Array,
  ): Promise<boolean>;
}

/**
 * Pairs already derived, per private key. A second derivation from the same hellos would have the same keys and
 * start its counter again, and AES-GCM does not survive a repeated IV (NIST SP 800-38D s8): the first is returned.
 */
const derived = new WeakMap<CryptoKey, Map<string, Promise<PairKeys | null>>>();

/**
 * The keys shared with a peer, or null when its public key is no point of the curve or its hello is this page's own,
 * reflected. The same hellos always give the same object, with its counters. `roomId` and `psk` come from the same
 * secret.
 */
export function derivePair(options: PairOptions): Promise<PairKeys | null> {
  const { identity, ownHelloBytes, peerHelloBytes, peerPublicKey, psk, roomId } = options;
  if (compareBytes(peerPublicKey, identity.publicKey) === 0) return Promise.resolve(null);
  if (compareBytes(peerHelloBytes, ownHelloBytes) === 0) return Promise.resolve(null);
  let pairs = derived.get(identity.privateKey);
  if (pairs === undefined) {
    pairs = new Map();
    derived.set(identity.privateKey, pairs);
  }
  const name = encodeBase64Url(joinFields(roomId, psk, ownHelloBytes, peerHelloBytes, peerPublicKey));
  let pair = pairs.get(name);
  if (pair === undefined) {
    pair = derive(options);
    pairs.set(name, pair);
  }
  return pair;
}

async function derive(options: PairOptions): Promise<PairKeys | null> {
  const subtle = crypto.subtle;
  const curve = { name: 'ECDH', namedCurve: 'P-256' };
  const ownIsFirst = compareBytes(options.ownHelloBytes, options.peerHelloBytes) < 0;
  const transcript = ownIsFirst
    ? concat(options.ownHelloBytes, options.peerHelloBytes)
    : concat(options.peerHelloBytes, options.ownHelloBytes);
  const salting = subtle.digest('SHA-256', transcript);
  let shared: ArrayBuffer;
  try {
    // Import checks that the point is on the curve (SP 800-56A s5.6.2.3.4); P-256 has no small subgroups.
    const peerKey = await subtle.importKey('raw', options.peerPublicKey, curve, false, []);
    shared = await subtle.deriveBits({ name: 'ECDH', public: peerKey }, options.identity.privateKey, 256);
  } catch {
    return null;
  }
  const salt = await salting;
  const input = concat(new Uint8Array(shared), options.psk);
  const master = await subtle.importKey('raw', input, 'HKDF', false, ['deriveKey']);
  const parameters = (label: string) => ({ name: 'HKDF', hash: 'SHA-256', salt, info: utf8(label) });
  const aes = { name: 'AES-GCM', length: 256 };
  const hmac = { name: 'HMAC', hash: 'SHA-256', length: 256 };
  // A is the member whose hello sorts first; each direction has its key, so nothing sent can be played back.
  const sendLabel = ownIsFirst ? 'signal A>B' : 'signal B>A';
  const receiveLabel = ownIsFirst ? 'signal B>A' : 'signal A>B';
  // Side by side: every link of a join waits for this.
  const [sendKey, receiveKey, confirmKey] = await Promise.all([
    subtle.deriveKey(parameters(sendLabel), master, aes, false, ['encrypt']),
    subtle.deriveKey(parameters(receiveLabel), master, aes, false, ['decrypt']),
    subtle.deriveKey(parameters('confirm'), master, hmac, false, ['sign', 'verify']),
  ]);
  return {
    seal: createSealer(sendKey, options.roomId),
    open: createOpener(receiveKey, options.roomId),
    async confirmTag(role, localFingerprint, remoteFingerprint) {
      const proof = joinFields('confirm', role, localFingerprint, remoteFingerprint);
      return new Uint8Array(await subtle.sign('HMAC', confirmKey, proof));
    },
    verifyConfirm(tag, peerRole, peerFingerprint, ownFingerprint) {
      const proof = joinFields('confirm', peerRole, peerFingerprint, ownFingerprint);
      return subtle.verify('HMAC', confirmKey, new Uint8Array(tag), proof);
    },
  };
}

function createSealer(key: CryptoKey, roomId: string): PairKeys['seal'] {
  let counter = 0n;
  let previous: Promise<unknown> = Promise.resolve();

  async function sealOne(plaintext: Uint8Array<ArrayBuffer>, own: bigint, from: string, to: string) {
    if (own > MAX_COUNTER) throw new RangeError('signal counter exhausted');
    if (plaintext.length > MAX_PLAINTEXT_BYTES) throw new RangeError('signal too long');
    const padded = pad(await deflate(plaintext));
    const sealed = await crypto.subtle.encrypt(cipher(roomId, from, to, own), key, padded);
    const data = encodeBase64Url(concat(counterBytes(own), new Uint8Array(sealed)));
    if (data.length > MAX_SEALED_CHARS) throw new RangeError('signal too long');
    return data;
  }

  return (plaintext, from, to) => {
    counter += 1n;
    const sealed = sealOne(plaintext, counter, from, to);
    const inTurn = Promise.allSettled([previous, sealed]).then(() => sealed);
    previous = inTurn;
    return inTurn;
  };
}

function createOpener(key: CryptoKey, roomId: string): PairKeys['open'] {
  let lastCounter = 0n;
  let previous: Promise<unknown> = Promise.resolve();

  async function openOne(data: string, from: string, to: string): Promise<Uint8Array<ArrayBuffer> | null> {
    if (data.length > MAX_SEALED_CHARS) return null;
    const payload = decodeBase64Url(data);
    if (payload === null || payload.length < COUNTER_BYTES + TAG_BYTES + LENGTH_BYTES) return null;
    const counter = new DataView(payload.buffer).getBigUint64(0);
    if (counter <= lastCounter) return null;
    let padded: Uint8Array<ArrayBuffer>;
    try {
      const sealed = payload.subarray(COUNTER_BYTES);
      padded = new Uint8Array(await crypto.subtle.decrypt(cipher(roomId, from, to, counter), key, sealed));
    } catch {
      return null;
    }
    // Only now: a forged counter must not shut the peer out.
    lastCounter = counter;
    const deflated = unpad(padded);
    return deflated === null ? null : inflate(deflated, MAX_PLAINTEXT_BYTES);
  }

  return (data, from, to) => {
    const opened = previous.then(() => openOne(data, from, to)).catch(() => null);
    previous = opened;
    return opened;
  };
}

function cipher(roomId: string, from: string, to: string, counter: bigint): AesGcmParams {
  const bytes = counterBytes(counter);
  return {
    name: 'AES-GCM',
    iv: concat(new Uint8Array(4), bytes),
    additionalData: joinFields('signal', roomId, from, to, bytes),
  };
}

function counterBytes(counter: bigint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(COUNTER_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, counter);
  return bytes;
}

/** Size classes: multiples of 64 bytes up to 1 KiB, of 128 above. */
function pad(deflated: Uint8Array): Uint8Array<ArrayBuffer> {
  if (deflated.length > 0xffff) throw new RangeError('signal too long');
  const length = LENGTH_BYTES + deflated.length;
  const step = length <= 1024 ? 64 : 128;
  const padded = new Uint8Array(Math.ceil(length / step) * step);
  new DataView(padded.buffer).setUint16(0, deflated.length);
  padded.set(deflated, LENGTH_BYTES);
  return padded;
}

function unpad(padded: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | null {
  if (padded.length < LENGTH_BYTES) return null;
  const length = new DataView(padded.buffer).getUint16(0);
  return length > padded.length - LENGTH_BYTES ? null : padded.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
}
