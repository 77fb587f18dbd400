/**
 * What every data path must do, whatever its sockets: the suite of turn-host/data-path/data-path.ts. Peers elsewhere are
 * on 127.0.0.2, which is no address of the relay under test.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type {
  Client,
  DatagramClient,
  DataPath,
  DataPathOptions,
  Flow,
  Listener,
} from '../../turn-host/data-path/data-path.ts';
import { Directory, type RelayAddress, roomWords } from '../../turn-host/data-path/directory.ts';
import { Counter, type Counters, createCounters } from '../../turn-host/metrics/counters.ts';
import { Attr, type Attribute, encode, readXorAddress, Type, uint32, xorAddress } from './client.ts';
import { MAX_PORT, MIN_PORT } from './relay-config.ts';

const RELAY: RelayAddress = { ip: '127.0.0.1', externalIp: '198.51.100.9', family: 4 };
const RELAY6: RelayAddress = { ip: '::1', externalIp: '::1', family: 6 };
const EXTERNAL = RELAY.externalIp;
const PEER_IP = '127.0.0.2';
const CHANNEL = 0x4000;
/** How long nothing must come for nothing to count as sent. */
const SILENCE_MS = 120;

/** A datagram socket that keeps what it received. */
class Party {
  readonly socket: Socket;
  readonly got: { data: Buffer; ip: string; port: number }[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (data, from) => this.got.push({ data, ip: from.address, port: from.port }));
  }

  get port(): number {
    return this.socket.address().port;
  }

  async next(): Promise<{ data: Buffer; ip: string; port: number }> {
    await expect.poll(() => this.got.length, { interval: 2 }).toBeGreaterThan(0);
    const first = this.got.shift();
    if (first === undefined) {
      throw new Error('nothing came');
    }
    return first;
  }
}

interface Member {
  readonly party: Party;
  readonly flow: Flow;
}

export function channelData(number: number, data: Buffer, lengthBytes = data.length): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(number, 0);
  head.writeUInt16BE(lengthBytes, 2);
  return Buffer.concat([head, data]);
}

export function sendIndication(
  peer: { ip: string; port: number },
  data: Buffer,
  more: Attribute[] = [],
): Buffer {
  const id = randomBytes(12);
  return encode(Type.sendIndication, id, [[Attr.peer, xorAddress(peer, id)], [Attr.data, data], ...more]);
}

/** Registers the suite. `create` must make a new data path each time; null where none can be had: all is skipped. */
export function describeDataPath(
  name: string,
  create: ((options: DataPathOptions) => DataPath) | null,
): void {
  describe.skipIf(create === null)(`the ${name} data path`, () => {
    let nowMs: number;
    let counters: Counters;
    let directory: Directory;
    let paths: DataPath[];
    let sockets: Socket[];
    let control: { packet: Buffer; client: DatagramClient }[];
    let path: DataPath;
    let listener: Listener;

    const count = (counter: number): number => counters[counter] ?? 0;

    function make(options: Partial<DataPathOptions> = {}): DataPath {
      if (create === null) {
        throw new Error('there is no such data path here');
      }
      const made = create({
        directory,
        sameRoomOnly: false,
        ownPortsOpen: false,
        limits: { maxPermissions: 4, maxChannels: 3 },
        flowBytesPerSecond: null,
        totalBytesPerSecond: null,
        counters,
        now: () => nowMs,
        onControl: (packet, client) => control.push({ packet, client }),
        ...options,
      });
      paths.push(made);
      return made;
    }

    async function use(options: Partial<DataPathOptions>): Promise<void> {
      path = make(options);
      listener = await path.listen({ ip: '127.0.0.1', port: 0, reusePort: false });
    }

    async function party(ip: string): Promise<Party> {
      const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4');
      sockets.push(socket);
      socket.bind(0, ip);
      await once(socket, 'listening');
      return new Party(socket);
    }

    /** Opens a flow on a port that is free, and makes it live. */
    async function open(
      client: Client,
      { relay = 0, room = 'red', on = path }: { relay?: number; room?: string; on?: DataPath } = {},
    ): Promise<Flow> {
      // Of this process alone, so that nobody else takes it once it is closed. No test opens a hundred.
      for (let port = randomInt(MIN_PORT, MAX_PORT - 100); ; port += 1) {
        if (!directory.claim(relay, port)) {
          continue;
        }
        try {
          const flow = await on.openFlow({ client, relay, port, room: roomWords(room) });
          directory.publish(relay, port, roomWords(room), client);
          return flow;
        } catch (error) {
          directory.release(relay, port);
          if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) {
            throw error;
          }
        }
      }
    }

    async function member(
      options: { relay?: number; room?: string; on?: DataPath; at?: Listener } = {},
    ): Promise<Member> {
      const at = options.at ?? listener;
      const own = await party(at.ip);
      const client: Client = { kind: 'datagram', listener: at, ip: at.ip, port: own.port };
      return { party: own, flow: await open(client, options) };
    }

    const toRelay = ({ party: from }: Member, packet: Buffer, at = listener) =>
      from.socket.send(packet, at.port, at.ip);
    const later = (afterMs: number) => nowMs + afterMs;
    const readData = (raw: Buffer) => {
      expect(raw.readUInt16BE(0)).toBe(Type.dataIndication);
      expect(raw.readUInt16BE(2)).toBe(raw.length - 20);
      const peerBytes = raw.readUInt16BE(22);
      const dataAt = 24 + peerBytes;
      expect(raw.readUInt16BE(dataAt)).toBe(Attr.data);
      return {
        peer: peerBytes === 8 ? readXorAddress(raw.subarray(24, 32)) : null,
        data: raw.subarray(dataAt + 4, dataAt + 4 + raw.readUInt16BE(dataAt + 2)),
      };
    };
    async function silence(...parties: Party[]): Promise<void> {
      await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
      expect(parties.flatMap((each) => each.got)).toEqual([]);
    }

    beforeEach(async () => {
      nowMs = Date.now();
      counters = createCounters();
      directory = new Directory([RELAY, RELAY6]);
      paths = [];
      sockets = [];
      control = [];
      await use({});
    });

    afterEach(async () => {
      await Promise.all(paths.map((each) => each.close()));
      for (const socket of sockets) {
        socket.close();
      }
    });

    describe('control', () => {
      it('hands on what is no media with its client, and sends answers back', async () => {
        const one = await party('127.0.0.1');
        const packets = [
          encode(Type.binding, randomBytes(12), []),
          Buffer.from([0x80, 1, 2]),
          Buffer.alloc(0),
        ];
        for (const packet of packets) {
          one.socket.send(packet, listener.port, listener.ip);
        }
        await expect.poll(() => control.length).toBe(3);
        expect(control.map(({ packet }) => packet)).toEqual(packets);
        const client = control[0]?.client;
        expect(client).toMatchObject({ kind: 'datagram', ip: '127.0.0.1', port: one.port });
        if (client) {
          path.sendControl(client, Buffer.from('answer'));
        }
        expect(await one.next()).toMatchObject({ data: Buffer.from('answer'), port: listener.port });
      });

      it('drops media of no flow, and media at another listener than the flow is of', async () => {
        const other = await path.listen({ ip: '127.0.0.1', port: 0, reusePort: false });
        const peer = await party(PEER_IP);
        const one = await member();
        one.flow.permit([PEER_IP], later(1000));
        toRelay(one, sendIndication({ ip: PEER_IP, port: peer.port }, Buffer.from('x')), other);
        const stranger = await party('127.0.0.1');
        stranger.socket.send(channelData(CHANNEL, Buffer.from('x')), listener.port, listener.ip);
        await expect.poll(() => count(Counter.droppedUnknownFlow)).toBe(2);
        expect(control).toEqual([]);
        await silence(peer);
      });

      it('serves IPv6 clients too', async () => {
        const at = await path.listen({ ip: '::1', port: 0, reusePort: false });
        const one = await member({ at });
        const peer = await party(PEER_IP);
        one.flow.permit([PEER_IP], later(1000));
        toRelay(one, sendIndication({ ip: PEER_IP, port: peer.port }, Buffer.from('from six')), at);
        expect((await peer.next()).data.toString()).toBe('from six');
        peer.socket.send('to six', one.flow.port, RELAY.ip);
        expect(readData((await one.party.next()).data).data.toString()).toBe('to six');
        toRelay(one, encode(Type.binding, randomBytes(12), []), at);
        await expect.poll(() => control.length).toBe(1);
      });

      it('rejects a port that is taken, at a listener and at a relayed address', async () => {
        const taken = { ip: '127.0.0.1', port: listener.port, reusePort: false };
        await expect(path.listen(taken)).rejects.toMatchObject({ code: 'EADDRINUSE' });
        const one = await member();
        const again = { client: { kind: 'stream', ip: '::1', port: 1, write: () => undefined } as const };
        const options = { ...again, relay: 0, port: one.flow.port, room: null };
        await expect(path.openFlow(options)).rejects.toMatchObject({ code: 'EADDRINUSE' });
        expect(path.flows).toBe(1);
      });

      it('gives ports back when a flow, and when the whole, is closed', async () => {
        // One of the system's choice could be drawn by another program as soon as it is given back.
        const at = await path.listen({ ip: '127.0.0.1', port: MAX_PORT, reusePort: false });
        const one = await member({ at });
        one.flow.close();
        one.flow.close();
        expect(path.flows).toBe(0);
        const two = await member({ at });
        await path.close();
        await path.close();
        for (const port of [one.flow.port, two.flow.port, at.port]) {
          const again = createSocket('udp4');
          again.bind({ port, address: '127.0.0.1', exclusive: true });
          await once(again, 'listening');
          again.close();
        }
      });
    });

    describe('to and from a peer elsewhere', () => {
      let one: Member;
      let peer: Party;
      let at: { ip: string; port: number };

      beforeEach(async () => {
        one = await member();
        peer = await party(PEER_IP);
        at = { ip: PEER_IP, port: peer.port };
      });

      it.each([0, 1, 2, 3, 1100, 1472])('carries %i octets over a channel, both ways', async (bytes) => {
        one.flow.permit([PEER_IP], later(1000));
        expect(one.flow.bind(0x7ffe, PEER_IP, peer.port, later(1000))).toBe('granted');
        const data = randomBytes(bytes);
        toRelay(one, channelData(0x7ffe, data));
        expect(await peer.next()).toEqual({ data, ip: RELAY.ip, port: one.flow.port });
        peer.socket.send(data, one.flow.port, RELAY.ip);
        expect((await one.party.next()).data).toEqual(channelData(0x7ffe, data));
        expect([count(Counter.packetsFromClients), count(Counter.bytesFromClients)]).toEqual([1, bytes]);
        expect([count(Counter.packetsToClients), count(Counter.bytesToClients)]).toEqual([1, bytes]);
      });

      it.each([0, 1, 2, 3, 1100, 1430])('carries %i octets as indications, both ways', async (bytes) => {
        one.flow.permit([PEER_IP], later(1000));
        const data = randomBytes(bytes);
        toRelay(one, sendIndication(at, data));
        expect(await peer.next()).toEqual({ data, ip: RELAY.ip, port: one.flow.port });
        peer.socket.send(data, one.flow.port, RELAY.ip);
        expect(readData((await one.party.next()).data)).toEqual({ peer: at, data });
      });

      it('gives each Data indication another transaction id', async () => {
        one.flow.permit([PEER_IP], later(1000));
        peer.socket.send('a', one.flow.port, RELAY.ip);
        peer.socket.send('b', one.flow.port, RELAY.ip);
        const ids = [(await one.party.next()).data, (await one.party.next()).data];
        expect(ids[0]?.subarray(8, 20)).not.toEqual(ids[1]?.subarray(8, 20));
      });

      it('keeps the order of many packets, and loses none', async () => {
        one.flow.permit([PEER_IP], later(1000));
        one.flow.bind(CHANNEL, PEER_IP, peer.port, later(1000));
        for (let burst = 0; burst < 10; burst += 1) {
          for (let index = 0; index < 50; index += 1) {
            toRelay(one, channelData(CHANNEL, uint32(burst * 50 + index)));
          }
          await expect.poll(() => peer.got.length, { interval: 1 }).toBe((burst + 1) * 50);
        }
        expect(peer.got.map(({ data }) => data.readUInt32BE(0))).toEqual(
          Array.from({ length: 500 }, (_, n) => n),
        );
      });

      it('carries nothing without a permission, either way', async () => {
        toRelay(one, sendIndication(at, Buffer.from('x')));
        peer.socket.send('x', one.flow.port, RELAY.ip);
        await expect.poll(() => count(Counter.droppedNoPermission)).toBe(2);
        await silence(peer, one.party);
      });

      it('carries nothing once a permission ran out, over its channel neither', async () => {
        one.flow.permit([PEER_IP], later(1000));
        one.flow.bind(CHANNEL, PEER_IP, peer.port, later(2000));
        expect(one.flow.isPermitted(PEER_IP)).toBe(true);
        nowMs += 1000;
        expect(one.flow.isPermitted(PEER_IP)).toBe(false);
        toRelay(one, sendIndication(at, Buffer.from('x')));
        toRelay(one, channelData(CHANNEL, Buffer.from('x')));
        peer.socket.send('x', one.flow.port, RELAY.ip);
        await expect.poll(() => count(Counter.droppedNoPermission)).toBe(3);
        await silence(peer, one.party);
        one.flow.permit([PEER_IP], later(500));
        toRelay(one, channelData(CHANNEL, Buffer.from('again')));
        expect((await peer.next()).data.toString()).toBe('again');
      });

      it('goes back to indications once a channel ran out, and knows its number no more', async () => {
        one.flow.permit([PEER_IP], later(5000));
        one.flow.bind(CHANNEL, PEER_IP, peer.port, later(1000));
        nowMs += 1000;
        toRelay(one, channelData(CHANNEL, Buffer.from('x')));
        await expect.poll(() => count(Counter.droppedNoChannel)).toBe(1);
        peer.socket.send('y', one.flow.port, RELAY.ip);
        expect(readData((await one.party.next()).data)).toEqual({ peer: at, data: Buffer.from('y') });
        expect(one.flow.bind(CHANNEL, PEER_IP, peer.port + 1, later(1000))).toBe('granted');
      });

      it('holds a number to one peer, a peer to one number, and both to their limits', () => {
        const bind = (number: number, port: number) => one.flow.bind(number, PEER_IP, port, later(1000));
        expect([bind(CHANNEL, 1), bind(CHANNEL, 1), bind(CHANNEL, 2), bind(CHANNEL + 1, 1)]).toEqual([
          'granted',
          'granted',
          'conflict',
          'conflict',
        ]);
        expect([bind(CHANNEL + 1, 2), bind(CHANNEL + 2, 3), bind(CHANNEL + 3, 4)]).toEqual([
          'granted',
          'granted',
          'exhausted',
        ]);
        const ips = Array.from({ length: 5 }, (_, index) => `127.0.0.${index + 10}`);
        expect(one.flow.permit(ips, later(1000))).toBe('exhausted');
        expect(ips.map((ip) => one.flow.isPermitted(ip))).toEqual(ips.map(() => false));
        expect(one.flow.permit(ips.slice(1), later(1000))).toBe('granted');
        expect(one.flow.permit(ips.slice(0, 2), later(1000))).toBe('exhausted');
        expect(one.flow.permit(ips.slice(2), later(1000))).toBe('granted');
      });

      it('drops what does not add up', async () => {
        one.flow.permit([PEER_IP], later(1000));
        one.flow.bind(CHANNEL, PEER_IP, peer.port, later(1000));
        const good = sendIndication(at, Buffer.from('data'));
        const fingerprinted = (xor: number) => {
          const unsigned = sendIndication(at, Buffer.from('data'), [[0x8028, uint32(0)]]);
          unsigned.writeInt32BE(crc32(unsigned.subarray(0, -8)) ^ xor, unsigned.length - 4);
          return unsigned;
        };
        const wrong = [
          channelData(CHANNEL, Buffer.from('data'), 5),
          Buffer.from([0x40, 0, 0]),
          Buffer.from([0x40]),
          good.subarray(0, -4),
          Buffer.concat([good, Buffer.alloc(4)]),
          encode(Type.sendIndication, randomBytes(12), [[Attr.peer, xorAddress(at)]]),
          encode(Type.sendIndication, randomBytes(12), [[Attr.data, Buffer.from('data')]]),
          sendIndication(at, Buffer.from('data'), [[0x7f01, uint32(1)]]),
          sendIndication(at, Buffer.from('data'), [[0x001a, Buffer.alloc(0)]]),
          sendIndication({ ip: '::1', port: 5 }, Buffer.from('data')),
          fingerprinted(0x12345678),
        ];
        for (const packet of wrong) {
          toRelay(one, packet);
        }
        await expect.poll(() => count(Counter.droppedMalformed)).toBe(wrong.length);
        await silence(peer);
        toRelay(one, fingerprinted(0x5354554e));
        toRelay(one, sendIndication(at, Buffer.from('data'), [[0x8022, Buffer.from('soft')]]));
        toRelay(one, Buffer.concat([channelData(CHANNEL, Buffer.from('data')), Buffer.alloc(3)]));
        for (let index = 0; index < 3; index += 1) {
          expect((await peer.next()).data.toString()).toBe('data');
        }
      });

      it('carries a second of bandwidth at most, for a flow and for all', async () => {
        await use({ flowBytesPerSecond: 1000, totalBytesPerSecond: 1500 });
        const pair = [await member(), await member()];
        for (const each of pair) {
          each.flow.permit([PEER_IP], later(60_000));
          toRelay(each, sendIndication(at, Buffer.alloc(1001)));
          toRelay(each, sendIndication(at, Buffer.alloc(900)));
        }
        await expect.poll(() => count(Counter.droppedBandwidth)).toBe(3);
        expect((await peer.next()).data.length).toBe(900);
        nowMs += 1000;
        toRelay(pair[1] ?? one, sendIndication(at, Buffer.alloc(900)));
        expect((await peer.next()).data.length).toBe(900);
      });

      it('carries nothing with sameRoomOnly', async () => {
        await use({ sameRoomOnly: true });
        const closed = await member();
        closed.flow.permit([PEER_IP], later(1000));
        toRelay(closed, sendIndication(at, Buffer.from('x')));
        peer.socket.send('x', closed.flow.port, RELAY.ip);
        await expect.poll(() => count(Counter.droppedByPolicy)).toBe(2);
        await silence(peer, closed.party);
      });

      it('drops what goes to port 0', async () => {
        one.flow.permit([PEER_IP], later(1000));
        toRelay(one, sendIndication({ ip: PEER_IP, port: 0 }, Buffer.from('x')));
        await expect.poll(() => count(Counter.droppedByPolicy)).toBe(1);
      });

      it('is silent after the flow was closed', async () => {
        one.flow.permit([PEER_IP], later(1000));
        one.flow.close();
        toRelay(one, sendIndication(at, Buffer.from('x')));
        await expect.poll(() => count(Counter.droppedUnknownFlow)).toBe(1);
        peer.socket.send('x', one.flow.port, RELAY.ip);
        await silence(peer, one.party);
      });
    });

    it('relays IPv6, both ways, by channel and by indication', async () => {
      await use({ ownPortsOpen: true });
      const one = await member({ relay: 1 });
      const peer = await party('::1');
      one.flow.permit(['::1'], later(1000));
      toRelay(one, sendIndication({ ip: '::1', port: peer.port }, Buffer.from('six')));
      expect(await peer.next()).toMatchObject({ data: Buffer.from('six'), port: one.flow.port });
      peer.socket.send('back', one.flow.port, '::1');
      const indication = (await one.party.next()).data;
      expect(readData(indication).data.toString()).toBe('back');
      expect(indication.subarray(24, 44)).toEqual(
        xorAddress({ ip: '::1', port: peer.port }, indication.subarray(8, 20)),
      );
      one.flow.bind(CHANNEL, '::1', peer.port, later(1000));
      toRelay(one, channelData(CHANNEL, Buffer.from('over')));
      expect((await peer.next()).data.toString()).toBe('over');
      peer.socket.send('back', one.flow.port, '::1');
      expect((await one.party.next()).data).toEqual(channelData(CHANNEL, Buffer.from('back')));
    });

    it.each([
      ['within one data path', false],
      ['between two that share a directory', true],
    ] as const)('hops %s', async (_name, apart) => {
      await use({ sameRoomOnly: true });
      const second = apart
        ? make({ sameRoomOnly: true, directory: new Directory(directory.addresses, 1, directory.shared) })
        : path;
      const at = apart ? await second.listen({ ip: '127.0.0.1', port: 0, reusePort: false }) : listener;
      const one = await member();
      const two = await member({ on: second, at });
      const to = (flow: Flow) => ({ ip: EXTERNAL, port: flow.port });
      one.flow.permit([EXTERNAL], later(1000));

      // The other end must have permitted the sender's external address, not the one bound to.
      two.flow.permit([RELAY.ip], later(1000));
      toRelay(one, sendIndication(to(two.flow), Buffer.from('too early')));
      await expect.poll(() => count(Counter.droppedNoPermission)).toBe(1);

      two.flow.permit([EXTERNAL], later(1000));
      toRelay(one, sendIndication(to(two.flow), Buffer.from('hop')));
      expect(readData((await two.party.next()).data)).toEqual({
        peer: to(one.flow),
        data: Buffer.from('hop'),
      });
      one.flow.bind(CHANNEL, EXTERNAL, two.flow.port, later(1000));
      two.flow.bind(CHANNEL + 1, EXTERNAL, one.flow.port, later(1000));
      toRelay(one, channelData(CHANNEL, Buffer.from('over')));
      expect((await two.party.next()).data).toEqual(channelData(CHANNEL + 1, Buffer.from('over')));
      toRelay(two, channelData(CHANNEL + 1, Buffer.from('back')), at);
      expect((await one.party.next()).data).toEqual(channelData(CHANNEL, Buffer.from('back')));
      expect([count(Counter.packetsHopped), count(Counter.packetsToClients)]).toEqual([apart ? 0 : 3, 3]);

      // A port that changed hands is another room's, or nobody's.
      const stranger = await member({ room: 'blue', on: second, at });
      stranger.flow.permit([EXTERNAL], later(1000));
      toRelay(one, sendIndication(to(stranger.flow), Buffer.from('x')));
      toRelay(stranger, sendIndication(to(one.flow), Buffer.from('x')), at);
      directory.release(0, two.flow.port);
      two.flow.close();
      toRelay(one, channelData(CHANNEL, Buffer.from('x')));
      await expect.poll(() => count(Counter.droppedByPolicy)).toBe(3);
      await silence(one.party, stranger.party, two.party);
    });

    it('carries nothing between a hop address and what is no flow there', async () => {
      const service = await party(RELAY.ip);
      const one = await member();
      one.flow.permit([EXTERNAL, RELAY.ip], later(1000));
      for (const ip of [EXTERNAL, RELAY.ip]) {
        toRelay(one, sendIndication({ ip, port: service.port }, Buffer.from('ssrf')));
      }
      service.socket.send('inward', one.flow.port, RELAY.ip);
      await expect.poll(() => count(Counter.droppedByPolicy)).toBe(3);
      await silence(service, one.party);
    });

    it('takes whole messages of a stream client, and writes it whole messages', async () => {
      const written: Buffer[] = [];
      const write = (bytes: Uint8Array) => written.push(Buffer.from(bytes));
      const flow = await open({ kind: 'stream', ip: '127.0.0.1', port: 9, write });
      const peer = await party(PEER_IP);
      flow.permit([PEER_IP], later(1000));
      expect(flow.fromClient(sendIndication({ ip: PEER_IP, port: peer.port }, Buffer.from('sent')))).toBe(
        true,
      );
      expect((await peer.next()).data.toString()).toBe('sent');
      expect(flow.fromClient(encode(Type.refresh, randomBytes(12), []))).toBe(false);
      peer.socket.send('back', flow.port, RELAY.ip);
      await expect.poll(() => written.length).toBe(1);
      expect(readData(written[0] ?? Buffer.alloc(0)).data.toString()).toBe('back');

      const two = await member();
      flow.permit([EXTERNAL], later(1000));
      two.flow.permit([EXTERNAL], later(1000));
      flow.bind(CHANNEL, EXTERNAL, two.flow.port, later(1000));
      expect(flow.fromClient(channelData(CHANNEL, Buffer.from('hop')))).toBe(true);
      expect(readData((await two.party.next()).data).data.toString()).toBe('hop');
      toRelay(two, sendIndication({ ip: EXTERNAL, port: flow.port }, Buffer.from('abc')));
      await expect.poll(() => written.length).toBe(2);
      expect(written[1]).toEqual(channelData(CHANNEL, Buffer.from('abc')));
      path.sendControl({ kind: 'stream', ip: '127.0.0.1', port: 9, write }, Buffer.from('answer'));
      expect(written[2]?.toString()).toBe('answer');
    });

    it('lets two share a listening port', async () => {
      const first = make();
      const shared = await first.listen({ ip: '127.0.0.1', port: 0, reusePort: true });
      const second = make();
      await second.listen({ ip: '127.0.0.1', port: shared.port, reusePort: true });
    });
  });
}
