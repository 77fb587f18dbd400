/**
 * Who this page is for one join: an ephemeral key pair that cannot be taken out of the browser. Owns its making;
 * knows no room.
 */

export interface Identity {
  /** P-256 point, uncompressed: 65 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** ECDH P-256, not extractable; gone with the page, and with it every recorded signal (forward secrecy). */
  readonly privateKey: CryptoKey;
  /** 32 random bytes. */
  readonly nonce: Uint8Array<ArrayBuffer>;
}

export async function createIdentity(): Promise<Identity> {
  const algorithm = { name: 'ECDH', namedCurve: 'P-256' };
  const pair = await crypto.subtle.generateKey(algorithm, false, ['deriveBits']);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  return { publicKey, privateKey: pair.privateKey, nonce: crypto.getRandomValues(new Uint8Array(32)) };
}
