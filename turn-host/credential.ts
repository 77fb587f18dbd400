/**
 * Owns the TURN REST credential: how a user name and its password follow from the secret that the
 * Worker and the relay share. Must not know rooms, sockets or the relay's engine; both the Worker
 * and turn-host use it, so it keeps to what WebCrypto offers everywhere.
 *
 * Source: draft-uberti-behave-turn-rest-00 section 2.2; coturn's `use-auth-secret` reads the same form.
 */

/** The parts of a user name `<expiry>:<peerId>`. `expiresAtSeconds` is Unix time in whole seconds. */
export interface TurnUser {
  readonly expiresAtSeconds: number;
  readonly peerId: string;
  /** What comes before the first dot of the peer id: alike for members of one room. Null without a dot. */
  readonly roomTag: string | null;
}

/** What an `RTCIceServer` needs beside its URLs. `credential` is base64 of 20 octets. */
export interface TurnCredential {
  readonly username: string;
  readonly credential: string;
}

/** STUN holds a user name in at most 508 octets (RFC 8489 section 14.3). */
const MAX_USERNAME_LENGTH = 508;
const USERNAME = /^([1-9][0-9]{0,11}):([A-Za-z0-9_.-]{1,64})$/;

/**
 * Mints the credential a peer may make allocations with until `expiresAtSeconds` (Unix time, whole seconds).
 * Throws `RangeError` for an empty secret, or for a peer id or time that no relay would read back.
 */
export async function mintCredential(
  secret: string,
  peerId: string,
  expiresAtSeconds: number,
): Promise<TurnCredential> {
  const username = `${expiresAtSeconds}:${peerId}`;
  if (parseUsername(username) === null) {
    throw new RangeError(
      'a TURN user name needs a whole Unix time and a peer id of 1 to 64 of A-Z a-z 0-9 . _ -',
    );
  }
  return { username, credential: await passwordOf(secret, username) };
}

/** The password of a user name: base64(HMAC-SHA1(secret, username)). Throws `RangeError` for an empty secret. */
export async function passwordOf(secret: string, username: string): Promise<string> {
  if (secret === '') {
    throw new RangeError('the TURN secret must not be empty');
  }
  const encoder = new TextEncoder();
  const key = await crypto.subtle.importKey(
    'raw',
    encoder.encode(secret),
    { name: 'HMAC', hash: 'SHA-1' },
    false,
    ['sign'],
  );
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(username)));
  return btoa(String.fromCharCode(...mac));
}

/** Reads a user name strictly: a decimal time without sign or leading zero, one colon, a peer id; else null. */
export function parseUsername(username: string): TurnUser | null {
  if (username.length > MAX_USERNAME_LENGTH) {
    return null;
  }
  const parts = USERNAME.exec(username);
  const [, expiry, peerId] = parts ?? [];
  if (expiry === undefined || peerId === undefined) {
    return null;
  }
  const dot = peerId.indexOf('.');
  return { expiresAtSeconds: Number(expiry), peerId, roomTag: dot > 0 ? peerId.slice(0, dot) : null };
}
