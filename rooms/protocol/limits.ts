/**
 * The numbers of the signalling contract, in one place so that client, room and documentation cannot disagree.
 * Owns no behaviour and imports nothing.
 */

/** Version of the signalling contract; a `join` with another one is refused with 4010. */
export const PROTOCOL_VERSION = 1;

/** The subprotocol the server selects; the client offers it together with `room.<room id>`. */
export const SUBPROTOCOL = 'parley.v1';

/** Prefix of the subprotocol value that carries the room id, so that no URL and no access log holds it. */
export const ROOM_SUBPROTOCOL_PREFIX = 'room.';

/** Path of the WebSocket upgrade on the Worker. */
export const ROOM_PATH = '/room';

/** A room id is 16 bytes, base64url: 22 characters, of which the last carries two significant bits. */
export const ROOM_ID_PATTERN = /^[A-Za-z0-9_-]{21}[AQgw]$/;

/** `<room tag>.<random>`: 8 and 16 base64url characters (48 and 96 bits). */
export const PEER_ID_PATTERN = /^[A-Za-z0-9_-]{8}\.[A-Za-z0-9_-]{16}$/;

/** Longest frame in either direction, in bytes of UTF-8. */
export const MAX_FRAME_BYTES = 16 * 1024;

/** Longest sealed hello, in characters; eight of them fit a welcome within MAX_FRAME_BYTES. */
export const MAX_HELLO_CHARS = 1024;

/** Longest sealed signal payload, in characters. */
export const MAX_SIGNAL_CHARS = 14 * 1024;

/** What the client sends to be answered by the runtime without waking the room, and the answer. */
export const PING = 'ping';
export const PONG = 'pong';

/** How often a client pings. */
export const PING_INTERVAL_MS = 25_000;

/** Most characters of all hellos of a room together, so that a `welcome` always fits MAX_FRAME_BYTES. */
export const MAX_ROOM_HELLO_CHARS = 10 * 1024;

/** Most characters of `iceServers` as JSON; with MAX_ROOM_HELLO_CHARS and the framing it fits MAX_FRAME_BYTES. */
export const MAX_ICE_SERVERS_CHARS = 3 * 1024;

/** Most people in a room, whatever an operator configures. */
export const MAX_CAPACITY = 32;

/** Caps on what a `welcome` may carry in `iceServers`. */
export const MAX_ICE_SERVERS = 16;
export const MAX_ICE_URLS = 16;
export const MAX_ICE_FIELD_CHARS = 512;

/** HMAC-SHA-256, base64url: 43 characters, of which the last carries four significant bits. */
export const TICKET_PATTERN = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
