/**
 * Owns who may ask: nonces and the long-term credential mechanism over TURN REST credentials (RFC 8489 s9.2,
 * RFC 8656 s5). Stores nothing for whoever is not authenticated. Must not know sockets or peers.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type Message from 'node-turn/lib/message.js';
import User from 'node-turn/lib/user.js';
import { parseUsername, passwordOf } from '../credential.ts';
import type { IncomingMessage } from './stun-message.ts';
import { refuse } from './stun-message.ts';

const NONCE = /^([0-9a-z]{1,9})-([0-9a-f]{32})$/;
/** How long a nonce is good for, in seconds: at most an hour (RFC 8656 s5). */
const NONCE_LIFETIME_SECONDS = 3600;
/** How long an allocation may outlive the credential it was made with. */
const OUTLIVING_MS = 12 * 3600 * 1000;

export interface AuthenticatorOptions {
  /** Accepted in turn; the first is the one in use, the others are being rotated out. */
  readonly secrets: readonly string[];
  readonly realm: string;
  /** Unix time in milliseconds. */
  readonly now: () => number;
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
) => Promise<Authentication>;

const REFUSED: Authentication = { outcome: 'refused' };

/** When an allocation of this user ends at the latest, in Unix milliseconds. */
export function allocationEndMs(user: User): number {
  const expiresAtSeconds = parseUsername(user.username)?.expiresAtSeconds ?? 0;
  return expiresAtSeconds * 1000 + OUTLIVING_MS;
}

export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const { secrets, realm, now } = options;
  const nonceKey = randomBytes(32);

  /** node-turn keeps every nonce it ever gave for an hour; these say themselves when and to whom they were given. */
  const nonceTag = (message: Message, time: string): string => {
    const { src, dst } = message.transport;
    return createHmac('sha256', nonceKey)
      .update(`${time}|${src.address}|${src.port}|${dst.address}|${dst.port}`)
      .digest('hex')
      .slice(0, 32);
  };

  const nonceFor = (message: Message): string => {
    const time = Math.floor(now() / 1000).toString(36);
    return `${time}-${nonceTag(message, time)}`;
  };

  const nonceIsFresh = (message: Message, nonce: string): boolean => {
    const [, time, tag] = NONCE.exec(nonce) ?? [];
    if (time === undefined || tag === undefined) {
      return false;
    }
    if (!timingSafeEqual(Buffer.from(tag), Buffer.from(nonceTag(message, time)))) {
      return false;
    }
    const ageSeconds = now() / 1000 - Number.parseInt(time, 36);
    return ageSeconds <= NONCE_LIFETIME_SECONDS;
  };

  /** Unsigned, as who asks is not known (RFC 8489 s9.2.4). */
  const challenge = (message: Message, reply: Message, code: 401 | 438): Authentication => {
    reply.addAttribute('realm', realm);
    reply.addAttribute('nonce', nonceFor(message));
    refuse(reply, code, code === 401 ? 'Unauthorized' : 'Stale Nonce');
    return REFUSED;
  };

  /** The password is computed, never looked up: no property of any object can be one (`constructor`). */
  const signerOf = async (message: IncomingMessage, username: string): Promise<User | null> => {
    for (const secret of secrets) {
      const password = await passwordOf(secret, username);
      if (message.verify(username, realm, password)) {
        return new User(username, password);
      }
    }
    return null;
  };

  return async (message, reply, allocationUser) => {
    if (!message.signed) {
      return challenge(message, reply, 401);
    }
    const username = message.getAttribute('username');
    const claimedRealm = message.getAttribute('realm');
    const nonce = message.getAttribute('nonce');
    if (typeof username !== 'string' || typeof claimedRealm !== 'string' || typeof nonce !== 'string') {
      refuse(reply, 400, 'Bad Request');
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
    const user = await signerOf(message, username);
    if (user === null) {
      return challenge(message, reply, 401);
    }
    if (allocationUser !== null) {
      // RFC 8656 s5: whoever made the allocation is the only one to manage it. The request is authenticated, so the
      // answer is signed with the password that signed it (RFC 8489 s9.2.4).
      reply.setUser(user);
      refuse(reply, 441, 'Wrong Credentials');
      return REFUSED;
    }
    if (parsed.expiresAtSeconds * 1000 <= now()) {
      return challenge(message, reply, 401);
    }
    return { outcome: 'accepted', user };
  };
}
