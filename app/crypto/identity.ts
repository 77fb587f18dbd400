/**
 * Who this page is for one join: an ephemeral key pair that cannot be taken out of the browser, and a nonce. Owns their
 * making; knows no room.
 */

export interface Identity {
  /** P-256 point, uncompressed: 65 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** ECDH P-256, not extractable; gone with the page, and with it every recorded signal (forward secrecy). */
  readonly privateKey: CryptoKey;
}

export async function createIdentity(): Promise<Identity> {
  const algorithm = { name: 'ECDH', namedCurve: 'P-256' };
  const pair = await crypto.subtle.generateKey(algorithm, false, ['deriveBits']);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  return { publicKey, privateKey: pair.privateKey };
}

/**
 * For a hello, 32 bytes: the time of the join (milliseconds since 1970, 48 bits, big-endian), then random bytes. Of two
 * nonces the larger belongs to the later join, as far as the clocks agree; only who offers first depends on it.
 */
export function createNonce(nowMs: number): Uint8Array<ArrayBuffer> {
  const nonce = crypto.getRandomValues(new Uint8Array(32));
  const view = new DataView(nonce.buffer);
  view.setUint16(0, Math.floor(nowMs / 2 ** 32));
  view.setUint32(2, nowMs % 2 ** 32);
  return nonce;
}
