/**
 * What a socket carries through hibernation: its room and its seat, versioned and decoded like any other input, since
 * a newer or older deployment may have written it. Owns the stored form only.
 */

import type { Seat } from './membership.ts';
import { MAX_HELLO_CHARS, PEER_ID_PATTERN, ROOM_ID_PATTERN } from './protocol/index.ts';

const ATTACHMENT_VERSION = 1;

export interface Attachment {
  readonly roomId: string;
  /** Null once the room has closed the socket: it may linger until the other side answers. */
  readonly seat: Seat | null;
}

/** The form that `serializeAttachment` stores; at most two kilobytes. */
export function encodeAttachment(attachment: Attachment): object {
  return { v: ATTACHMENT_VERSION, ...attachment };
}

/** Null when it is not an attachment of this version. */
export function decodeAttachment(value: unknown): Attachment | null {
  const fields = fieldsOf(value);
  if (fields === null || fields.get('v') !== ATTACHMENT_VERSION) return null;
  const roomId = fields.get('roomId');
  if (typeof roomId !== 'string' || !ROOM_ID_PATTERN.test(roomId)) return null;
  if (fields.get('seat') === null) return { roomId, seat: null };
  const seat = decodeSeat(fields.get('seat'));
  return seat === null ? null : { roomId, seat };
}

function decodeSeat(value: unknown): Seat | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  if (fields.get('state') === 'pending') {
    const connectedAtMs = fields.get('connectedAtMs');
    return isCount(connectedAtMs) ? { state: 'pending', connectedAtMs } : null;
  }
  if (fields.get('state') !== 'member') return null;
  const peerId = fields.get('peerId');
  const hello = fields.get('hello');
  const order = fields.get('order');
  const joinedAtMs = fields.get('joinedAtMs');
  if (typeof peerId !== 'string' || !PEER_ID_PATTERN.test(peerId)) return null;
  if (typeof hello !== 'string' || hello.length > MAX_HELLO_CHARS) return null;
  if (!isCount(order) || !isCount(joinedAtMs)) return null;
  return { state: 'member', peerId, hello, order, joinedAtMs };
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> | null {
  return typeof value === 'object' && value !== null ? new Map<string, unknown>(Object.entries(value)) : null;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
