/**
 * The room's keys, from the link's secret and the room password. Owns the labels of that part of the key schedule;
 * knows no member and no message. HKDF is RFC 5869, PBKDF2 is RFC 8018 s5.2, both with SHA-256.
 */
import { encodeBase64Url } from './base64url.ts';
import { concat, utf8 } from './bytes.ts';

const PASSWORD_ITERATIONS = 600_000;

export interface RoomKeys {
  /** 16 bytes, base64url: names the room and is the capability to reach it. Independent of the password. */
  readonly roomId: string;
  /** AES-256-GCM, not extractable. */
  readonly helloKey: CryptoKey;
  /** 32 bytes mixed into every pair's keys. */
  readonly psk: Uint8Array<ArrayBuffer>;
}

/**
 * Keys of the room of `secret` (16 bytes; RangeError otherwise). `password` is taken in NFKC; '' is no password and
 * costs no PBKDF2. A wrong password gives the same room and other keys.
 */
export async function deriveRoomKeys(secret: Uint8Array<ArrayBuffer>, password: string): Promise<RoomKeys> {
  if (secret.length !== 16) throw new RangeError('a link secret has 16 bytes');
  const subtle = crypto.subtle;
  const linkInput = await importInput(secret);
  const roomId = await subtle.deriveBits(parameters('room'), linkInput, 128);
  const memberInput =
    password === '' ? linkInput : await importInput(concat(secret, await stretch(secret, password)));
  const algorithm = { name: 'AES-GCM', length: 256 };
  const helloKey = await subtle.deriveKey(parameters('hello'), memberInput, algorithm, false, [
    'encrypt',
    'decrypt',
  ]);
  const psk = await subtle.deriveBits(parameters('psk'), memberInput, 256);
  return { roomId: encodeBase64Url(new Uint8Array(roomId)), helloKey, psk: new Uint8Array(psk) };
}

async function stretch(secret: Uint8Array<ArrayBuffer>, password: string): Promise<Uint8Array> {
  const subtle = crypto.subtle;
  const salt = await subtle.digest('SHA-256', concat(utf8('parley/v1 password'), secret));
  const input = await subtle.importKey('raw', utf8(password.normalize('NFKC')), 'PBKDF2', false, [
    'deriveBits',
  ]);
  const work = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: PASSWORD_ITERATIONS };
  return new Uint8Array(await subtle.deriveBits(work, input, 256));
}

function importInput(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bytes, 'HKDF', false, ['deriveBits', 'deriveKey']);
}

function parameters(label: 'room' | 'hello' | 'psk'): HkdfParams {
  return { name: 'HKDF', hash: 'SHA-256', salt: utf8('parley/v1'), info: utf8(label) };
}
