/**
 * Owns the corrections to node-turn's decoder: what a packet must be before the engine sees it. Must not know
 * credentials, allocations or sockets.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type Server from 'node-turn';
import Attribute from 'node-turn/lib/attribute.js';
import Message from 'node-turn/lib/message.js';
import type Transport from 'node-turn/lib/transport.js';
import type { ControlClient } from './control-client.ts';

export const MessageClass = { request: 0, indication: 1, success: 2, error: 3 } as const;
export const Method = {
  binding: 1,
  allocate: 3,
  refresh: 4,
  createPermission: 8,
  channelBind: 9,
} as const;

const HEADER_BYTES = 20;
const MAGIC_COOKIE = 0x2112a442;
const FINGERPRINT_XOR = 0x5354554e;
const STATE_INCOMING = 4;

const MESSAGE_INTEGRITY = 0x0008;
const REQUESTED_ADDRESS_FAMILY = 0x0017;
const FINGERPRINT = 0x8028;

/** Lengths in bytes (least, most) of the attributes the engine's codec may read; what is not here is unknown. */
const READABLE: ReadonlyMap<number, readonly [number, number]> = new Map([
  [0x0006, [0, 508]], // USERNAME, RFC 8489 s14.3
  [MESSAGE_INTEGRITY, [20, 20]],
  [0x000c, [4, 4]], // CHANNEL-NUMBER
  [0x000d, [4, 4]], // LIFETIME
  [0x0012, [8, 20]], // XOR-PEER-ADDRESS
  [0x0013, [0, 65535]], // DATA
  [0x0014, [0, 763]], // REALM, RFC 8489 s14.9
  [0x0015, [0, 763]], // NONCE, RFC 8489 s14.10
  [REQUESTED_ADDRESS_FAMILY, [4, 4]],
  [0x0018, [1, 1]], // EVEN-PORT
  [0x0019, [4, 4]], // REQUESTED-TRANSPORT
  [0x0022, [8, 8]], // RESERVATION-TOKEN
  [0x8022, [0, 763]], // SOFTWARE
  [FINGERPRINT, [4, 4]],
]);

/** Required by their number, and of no meaning in what a client sends: passed over (RFC 8489 s6.3.1). */
const ANSWER_ONLY: ReadonlySet<number> = new Set([0x0001, 0x0009, 0x000a, 0x0016, 0x0020]);

const NOTHING = Buffer.alloc(0);

/** Whether the packet has MESSAGE-INTEGRITY where a request would. Makes nothing; false for what is no message. */
export function carriesIntegrity(packet: Buffer): boolean {
  let offset = HEADER_BYTES;
  while (offset + 4 <= packet.length) {
    if (packet.readUInt16BE(offset) === MESSAGE_INTEGRITY) {
      return true;
    }
    offset += 4 + Math.ceil(packet.readUInt16BE(offset + 2) / 4) * 4;
  }
  return false;
}

/** A request as received. Its reply is an ordinary engine message. */
export class IncomingMessage extends Message {
  readonly client: ControlClient;
  /** Comprehension-required types this relay does not know. */
  readonly unknownRequired: number[] = [];
  /** True once an attribute was found whose value cannot be read. */
  malformed = false;
  /** REQUESTED-ADDRESS-FAMILY, or null when absent. */
  addressFamily: number | null = null;
  /** RESERVATION-TOKEN as 16 hex digits, or null when absent. */
  reservationToken: string | null = null;
  /** EVEN-PORT: null when absent, else its R bit. */
  evenPortReserve: boolean | null = null;
  #packet: Buffer = NOTHING;
  #integrity: { offset: number; mac: Buffer } | null = null;

  constructor(server: Server, transport: Transport, client: ControlClient) {
    super(server, transport);
    this.client = client;
  }

  /**
   * Reads a datagram. False for what is no STUN message, and for one whose lengths do not add up
   * (RFC 8489 s6.3): node-turn lets an attribute run past the end, and throws on a type it does not know.
   */
  override read(packet: Buffer): boolean {
    const length = packet.length;
    if (length < HEADER_BYTES || length % 4 !== 0 || packet.readUInt32BE(4) !== MAGIC_COOKIE) {
      return false;
    }
    const type = packet.readUInt16BE(0);
    if (type > 0x3fff || packet.readUInt16BE(2) !== length - HEADER_BYTES) {
      return false;
    }
    this._state = STATE_INCOMING;
    this.class = ((type & 0x0100) >> 7) | ((type & 0x0010) >> 4);
    this.method = ((type & 0x3e00) >> 2) | ((type & 0x00e0) >> 1) | (type & 0x000f);
    this.magicCookie = MAGIC_COOKIE;
    this.transactionID = packet.toString('hex', 8, HEADER_BYTES);
    this.#packet = packet;
    let offset = HEADER_BYTES;
    while (offset < length) {
      const valueBytes = packet.readUInt16BE(offset + 2);
      const end = offset + 4 + Math.ceil(valueBytes / 4) * 4;
      if (end > length) {
        return false;
      }
      this.#take(packet.readUInt16BE(offset), offset, valueBytes);
      offset = end;
    }
    return true;
  }

  get lengthBytes(): number {
    return this.#packet.length;
  }

  /** Whether MESSAGE-INTEGRITY was sent. */
  get signed(): boolean {
    return this.#integrity !== null;
  }

  /** Whether MESSAGE-INTEGRITY is the one this password makes (long-term mechanism, RFC 8489 s9.2.2, s14.5). */
  verify(username: string, realm: string, password: string): boolean {
    return this.#verifyWithKey(createHash('md5').update(`${username}:${realm}:${password}`).digest());
  }

  #verifyWithKey(key: Buffer): boolean {
    if (this.#integrity === null) {
      return false;
    }
    const { offset, mac } = this.#integrity;
    const covered = Buffer.from(this.#packet.subarray(0, offset));
    covered.writeUInt16BE(offset + 24 - HEADER_BYTES, 2);
    return timingSafeEqual(createHmac('sha1', key).update(covered).digest(), mac);
  }

  #take(type: number, offset: number, valueBytes: number): void {
    // RFC 8489 s14.5: what follows MESSAGE-INTEGRITY is ignored, FINGERPRINT excepted.
    if (this.#integrity !== null && type !== FINGERPRINT) {
      return;
    }
    const limits = READABLE.get(type);
    if (limits === undefined) {
      if (type < 0x8000 && !ANSWER_ONLY.has(type)) {
        this.unknownRequired.push(type);
      }
      return;
    }
    if (valueBytes < limits[0] || valueBytes > limits[1]) {
      this.malformed = true;
      return;
    }
    const value = this.#packet.subarray(offset + 4, offset + 4 + valueBytes);
    if (type === REQUESTED_ADDRESS_FAMILY) {
      this.addressFamily ??= value[0] ?? 0;
      return;
    }
    if (type === 0x0018) {
      this.evenPortReserve ??= ((value[0] ?? 0) & 0x80) !== 0;
      return;
    }
    if (type === 0x0022) {
      this.reservationToken ??= value.toString('hex');
      return;
    }
    if (type === 0x0012 && !(value[1] === 1 && valueBytes === 8) && !(value[1] === 2 && valueBytes === 20)) {
      this.malformed = true;
      return;
    }
    const attribute = new Attribute(this);
    attribute.read(this.#packet.subarray(offset, offset + 4 + valueBytes));
    if (type === MESSAGE_INTEGRITY) {
      this.#integrity = { offset, mac: Buffer.from(value) };
    }
    if (type === FINGERPRINT) {
      this.useFingerprint = true;
      const expected = (crc32(this.#packet.subarray(0, offset)) ^ FINGERPRINT_XOR) >>> 0;
      if (attribute.value !== expected) {
        attribute.value = false;
      }
    }
    this.attributes.push(attribute);
  }
}
