/**
 * Owns the corrections to node-turn's encoder: how requests are answered, signed where they must be. Must not know
 * credentials, allocations or sockets.
 */
import Attribute from 'node-turn/lib/attribute.js';
import type Message from 'node-turn/lib/message.js';
import { familyOf, type IpWords } from '../data-path/ip-words.ts';
import { MessageClass } from './stun-message.ts';

const STATE_REJECTED = 2;
const MAX_NAMED_TYPES = 32;
const MAGIC_COOKIE = 0x2112a442;

/** The phrases of RFC 8489 s14.8 and RFC 8656 s19. */
const REASONS = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  420: 'Unknown Attribute',
  437: 'Allocation Mismatch',
  438: 'Stale Nonce',
  440: 'Address Family not Supported',
  441: 'Wrong Credentials',
  442: 'Unsupported Transport Protocol',
  443: 'Peer Address Family Mismatch',
  486: 'Allocation Quota Reached',
  500: 'Server Error',
  508: 'Insufficient Capacity',
} as const;

export type ErrorCode = keyof typeof REASONS;

/** The names that node-turn's codec has for attributes whose values it cannot write. */
type RawName = 'unknown-attributes' | 'reservation-token' | 'xor-mapped-address' | 'xor-relayed-address';

/**
 * Answers with an error. Once the request is authenticated the answer is signed (RFC 8489 s9.2.4); node-turn puts
 * ERROR-CODE last, where integrity would not cover it. Who is not authenticated gets no phrase: it would only make the
 * answer larger than the question.
 */
export function refuse(reply: Message, code: ErrorCode): void {
  if (reply.user === null) {
    reply.reject(code, '');
    return;
  }
  reply.addAttribute('error-code', { code, reason: REASONS[code] });
  reply.addAttribute('message-integrity');
  reply.class = MessageClass.error;
  reply._state = STATE_REJECTED;
  const { dst, socket } = reply.transport;
  socket.send(reply.toBuffer(), dst.port, dst.address, () => undefined);
}

/** Answers 420 naming every type not understood (RFC 8489 s6.3.1); node-turn's codec writes only one. */
export function refuseUnknown(reply: Message, types: readonly number[]): void {
  const named = types.slice(0, MAX_NAMED_TYPES);
  const value = Buffer.alloc(named.length * 2);
  named.forEach((type, index) => {
    value.writeUInt16BE(type, index * 2);
  });
  addRaw(reply, 'unknown-attributes', value);
  refuse(reply, 420);
}

/** Answers with success, signed. */
export function accept(reply: Message): void {
  reply.addAttribute('message-integrity');
  reply.resolve();
}

/** RFC 8489 s14.2. node-turn writes an abbreviated IPv6 address group by group as it stands, so that most come out wrong. */
export function addXorAddress(
  reply: Message,
  name: 'xor-mapped-address' | 'xor-relayed-address',
  ip: IpWords,
  port: number,
): void {
  const family = familyOf(ip);
  const value = Buffer.alloc(family === 4 ? 8 : 20);
  value[1] = family === 4 ? 1 : 2;
  value.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), 2);
  if (family === 4) {
    value.writeInt32BE((ip[3] ?? 0) ^ MAGIC_COOKIE, 4);
  } else {
    const key = Buffer.alloc(16);
    key.writeUInt32BE(MAGIC_COOKIE);
    key.write(reply.transactionID, 4, 12, 'hex');
    for (let index = 0; index < 4; index += 1) {
      value.writeInt32BE((ip[index] ?? 0) ^ key.readInt32BE(index * 4), 4 + index * 4);
    }
  }
  addRaw(reply, name, value);
}

/** RFC 8656 s18.9; `token` is 16 hex digits. node-turn writes it as UTF-8. */
export function addReservationToken(reply: Message, token: string): void {
  addRaw(reply, 'reservation-token', Buffer.from(token, 'hex'));
}

function addRaw(reply: Message, name: RawName, value: Buffer): void {
  const attribute = new Attribute(reply, name, { family: 1 });
  attribute.length = value.length;
  attribute.padding = -value.length & 3;
  attribute.toBuffer = () => {
    const bytes = Buffer.alloc(4 + attribute.length + attribute.padding);
    bytes.writeUInt16BE(attribute.type, 0);
    bytes.writeUInt16BE(attribute.length, 2);
    value.copy(bytes, 4);
    return bytes;
  };
  reply.attributes.push(attribute);
  reply.length += 4 + attribute.length + attribute.padding;
}
