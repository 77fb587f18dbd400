/**
 * Ids and tickets of members. Owns how a peer id is made and how a ticket proves it; does not know who is in the room.
 */

const encoder = new TextEncoder();
const TAG_CHARS = 8;
const RANDOM_BYTES = 12;

/** Makes and checks tickets: base64url(HMAC-SHA-256(key, room id || 0 || peer id)). */
export interface Tickets {
  mint(roomId: string, peerId: string): Promise<string>;
  /** Compares in constant time (WebCrypto's verify). */
  verify(roomId: string, peerId: string, ticket: string): Promise<boolean>;
}

/** `key`: the server's secret, any text; two servers with the same key honour each other's tickets. */
export async function createTickets(key: string): Promise<Tickets> {
  const hmac = await crypto.subtle.importKey(
    'raw',
    encoder.encode(key),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign', 'verify'],
  );
  const claim = (roomId: string, peerId: string) => encoder.encode(`${roomId}\0${peerId}`);
  return {
    async mint(roomId, peerId) {
      return toBase64url(new Uint8Array(await crypto.subtle.sign('HMAC', hmac, claim(roomId, peerId))));
    },
    async verify(roomId, peerId, ticket) {
      return await crypto.subtle.verify('HMAC', hmac, fromBase64url(ticket), claim(roomId, peerId));
    },
  };
}

/** The first 8 base64url characters of SHA-256(room id): tells members of one room from strangers. */
export async function roomTag(roomId: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', encoder.encode(roomId));
  return toBase64url(new Uint8Array(digest)).slice(0, TAG_CHARS);
}

/** `<room tag>.<16 random characters>`. */
export function freshPeerId(tag: string): string {
  return `${tag}.${toBase64url(crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)))}`;
}

function toBase64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

// The decoder has checked the alphabet.
function fromBase64url(text: string): Uint8Array {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
