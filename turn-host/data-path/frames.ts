/**
 * Owns the octets of what is relayed: ChannelData (RFC 8656 s12.4), Send and Data indications (s11). Reads and writes
 * in place within a larger array, makes no object a packet. Must not know flows, permissions or sockets.
 */
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { IpFamily, IpWords } from './ip-words.ts';

export const STUN_HEADER_BYTES = 20;
export const CHANNEL_HEADER_BYTES = 4;
/** Before the payload of a Data indication: STUN header, XOR-PEER-ADDRESS, header of DATA. By family of the peer. */
export const DATA_HEADER_BYTES_IPV4 = 36;
export const DATA_HEADER_BYTES_IPV6 = 48;

const MAGIC_COOKIE = 0x2112a442;
const FINGERPRINT_XOR = 0x5354554e;
const XOR_PEER_ADDRESS = 0x0012;
const DATA = 0x0013;
const FINGERPRINT = 0x8028;

/** What a message from a client is, by its first octets. Nothing but its kind is checked. */
export const FrameKind = { control: 0, channelData: 1, send: 2 } as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** The kind of the message in `bytes` from `start` to before `end`. */
export function kindOf(bytes: Uint8Array, start: number, end: number): FrameKind {
  const first = bytes[start] ?? 0;
  // RFC 8656 s12: channel numbers are told apart from STUN by the first two bits, 01.
  if (first >> 6 === 1 && end > start) {
    return FrameKind.channelData;
  }
  return first === 0 && bytes[start + 1] === 0x16 && end - start >= STUN_HEADER_BYTES
    ? FrameKind.send
    : FrameKind.control;
}

/** Payload length of the ChannelData message there, or -1 when it is longer than what came (s12.6). Padding is allowed. */
export function channelDataBytes(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < CHANNEL_HEADER_BYTES) {
    return -1;
  }
  const length = read16(bytes, start + 2);
  return length <= end - start - CHANNEL_HEADER_BYTES ? length : -1;
}

/** Where the parts of a Send indication are; made once, filled by each `readSend`. */
export interface SendFields {
  family: IpFamily;
  readonly ip: IpWords;
  port: number;
  dataStart: number;
  dataBytes: number;
}

export function createSendFields(): SendFields {
  return { family: 4, ip: new Int32Array(4), port: 0, dataStart: 0, dataBytes: 0 };
}

/**
 * Reads the Send indication in `bytes` from `start` to before `end`. False when it must be dropped: lengths that do not
 * add up, no peer or data, a fingerprint that is wrong, an attribute that must be understood and is not
 * (RFC 8656 s11.2, RFC 8489 s6.3). DONT-FRAGMENT is one of those: no data path here can set the bit.
 */
export function readSend(bytes: Uint8Array, start: number, end: number, fields: SendFields): boolean {
  if (
    read16(bytes, start + 2) !== end - start - STUN_HEADER_BYTES ||
    read32(bytes, start + 4) !== MAGIC_COOKIE
  ) {
    return false;
  }
  let peerAt = -1;
  let dataAt = -1;
  let offset = start + STUN_HEADER_BYTES;
  while (offset < end) {
    if (offset + 4 > end) {
      return false;
    }
    const type = read16(bytes, offset);
    const valueBytes = read16(bytes, offset + 2);
    const next = offset + 4 + ((valueBytes + 3) & ~3);
    if (next > end) {
      return false;
    }
    if (type === XOR_PEER_ADDRESS) {
      if (peerAt < 0) {
        peerAt = offset;
      }
    } else if (type === DATA) {
      if (dataAt < 0) {
        dataAt = offset;
      }
    } else if (type === FINGERPRINT) {
      if (valueBytes !== 4 || !fingerprintHolds(bytes, start, offset)) {
        return false;
      }
    } else if (type < 0x8000) {
      return false;
    }
    offset = next;
  }
  if (peerAt < 0 || dataAt < 0 || !readPeer(bytes, start, peerAt, fields)) {
    return false;
  }
  fields.dataStart = dataAt + 4;
  fields.dataBytes = read16(bytes, dataAt + 2);
  return true;
}

/** Writes the header of ChannelData at `at`; the payload follows. Over a stream the message is padded to four octets. */
export function writeChannelHeader(bytes: Uint8Array, at: number, channel: number, dataBytes: number): void {
  write16(bytes, at, channel);
  write16(bytes, at + 2, dataBytes);
}

/** Octets of padding after a payload in a Data indication. */
export function paddingOf(dataBytes: number): number {
  return -dataBytes & 3;
}

export function dataHeaderBytes(family: IpFamily): number {
  return family === 4 ? DATA_HEADER_BYTES_IPV4 : DATA_HEADER_BYTES_IPV6;
}

/**
 * Writes what comes before the payload of a Data indication from that peer, `dataHeaderBytes(family)` octets, at `at`.
 * The caller puts `paddingOf(dataBytes)` octets after the payload.
 */
export function writeDataHeader(
  bytes: Uint8Array,
  at: number,
  family: IpFamily,
  ip: IpWords,
  port: number,
  dataBytes: number,
): void {
  const header = dataHeaderBytes(family);
  bytes[at] = 0;
  bytes[at + 1] = 0x17;
  write16(bytes, at + 2, header - STUN_HEADER_BYTES + dataBytes + paddingOf(dataBytes));
  write32(bytes, at + 4, MAGIC_COOKIE);
  writeTransactionId(bytes, at + 8);
  const peer = at + STUN_HEADER_BYTES;
  write16(bytes, peer, XOR_PEER_ADDRESS);
  write16(bytes, peer + 2, family === 4 ? 8 : 20);
  bytes[peer + 4] = 0;
  bytes[peer + 5] = family === 4 ? 1 : 2;
  write16(bytes, peer + 6, port ^ (MAGIC_COOKIE >>> 16));
  if (family === 4) {
    write32(bytes, peer + 8, (ip[3] ?? 0) ^ MAGIC_COOKIE);
  } else {
    for (let index = 0; index < 4; index += 1) {
      write32(bytes, peer + 8 + index * 4, (ip[index] ?? 0) ^ read32(bytes, at + 4 + index * 4));
    }
  }
  write16(bytes, at + header - 4, DATA);
  write16(bytes, at + header - 2, dataBytes);
}

/** An indication's id is never answered (RFC 8489 s6.1): it need only differ from the last ones. */
const idSeed = randomBytes(12);
let idCounter = idSeed.readUInt32BE(8);

function writeTransactionId(bytes: Uint8Array, at: number): void {
  idCounter = (idCounter + 1) | 0;
  for (let index = 0; index < 8; index += 1) {
    bytes[at + index] = idSeed[index] ?? 0;
  }
  write32(bytes, at + 8, idCounter);
}

function readPeer(bytes: Uint8Array, start: number, at: number, fields: SendFields): boolean {
  const valueBytes = read16(bytes, at + 2);
  const family = bytes[at + 5];
  const { ip } = fields;
  fields.port = read16(bytes, at + 6) ^ (MAGIC_COOKIE >>> 16);
  if (family === 1 && valueBytes === 8) {
    fields.family = 4;
    ip[0] = 0;
    ip[1] = 0;
    ip[2] = 0xffff;
    ip[3] = read32(bytes, at + 8) ^ MAGIC_COOKIE;
    return true;
  }
  if (family === 2 && valueBytes === 20) {
    fields.family = 6;
    for (let index = 0; index < 4; index += 1) {
      ip[index] = read32(bytes, at + 8 + index * 4) ^ read32(bytes, start + 4 + index * 4);
    }
    return true;
  }
  return false;
}

/** RFC 8489 s14.7: the CRC-32 of everything before it, by a constant. */
function fingerprintHolds(bytes: Uint8Array, start: number, at: number): boolean {
  const expected = crc32(bytes.subarray(start, at)) ^ FINGERPRINT_XOR;
  return read32(bytes, at + 4) === (expected | 0);
}

function read16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** Signed. */
function read32(bytes: Uint8Array, at: number): number {
  return (read16(bytes, at) << 16) | read16(bytes, at + 2);
}

function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function write32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
