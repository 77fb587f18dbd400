/**
 * A small STUN and TURN client for tests: builds packets octet by octet, so that it can also build wrong ones. Shares
 * no code with the relay.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as connectTcp, type Socket as StreamSocket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export const Type = {
  binding: 0x0001,
  allocate: 0x0003,
  refresh: 0x0004,
  createPermission: 0x0008,
  channelBind: 0x0009,
  sendIndication: 0x0016,
  dataIndication: 0x0017,
} as const;

export const Attr = {
  username: 0x0006,
  integrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  channelNumber: 0x000c,
  lifetime: 0x000d,
  peer: 0x0012,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  relayed: 0x0016,
  addressFamily: 0x0017,
  evenPort: 0x0018,
  transport: 0x0019,
  dontFragment: 0x001a,
  mapped: 0x0020,
  reservationToken: 0x0022,
} as const;

const COOKIE = 0x2112a442;

export type Attribute = readonly [type: number, value: Buffer];
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

export interface Answer {
  readonly type: number;
  readonly transactionId: Buffer;
  readonly attributes: ReadonlyMap<number, Buffer>;
  /** 0 for what is no error. */
  readonly errorCode: number;
  readonly raw: Buffer;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Of either family, in every spelling that a URL may have; the key of IPv6 has the transaction id. */
export function xorAddress({ ip, port }: Endpoint, transactionId: Buffer = Buffer.alloc(12)): Buffer {
  if (ip.includes(':')) {
    return xorAddress6(octetsOfIpv6(ip), port, transactionId);
  }
  const bytes = Buffer.from([0, 1, 0, 0, ...ip.split('.').map(Number)]);
  bytes.writeUInt16BE(port ^ 0x2112, 2);
  bytes.writeUInt32BE((bytes.readUInt32BE(4) ^ COOKIE) >>> 0, 4);
  return bytes;
}

/** Of IPv6 all eight groups are written, without leading zeros; its key has the transaction id. */
export function readXorAddress(bytes: Buffer, transactionId: Buffer = Buffer.alloc(12)): Endpoint {
  const port = bytes.readUInt16BE(2) ^ 0x2112;
  if (bytes[1] === 2) {
    const key = Buffer.concat([uint32(COOKIE), transactionId]);
    const groups = Array.from({ length: 8 }, (_, index) =>
      (bytes.readUInt16BE(4 + index * 2) ^ key.readUInt16BE(index * 2)).toString(16),
    );
    return { ip: groups.join(':'), port };
  }
  const address = uint32((bytes.readUInt32BE(4) ^ COOKIE) >>> 0);
  return { ip: address.join('.'), port };
}

function octetsOfIpv6(ip: string): Buffer {
  // The URL standard's one spelling: hexadecimal groups, the longest run of zeros left out.
  const sides = new URL(`http://[${ip}]`).hostname.slice(1, -1).split('::');
  const [before = [], after = []] = sides.map((side) => (side === '' ? [] : side.split(':')));
  const zeros = new Array<string>(8 - before.length - after.length).fill('0');
  const groups = [...before, ...zeros, ...after];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** An XOR-PEER-ADDRESS of the IPv6 family from 16 octets. */
export function xorAddress6(address: Buffer, port: number, transactionId: Buffer): Buffer {
  const key = Buffer.concat([uint32(COOKIE), transactionId]);
  const head = Buffer.from([0, 2, 0, 0]);
  head.writeUInt16BE(port ^ 0x2112, 2);
  return Buffer.concat([head, Buffer.from(address.map((octet, index) => octet ^ (key[index] ?? 0)))]);
}

export function encode(
  type: number,
  transactionId: Buffer,
  attributes: readonly Attribute[],
  key?: Buffer,
): Buffer {
  const parts = attributes.map(([attribute, value]) => {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(attribute, 0);
    head.writeUInt16BE(value.length, 2);
    return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
  });
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(8);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(body.length + (key ? 24 : 0), 2);
  header.writeUInt32BE(COOKIE, 4);
  const unsigned = Buffer.concat([header, transactionId, body]);
  if (!key) {
    return unsigned;
  }
  const mac = createHmac('sha1', key).update(unsigned).digest();
  return Buffer.concat([unsigned, Buffer.from([0, Attr.integrity, 0, 20]), mac]);
}

export function decode(raw: Buffer): Answer {
  const attributes = new Map<number, Buffer>();
  let offset = 20;
  while (offset + 4 <= raw.length) {
    const length = raw.readUInt16BE(offset + 2);
    attributes.set(raw.readUInt16BE(offset), raw.subarray(offset + 4, offset + 4 + length));
    offset += 4 + Math.ceil(length / 4) * 4;
  }
  const error = attributes.get(Attr.errorCode);
  const errorCode = error === undefined ? 0 : (error[2] ?? 0) * 100 + (error[3] ?? 0);
  return { type: raw.readUInt16BE(0), transactionId: raw.subarray(8, 20), attributes, errorCode, raw };
}

/** A guard against hanging, not a measure. */
const PATIENCE_MS = 60_000;

/** How a client's packets travel: whole ones in, whole ones out. */
export interface Wire {
  readonly localPort: number;
  send(packet: Buffer): void;
  onPacket(listener: (packet: Buffer) => void): void;
  close(): void;
}

export class TurnClient {
  username: string;
  password: string;
  realm: Buffer = Buffer.from('parley');
  nonce: Buffer = Buffer.alloc(0);
  readonly wire: Wire;
  readonly #inbox: Buffer[] = [];
  readonly #waiters = new Set<() => void>();

  constructor(wire: Wire, username: string, password: string) {
    this.wire = wire;
    this.username = username;
    this.password = password;
    wire.onPacket((packet) => {
      this.#inbox.push(packet);
      for (const wake of [...this.#waiters]) {
        wake();
      }
    });
  }

  get key(): Buffer {
    return createHash('md5').update(`${this.username}:${this.realm.toString()}:${this.password}`).digest();
  }

  sendRaw(packet: Buffer): void {
    this.wire.send(packet);
  }

  /** The first datagram, come or to come, that `wanted` takes; null after `timeoutMs`, which only guards by default. */
  async receive(wanted: (packet: Buffer) => boolean, timeoutMs = PATIENCE_MS): Promise<Buffer | null> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const index = this.#inbox.findIndex(wanted);
      if (index >= 0) {
        return this.#inbox.splice(index, 1)[0] ?? null;
      }
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        return null;
      }
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#waiters.delete(done);
          resolve();
        };
        const timer = setTimeout(done, leftMs);
        this.#waiters.add(done);
      });
    }
  }

  /** Throws away what was received and not asked for; how many packets that was. */
  forget(): number {
    return this.#inbox.splice(0).length;
  }

  async exchange(packet: Buffer, timeoutMs?: number): Promise<Answer> {
    const id = packet.subarray(8, 20);
    this.sendRaw(packet);
    const isAnswer = (got: Buffer) => got.length >= 20 && got.subarray(8, 20).equals(id);
    const raw = await this.receive(isAnswer, timeoutMs);
    if (raw === null) {
      throw new Error('no answer came');
    }
    return decode(raw);
  }

  signed(type: number, attributes: readonly Attribute[], id: Buffer = randomBytes(12)): Buffer {
    const credentials: Attribute[] = [
      [Attr.username, Buffer.from(this.username)],
      [Attr.realm, this.realm],
      [Attr.nonce, this.nonce],
    ];
    return encode(type, id, [...attributes, ...credentials], this.key);
  }

  /** Takes realm and nonce from a 401, as every client does first. */
  async challenge(timeoutMs?: number): Promise<Answer> {
    const answer = await this.exchange(encode(Type.allocate, randomBytes(12), [udpTransport]), timeoutMs);
    this.realm = answer.attributes.get(Attr.realm) ?? this.realm;
    this.nonce = answer.attributes.get(Attr.nonce) ?? this.nonce;
    return answer;
  }

  request(type: number, attributes: readonly Attribute[], id?: Buffer): Promise<Answer> {
    return this.exchange(this.signed(type, attributes, id));
  }

  /** Challenge and Allocate; the relayed address. Throws on an error answer. */
  async allocate(more: readonly Attribute[] = []): Promise<Endpoint> {
    await this.challenge();
    const answer = await this.request(Type.allocate, [udpTransport, ...more]);
    const relayed = answer.attributes.get(Attr.relayed);
    if (relayed === undefined) {
      throw new Error(`Allocate was answered ${answer.errorCode}`);
    }
    return readXorAddress(relayed, answer.transactionId);
  }

  permit(peer: Endpoint): Promise<Answer> {
    const id = randomBytes(12);
    return this.request(Type.createPermission, [[Attr.peer, xorAddress(peer, id)]], id);
  }

  bindChannel(number: number, peer: Endpoint): Promise<Answer> {
    const id = randomBytes(12);
    const channel = uint32(number * 0x10000);
    return this.request(
      Type.channelBind,
      [
        [Attr.channelNumber, channel],
        [Attr.peer, xorAddress(peer, id)],
      ],
      id,
    );
  }

  send(peer: Endpoint, data: Buffer, extra: readonly Attribute[] = []): void {
    const id = randomBytes(12);
    const attributes: Attribute[] = [[Attr.peer, xorAddress(peer, id)], [Attr.data, data], ...extra];
    this.sendRaw(encode(Type.sendIndication, id, attributes));
  }

  sendOnChannel(number: number, data: Buffer): void {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(number, 0);
    head.writeUInt16BE(data.length, 2);
    this.sendRaw(Buffer.concat([head, data]));
  }

  /** The payload and peer of the next Data indication; null when none comes. */
  async nextData(timeoutMs?: number): Promise<{ peer: Endpoint; data: Buffer } | null> {
    const raw = await this.receive(
      (p) => p.length >= 20 && p.readUInt16BE(0) === Type.dataIndication,
      timeoutMs,
    );
    const attributes = raw === null ? null : decode(raw).attributes;
    const peer = attributes?.get(Attr.peer);
    const data = attributes?.get(Attr.data);
    return peer && data ? { peer: readXorAddress(peer), data } : null;
  }

  /** The payload of the next ChannelData on that channel; null when none comes. */
  async nextOnChannel(number: number, timeoutMs?: number): Promise<Buffer | null> {
    const raw = await this.receive((p) => p.length >= 4 && p.readUInt16BE(0) === number, timeoutMs);
    return raw === null ? null : raw.subarray(4, 4 + raw.readUInt16BE(2));
  }

  close(): void {
    this.wire.close();
  }
}

export const udpTransport: Attribute = [Attr.transport, Buffer.from([17, 0, 0, 0])];

/** Whether this answer's MESSAGE-INTEGRITY, its last attribute, is made with `key`. */
export function isSigned(answer: Answer, key: Buffer): boolean {
  const mac = answer.attributes.get(Attr.integrity);
  const covered = answer.raw.subarray(0, -24);
  return mac !== undefined && createHmac('sha1', key).update(covered).digest().equals(mac);
}

/** From an address of `host`'s own, loopback unless said otherwise. */
export async function udpWire(serverPort: number, host = '127.0.0.1'): Promise<Wire> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.bind(0, host);
  await once(socket, 'listening');
  return {
    localPort: socket.address().port,
    send: (packet) => socket.send(packet, serverPort, host),
    onPacket: (listener) => socket.on('message', listener),
    close: () => socket.close(),
  };
}

/** TCP, or TLS whose certificate nobody looks at. Splits what comes into messages by the rules of RFC 8656 s12.5. */
export async function streamWire(
  serverPort: number,
  transport: 'tcp' | 'tls' = 'tcp',
  host = '127.0.0.1',
): Promise<Wire & { readonly stream: StreamSocket }> {
  const options = { port: serverPort, host };
  const stream =
    transport === 'tcp' ? connectTcp(options) : connectTls({ ...options, rejectUnauthorized: false });
  await once(stream, transport === 'tcp' ? 'connect' : 'secureConnect');
  let pending: Buffer = Buffer.alloc(0);
  let take: (packet: Buffer) => void = () => undefined;
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 4) {
      const length = pending.readUInt16BE(2);
      const isChannel = (pending[0] ?? 0) >> 6 === 1;
      const whole = isChannel ? 4 + Math.ceil(length / 4) * 4 : 20 + length;
      if (pending.length < whole) {
        return;
      }
      take(Buffer.from(pending.subarray(0, whole)));
      pending = pending.subarray(whole);
    }
  });
  return {
    stream,
    localPort: stream.localPort ?? 0,
    send: (packet) => stream.write(Buffer.concat([packet, Buffer.alloc(-packet.length & 3)])),
    onPacket: (listener) => {
      take = listener;
    },
    close: () => stream.destroy(),
  };
}

export async function openClient(
  serverPort: number,
  username: string,
  password: string,
): Promise<TurnClient> {
  return new TurnClient(await udpWire(serverPort), username, password);
}
