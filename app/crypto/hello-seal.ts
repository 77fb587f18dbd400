/**
 * Sealing and opening of hellos under the room's hello key. Owns the payload: IV (12 random bytes), then AES-256-GCM
 * with the additional data (`hello`, room id), all in base64url. Knows no socket.
 */
import { decodeHello, encodeHello, type Hello } from '../wire/hello.ts';
import { decodeBase64Url, encodeBase64Url } from './base64url.ts';
import { concat, joinFields } from './bytes.ts';
import type { RoomKeys } from './room-keys.ts';

const IV_BYTES = 12;
const TAG_BYTES = 16;
const MAX_SEALED_CHARS = 1024;

type HelloKeys = Pick<RoomKeys, 'roomId' | 'helloKey'>;

export interface OpenedHello {
  readonly hello: Hello;
  /** Exactly what the member sealed: the pair's keys are bound to these bytes, not to their reading. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** `hello` sealed for the room: base64url, at most 1024 characters. */
export async function sealHello(keys: HelloKeys, hello: Hello): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const sealed = await crypto.subtle.encrypt(cipher(keys, iv), keys.helloKey, encodeHello(hello));
  return encodeBase64Url(concat(iv, new Uint8Array(sealed)));
}

/** The hello in `sealed`, or null when this room's keys do not open it or it is not a hello. Never throws. */
export async function openHello(keys: HelloKeys, sealed: string): Promise<OpenedHello | null> {
  if (sealed.length > MAX_SEALED_CHARS) return null;
  const payload = decodeBase64Url(sealed);
  if (payload === null || payload.length < IV_BYTES + TAG_BYTES) return null;
  try {
    const algorithm = cipher(keys, payload.subarray(0, IV_BYTES));
    const opened = await crypto.subtle.decrypt(algorithm, keys.helloKey, payload.subarray(IV_BYTES));
    const bytes = new Uint8Array(opened);
    const hello = decodeHello(bytes);
    return hello === null ? null : { hello, bytes };
  } catch {
    return null;
  }
}

/**
 * A name for the person behind an opened hello that stays the same across their sockets and peer ids: SHA-256 of its
 * plain bytes, base64url. The whole hello and not its public key, which anybody can put into a hello of their own.
 */
export async function memberKeyOf(helloBytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return encodeBase64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', helloBytes)));
}

function cipher(keys: HelloKeys, iv: Uint8Array<ArrayBuffer>): AesGcmParams {
  return { name: 'AES-GCM', iv, additionalData: joinFields('hello', keys.roomId) };
}
