/**
 * Owns who may ask: nonces and the long-term credential mechanism over TURN REST credentials (RFC 8489 s9.2,
 * RFC 8656 s5). Stores nothing for whoever is not authenticated. Must not know sockets or peers.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type Message from 'node-turn/lib/message.js';
import User from 'node-turn/lib/user.js';
import { parseUsername } from '../credential.ts';
import type { ErrorCode } from './answers.ts';
import type { IncomingMessage } from './stun-message.ts';

/** Four octets of time in seconds, eight of its HMAC, base64url: short, so that challenges are small. */
const NONCE = /^[A-Za-z0-9_-]{16}$/;
const TIME_BYTES = 4;
const TAG_BYTES = 8;
/** How long a nonce is good for, in seconds: at most an hour (RFC 8656 s5). */
const NONCE_LIFETIME_SECONDS = 3600;
/** How long an allocation may outlive the credential it was made with. */
const OUTLIVING_MS = 12 * 3600 * 1000;

export interface AuthenticatorOptions {
  /** Accepted in turn; the first is the one in use, the others are being rotated out. */
  readonly secrets: readonly string[];
  readonly realm: string;
  /** 32 octets, the same for all workers. */
  readonly nonceKey: Uint8Array;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Whether an answer to whoever sent that, not being authenticated, would leave at all. */
  readonly mayAnswer: (message: IncomingMessage) => boolean;
  readonly refuse: (reply: Message, code: ErrorCode) => void;
}

/**
 * `accepted` gives the user whose password signed the request. Of the others the request is answered already;
 * `outlived` says besides that the allocation it is about must end now.
 */
export type Authentication =
  | { readonly outcome: 'accepted'; readonly user: User }
  | { readonly outcome: 'refused' }
  | { readonly outcome: 'outlived' };

export type Authenticate = (
  message: IncomingMessage,
  reply: Message,
  allocationUser: User | null,
) => Authentication;

const REFUSED: Authentication = { outcome: 'refused' };

/** When an allocation of this user ends at the latest, in Unix milliseconds. */
export function allocationEndMs(user: User): number {
  const expiresAtSeconds = parseUsername(user.username)?.expiresAtSeconds ?? 0;
  return expiresAtSeconds * 1000 + OUTLIVING_MS;
}

export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const { secrets, realm, nonceKey, now, mayAnswer, refuse } = options;

  /** node-turn keeps every nonce it ever gave for an hour; these say themselves when and to whom they were given. */
  const nonceAt = (message: Message, seconds: number): Buffer => {
    const time = Buffer.alloc(TIME_BYTES);
    time.writeUInt32BE(seconds >>> 0);
    const tag = createHmac('sha256', nonceKey).update(time).update(message.transport.get5Tuple()).digest();
    return Buffer.concat([time, tag.subarray(0, TAG_BYTES)]);
  };

  const nonceIsFresh = (message: Message, nonce: string): boolean => {
    if (!NONCE.test(nonce)) {
      return false;
    }
    const given = Buffer.from(nonce, 'base64url');
    const seconds = given.readUInt32BE(0);
    const ageSeconds = Math.floor(now() / 1000) - seconds;
    return timingSafeEqual(given, nonceAt(message, seconds)) && ageSeconds <= NONCE_LIFETIME_SECONDS;
  };

  /** Unsigned, as who asks is not known (RFC 8489 s9.2.4). */
  const challenge = (message: IncomingMessage, reply: Message, code: 401 | 438): Authentication => {
    if (!mayAnswer(message)) {
      return REFUSED;
    }
    reply.addAttribute('realm', realm);
    reply.addAttribute('nonce', nonceAt(message, Math.floor(now() / 1000)).toString('base64url'));
    refuse(reply, code);
    return REFUSED;
  };

  /**
   * The password is computed, never looked up: no property of any object can be one (`constructor`). The formula is
   * credential.ts's `passwordOf`, by the library that does not wait.
   */
  const signerOf = (message: IncomingMessage, username: string): User | null => {
    for (const secret of secrets) {
      const password = createHmac('sha1', secret).update(username).digest('base64');
      if (message.verify(username, realm, password)) {
        return new User(username, password);
      }
    }
    return null;
  };

  return (message, reply, allocationUser) => {
    if (!message.signed) {
      return challenge(message, reply, 401);
    }
    const username = message.getAttribute('username');
    const claimedRealm = message.getAttribute('realm');
    const nonce = message.getAttribute('nonce');
    if (typeof username !== 'string' || typeof claimedRealm !== 'string' || typeof nonce !== 'string') {
      if (mayAnswer(message)) {
        refuse(reply, 400);
      }
      return REFUSED;
    }
    if (!nonceIsFresh(message, nonce)) {
      return challenge(message, reply, 438);
    }
    const parsed = parseUsername(username);
    if (parsed === null || claimedRealm !== realm) {
      return challenge(message, reply, 401);
    }
    // The allocation keeps the password it was made with, so it outlives its credential and its secret, for a time.
    if (allocationUser !== null && allocationUser.username === username) {
      if (!message.verify(username, realm, allocationUser.password)) {
        return challenge(message, reply, 401);
      }
      if (allocationEndMs(allocationUser) <= now()) {
        challenge(message, reply, 401);
        return { outcome: 'outlived' };
      }
      return { outcome: 'accepted', user: allocationUser };
    }
    const user = signerOf(message, username);
    if (user === null) {
      return challenge(message, reply, 401);
    }
    if (allocationUser !== null) {
      // RFC 8656 s5: whoever made the allocation is the only one to manage it. The request is authenticated, so the
      // answer is signed with the password that signed it (RFC 8489 s9.2.4).
      reply.setUser(user);
      refuse(reply, 441);
      return REFUSED;
    }
    if (parsed.expiresAtSeconds * 1000 <= now()) {
      return challenge(message, reply, 401);
    }
    return { outcome: 'accepted', user };
  };
}
