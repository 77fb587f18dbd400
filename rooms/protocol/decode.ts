/**
 * Frames to messages and back, for hostile input in both directions: own keys only, no key beyond those of the kind,
 * every string capped. Owns the syntax; which message is allowed when is membership's. Never throws.
 */

import {
  MAX_CAPACITY,
  MAX_FRAME_BYTES,
  MAX_HELLO_CHARS,
  MAX_ICE_FIELD_CHARS,
  MAX_ICE_SERVERS,
  MAX_ICE_URLS,
  MAX_SIGNAL_CHARS,
  PEER_ID_PATTERN,
  PROTOCOL_VERSION,
  TICKET_PATTERN,
} from './limits.ts';
import type { ClientMessage, IceServer, MemberInfo, Resume, ServerMessage } from './messages.ts';

/** `close` names the refusal a room answers with: another version is told apart from nonsense. */
export type ClientDecoding =
  | { readonly ok: true; readonly message: ClientMessage }
  | { readonly ok: false; readonly problem: string; readonly close: 'badMessage' | 'version' };

export type ServerDecoding =
  | { readonly ok: true; readonly message: ServerMessage }
  | { readonly ok: false; readonly problem: string };

type Fields = Readonly<Record<string, unknown>>;

const BASE64URL = /^[A-Za-z0-9_-]+$/;
const ICE_URL = /^(?:stuns?|turns?):[!-~]+$/;
// A signal as encodeMessage writes it. No character of these alphabets needs an escape in JSON (RFC 8259 s7), so what
// matches is the JSON of exactly these keys and values.
const PLAIN_SIGNAL =
  /^\{"kind":"signal","to":"([A-Za-z0-9_-]{8}\.[A-Za-z0-9_-]{16})","data":"([A-Za-z0-9_-]+)"\}$/;
const encoder = new TextEncoder();

/** A frame's JSON text. The caller has made the message; nothing is checked. */
export function encodeMessage(message: ClientMessage | ServerMessage): string {
  return JSON.stringify(message);
}

/**
 * The frame of a signal on its way through a room, equal to encodeMessage's. Both strings must have passed the decoder:
 * their alphabets need no escaping, so a payload of kilobytes is copied rather than searched for what to escape.
 */
export function encodeRelayedSignal(from: string, data: string): string {
  return `{"kind":"signal","from":"${from}","data":"${data}"}`;
}

/** Length of a frame on the wire, in bytes of UTF-8. */
function frameBytes(text: string): number {
  return encoder.encode(text).byteLength;
}

/** A frame from a client (PROTOCOL.md [F1] to [F6]). */
export function decodeClientMessage(text: string): ClientDecoding {
  return decodePlainSignal(text) ?? decodeAnyClientMessage(text);
}

// Nearly every frame there is, read in one pass and not in three. Null: for the decoder of any frame to say.
function decodePlainSignal(text: string): ClientDecoding | null {
  if (text.length > MAX_FRAME_BYTES) return null;
  const [, to, data] = PLAIN_SIGNAL.exec(text) ?? [];
  if (to === undefined || data === undefined || !isBase64urlLength(data.length, MAX_SIGNAL_CHARS))
    return null;
  return { ok: true, message: { kind: 'signal', to, data } };
}

function decodeAnyClientMessage(text: string): ClientDecoding {
  const fields = parse(text);
  if (typeof fields === 'string') return bad(fields);
  switch (own(fields, 'kind')) {
    case 'join':
      return decodeJoin(fields);
    case 'signal': {
      const problem = keysProblem(fields, ['kind', 'to', 'data'], []);
      if (problem !== null) return bad(problem);
      const to = own(fields, 'to');
      const data = own(fields, 'data');
      if (!isPeerId(to)) return bad('to is not a peer id');
      if (!isBase64url(data, MAX_SIGNAL_CHARS)) return bad('data is not base64url within its cap');
      return { ok: true, message: { kind: 'signal', to, data } };
    }
    default:
      return bad('unknown kind');
  }
}

/** A frame from a room, for the client, which trusts the server no more than the server trusts it. */
export function decodeServerMessage(text: string): ServerDecoding {
  const fields = parse(text);
  if (typeof fields === 'string') return { ok: false, problem: fields };
  const message = serverMessage(fields);
  return typeof message === 'string' ? { ok: false, problem: message } : { ok: true, message };
}

function serverMessage(fields: Fields): ServerMessage | string {
  switch (own(fields, 'kind')) {
    case 'welcome':
      return decodeWelcome(fields);
    case 'peer-joined': {
      const problem = keysProblem(fields, ['kind', 'id', 'hello'], []);
      if (problem !== null) return problem;
      const id = own(fields, 'id');
      const hello = own(fields, 'hello');
      if (!isPeerId(id)) return 'id is not a peer id';
      if (!isBase64url(hello, MAX_HELLO_CHARS)) return 'hello is not base64url within its cap';
      return { kind: 'peer-joined', id, hello };
    }
    case 'peer-left': {
      const problem = keysProblem(fields, ['kind', 'id'], []);
      if (problem !== null) return problem;
      const id = own(fields, 'id');
      return isPeerId(id) ? { kind: 'peer-left', id } : 'id is not a peer id';
    }
    case 'signal': {
      const problem = keysProblem(fields, ['kind', 'from', 'data'], []);
      if (problem !== null) return problem;
      const from = own(fields, 'from');
      const data = own(fields, 'data');
      if (!isPeerId(from)) return 'from is not a peer id';
      if (!isBase64url(data, MAX_SIGNAL_CHARS)) return 'data is not base64url within its cap';
      return { kind: 'signal', from, data };
    }
    default:
      return 'unknown kind';
  }
}

function decodeJoin(fields: Fields): ClientDecoding {
  const v = own(fields, 'v');
  if (typeof v !== 'number' || !Number.isSafeInteger(v) || v < 0) return bad('v is not a version');
  // Another version may have other fields: it must hear that it is the version that does not fit.
  if (v !== PROTOCOL_VERSION) return { ok: false, problem: 'another version', close: 'version' };
  const problem = keysProblem(fields, ['kind', 'v', 'hello'], ['resume']);
  if (problem !== null) return bad(problem);
  const hello = own(fields, 'hello');
  if (!isBase64url(hello, MAX_HELLO_CHARS)) return bad('hello is not base64url within its cap');
  if (!Object.hasOwn(fields, 'resume')) return { ok: true, message: { kind: 'join', v, hello } };
  const resume = decodeResume(own(fields, 'resume'));
  if (typeof resume === 'string') return bad(resume);
  return { ok: true, message: { kind: 'join', v, hello, resume } };
}

function decodeResume(value: unknown): Resume | string {
  const fields = fieldsOf(value);
  if (fields === null) return 'resume is not an object';
  const problem = keysProblem(fields, ['peerId', 'ticket'], []);
  if (problem !== null) return problem;
  const peerId = own(fields, 'peerId');
  const ticket = own(fields, 'ticket');
  if (!isPeerId(peerId)) return 'resume.peerId is not a peer id';
  if (!isTicket(ticket)) return 'resume.ticket is not a ticket';
  return { peerId, ticket };
}

function decodeWelcome(fields: Fields): ServerMessage | string {
  const problem = keysProblem(fields, ['kind', 'peerId', 'ticket', 'peers', 'iceServers', 'expiresAt'], []);
  if (problem !== null) return problem;
  const peerId = own(fields, 'peerId');
  const ticket = own(fields, 'ticket');
  const expiresAt = own(fields, 'expiresAt');
  if (!isPeerId(peerId)) return 'peerId is not a peer id';
  if (!isTicket(ticket)) return 'ticket is not a ticket';
  if (typeof expiresAt !== 'number' || !Number.isSafeInteger(expiresAt) || expiresAt < 0) {
    return 'expiresAt is not a time';
  }
  const peers = decodeList(own(fields, 'peers'), MAX_CAPACITY, decodeMember);
  if (typeof peers === 'string') return `peers: ${peers}`;
  const ids = new Set(peers.map((peer) => peer.id)).add(peerId);
  if (ids.size !== peers.length + 1) return 'peers: an id appears twice';
  const iceServers = decodeList(own(fields, 'iceServers'), MAX_ICE_SERVERS, decodeIceServer);
  if (typeof iceServers === 'string') return `iceServers: ${iceServers}`;
  return { kind: 'welcome', peerId, ticket, peers, iceServers, expiresAt };
}

function decodeMember(value: unknown): MemberInfo | string {
  const fields = fieldsOf(value);
  if (fields === null) return 'not an object';
  const problem = keysProblem(fields, ['id', 'hello'], []);
  if (problem !== null) return problem;
  const id = own(fields, 'id');
  const hello = own(fields, 'hello');
  if (!isPeerId(id)) return 'id is not a peer id';
  if (!isBase64url(hello, MAX_HELLO_CHARS)) return 'hello is not base64url within its cap';
  return { id, hello };
}

function decodeIceServer(value: unknown): IceServer | string {
  const fields = fieldsOf(value);
  if (fields === null) return 'not an object';
  const problem = keysProblem(fields, ['urls'], ['username', 'credential']);
  if (problem !== null) return problem;
  const urls = decodeList(own(fields, 'urls'), MAX_ICE_URLS, (url) =>
    isShortString(url) && ICE_URL.test(url) ? { url } : 'not a STUN or TURN URL',
  );
  if (typeof urls === 'string') return `urls: ${urls}`;
  if (urls.length === 0) return 'urls: none';
  const username = own(fields, 'username');
  const credential = own(fields, 'credential');
  if (username !== undefined && !isShortString(username)) return 'username is not a short string';
  if (credential !== undefined && !isShortString(credential)) return 'credential is not a short string';
  return {
    urls: urls.map(({ url }) => url),
    ...(username === undefined ? {} : { username }),
    ...(credential === undefined ? {} : { credential }),
  };
}

function decodeList<T extends object>(
  value: unknown,
  cap: number,
  decode: (item: unknown) => T | string,
): readonly T[] | string {
  if (!Array.isArray(value)) return 'not a list';
  if (value.length > cap) return `more than ${cap}`;
  const list: T[] = [];
  for (const item of value) {
    const decoded = decode(item);
    if (typeof decoded === 'string') return decoded;
    list.push(decoded);
  }
  return list;
}

function parse(text: string): Fields | string {
  // A UTF-16 unit is one to three bytes of UTF-8: the cheap test first.
  if (text.length > MAX_FRAME_BYTES) return 'frame too long';
  if (text.length * 3 > MAX_FRAME_BYTES && frameBytes(text) > MAX_FRAME_BYTES) return 'frame too long';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'not JSON';
  }
  return fieldsOf(value) ?? 'not an object';
}

function fieldsOf(value: unknown): Fields | null {
  return isFields(value) ? value : null;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// JSON.parse makes `__proto__` an own key like any other; what is inherited is not there.
function own(fields: Fields, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

function keysProblem(
  fields: Fields,
  required: readonly string[],
  optional: readonly string[],
): string | null {
  for (const key of required) if (!Object.hasOwn(fields, key)) return `${key} is missing`;
  for (const key of Object.keys(fields)) {
    if (!required.includes(key) && !optional.includes(key)) return 'a key that does not belong';
  }
  return null;
}

function isPeerId(value: unknown): value is string {
  return typeof value === 'string' && PEER_ID_PATTERN.test(value);
}

function isTicket(value: unknown): value is string {
  return typeof value === 'string' && TICKET_PATTERN.test(value);
}

function isShortString(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_ICE_FIELD_CHARS;
}

function isBase64url(value: unknown, capChars: number): value is string {
  return typeof value === 'string' && isBase64urlLength(value.length, capChars) && BASE64URL.test(value);
}

// RFC 4648 s5 without padding: no encoding has a length of 1 modulo 4.
function isBase64urlLength(chars: number, capChars: number): boolean {
  return chars <= capChars && chars % 4 !== 1;
}

function bad(problem: string): ClientDecoding {
  return { ok: false, problem, close: 'badMessage' };
}
