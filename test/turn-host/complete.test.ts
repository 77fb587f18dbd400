/** What RFC 8656 has that relay.test.ts does not: families, ports in reserve, retransmissions, external addresses. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  Attr,
  encode,
  isSigned,
  readXorAddress,
  Type,
  udpTransport,
  udpWire,
  uint32,
  xorAddress,
} from './client.ts';
import { requestWithTail, requestWithTransportAfterIntegrity } from './odd-requests.ts';
import { askForPeer, useRelay } from './stage.ts';

const stage = useRelay();
const BOTH = { TURN_LISTEN: '127.0.0.1,::1', TURN_ALLOW_LOOPBACK: '1' };
const family = (code: number): [number, Buffer] => [Attr.addressFamily, Buffer.from([code, 0, 0, 0])];

describe('families', () => {
  it('relays IPv6 for a client of either family, and answers 443 to a peer of the other', async () => {
    const { port } = await stage.start(BOTH);
    const peer = createSocket('udp6').bind(0, '::1');
    await once(peer, 'listening');
    for (const host of ['127.0.0.1', '::1']) {
      const one = await stage.member('red.one', await udpWire(port, host));
      const relayed = await one.allocate([family(2)]);
      expect(relayed.ip).toBe('0:0:0:0:0:0:0:1');
      const at = { ip: '::1', port: peer.address().port };
      const asked = await askForPeer(one, at);
      expect([asked.permission.errorCode, asked.channel.errorCode]).toEqual([0, 0]);
      one.sendOnChannel(0x4000, Buffer.from('six'));
      const [data, from] = await once(peer, 'message');
      expect([String(data), from.port]).toEqual(['six', relayed.port]);
      peer.send('back', relayed.port, '::1');
      expect((await one.nextOnChannel(0x4000))?.toString()).toBe('back');
      const other = await askForPeer(one, { ip: '127.0.0.1', port: 5000 }, 0x4001);
      expect([other.permission.errorCode, other.channel.errorCode]).toEqual([443, 443]);
      const wrongFamily = await one.request(Type.refresh, [family(1)]);
      expect(wrongFamily.errorCode).toBe(443);
    }
    peer.close();
  });

  it('answers Binding and Allocate with an IPv6 mapped address', async () => {
    const { port } = await stage.start(BOTH);
    const wire = await udpWire(port, '::1');
    const one = await stage.member('red.one', wire);
    const answer = await one.exchange(encode(Type.binding, randomBytes(12), []));
    const mapped = answer.attributes.get(Attr.mapped) ?? Buffer.alloc(20);
    expect(readXorAddress(mapped, answer.transactionId)).toEqual({
      ip: '0:0:0:0:0:0:0:1',
      port: wire.localPort,
    });
  });

  it('answers 440 for a family it does not have, or that there is none of', async () => {
    await stage.start();
    const one = await stage.member('red.one');
    await one.challenge();
    for (const code of [2, 3, 0]) {
      const answer = await one.request(Type.allocate, [udpTransport, family(code)]);
      expect([answer.errorCode, isSigned(answer, one.key)]).toEqual([440, true]);
    }
    expect((await one.request(Type.allocate, [udpTransport, family(1)])).errorCode).toBe(0);
  });
});

describe('even ports and ports in reserve', () => {
  const even = (reserve: boolean): [number, Buffer] => [Attr.evenPort, Buffer.from([reserve ? 0x80 : 0])];

  it('gives an even port, and with R its neighbour to whoever holds the token', async () => {
    await stage.start();
    const one = await stage.member('red.one');
    await one.challenge();
    const packet = one.signed(Type.allocate, [udpTransport, even(true)]);
    const answer = await one.exchange(packet);
    const { port } = readXorAddress(answer.attributes.get(Attr.relayed) ?? Buffer.alloc(8));
    const token = answer.attributes.get(Attr.reservationToken) ?? Buffer.alloc(0);
    expect([port % 2, token.length]).toEqual([0, 8]);
    expect((await one.exchange(packet)).raw).toEqual(answer.raw);

    const thief = await stage.member('red.thief');
    await expect(thief.allocate([[Attr.reservationToken, token]])).rejects.toThrow('508');
    const two = await stage.member('red.one');
    const relayed = await two.allocate([[Attr.reservationToken, token]]);
    expect(relayed.port).toBe(port + 1);
    const three = await stage.member('red.one');
    await expect(three.allocate([[Attr.reservationToken, token]])).rejects.toThrow('508');
  });

  it('gives an even port without R, and no token', async () => {
    await stage.start();
    const one = await stage.member('red.one');
    await one.challenge();
    const answer = await one.request(Type.allocate, [udpTransport, even(false)]);
    const { port } = readXorAddress(answer.attributes.get(Attr.relayed) ?? Buffer.alloc(8));
    expect([port % 2, answer.attributes.has(Attr.reservationToken)]).toEqual([0, false]);
  });

  it('refuses a token together with EVEN-PORT or a family, and one of the wrong length', async () => {
    await stage.start();
    const one = await stage.member('red.one');
    await one.challenge();
    const token: [number, Buffer] = [Attr.reservationToken, Buffer.alloc(8)];
    for (const more of [
      [token, even(false)],
      [token, family(1)],
      [[Attr.reservationToken, Buffer.alloc(7)]],
    ]) {
      const answer = await one.request(Type.allocate, [udpTransport, ...(more as [number, Buffer][])]);
      expect(answer.errorCode).toBe(400);
    }
  });
});

describe('requests', () => {
  it('answers a retransmitted Refresh of 0 as it answered the first', async () => {
    await stage.start();
    const one = await stage.member('red.one');
    await one.allocate();
    const packet = one.signed(Type.refresh, [[Attr.lifetime, uint32(0)]]);
    const first = await one.exchange(packet);
    expect((await one.exchange(packet)).raw).toEqual(first.raw);
    expect((await one.request(Type.refresh, [[Attr.lifetime, uint32(0)]])).errorCode).toBe(437);
    packet[packet.length - 1] = (packet[packet.length - 1] ?? 0) ^ 1;
    expect((await one.exchange(packet)).errorCode).toBe(437);
    await one.allocate();
  });

  it('says that it cannot set DONT-FRAGMENT, rather than pass it over', async () => {
    await stage.start();
    const one = await stage.member('red.one');
    await one.challenge();
    const answer = await one.request(Type.allocate, [udpTransport, [Attr.dontFragment, Buffer.alloc(0)]]);
    expect(answer.errorCode).toBe(420);
    expect(answer.attributes.get(Attr.unknownAttributes)?.toString('hex')).toBe('001a');
  });

  it('drops a request with an attribute that runs past its end (bare node-turn answers it)', async () => {
    await stage.start();
    const one = await stage.member('red.one');
    one.sendRaw(requestWithTail());
    await expect.poll(() => stage.relay.counted('droppedNoStun')).toBe(1);
    expect(await one.receive(() => true, 0)).toBeNull();
  });

  it('passes over what follows MESSAGE-INTEGRITY (bare node-turn heeds it)', async () => {
    await stage.start();
    const one = await stage.member('red.one');
    await one.challenge();
    const answer = await one.exchange(requestWithTransportAfterIntegrity(one));
    expect([answer.errorCode, isSigned(answer, one.key)]).toEqual([400, true]);
  });

  it('ends every answer with a fingerprint if the request had one, and drops one whose fingerprint is wrong', async () => {
    await stage.start();
    const one = await stage.member('red.one');
    const asked = Buffer.concat([
      encode(Type.binding, randomBytes(12), []),
      Buffer.from('80280004', 'hex'),
      Buffer.alloc(4),
    ]);
    asked.writeUInt16BE(8, 2);
    one.sendRaw(asked);
    expect(await one.receive(() => true, 150)).toBeNull();
    const { crc32 } = await import('node:zlib');
    asked.writeInt32BE(crc32(asked.subarray(0, -8)) ^ 0x5354554e, asked.length - 4);
    const answer = await one.exchange(asked);
    expect(answer.raw.readUInt16BE(answer.raw.length - 8)).toBe(0x8028);
    expect(answer.raw.readInt32BE(answer.raw.length - 4)).toBe(
      crc32(answer.raw.subarray(0, -8)) ^ 0x5354554e,
    );
  });

  it('permits several peers at once, or none of them', async () => {
    await stage.start({ TURN_ALLOW_LOOPBACK: '1', TURN_MAX_PERMISSIONS: '2' });
    const one = await stage.member('red.one');
    const relayed = await one.allocate();
    const peers = (...ips: string[]) =>
      ips.map((ip) => [Attr.peer, xorAddress({ ip, port: 1 })] as [number, Buffer]);
    const forbidden = peers('127.0.0.2', '10.0.0.1');
    expect((await one.request(Type.createPermission, forbidden)).errorCode).toBe(403);
    const many = peers('127.0.0.2', '127.0.0.3', '127.0.0.4');
    expect((await one.request(Type.createPermission, many)).errorCode).toBe(508);
    const peer = createSocket('udp4').bind(0, '127.0.0.2');
    await once(peer, 'listening');
    peer.send('x', relayed.port, relayed.ip);
    expect(await one.nextData(150)).toBeNull();
    expect((await one.request(Type.createPermission, peers('127.0.0.2', '127.0.0.3'))).errorCode).toBe(0);
    peer.send('x', relayed.port, relayed.ip);
    expect((await one.nextData())?.data.toString()).toBe('x');
    peer.close();
  });

  it('takes 250 peers in one request, and drops a request longer than any that is due', async () => {
    await stage.start({ TURN_ALLOW_LOOPBACK: '1' });
    const one = await stage.member('red.one');
    await one.allocate();
    const peers = (count: number) =>
      Array.from({ length: count }, (_, index): [number, Buffer] => [
        Attr.peer,
        xorAddress({ ip: `127.0.1.${index % 250}`, port: 1 }),
      ]);
    expect((await one.request(Type.createPermission, peers(250))).errorCode).toBe(0);
    one.sendRaw(one.signed(Type.createPermission, peers(5000)));
    await expect.poll(() => stage.relay.counted('droppedNoStun')).toBe(1);
  });

  it('answers 508 to a channel beyond the limit', async () => {
    await stage.start({ TURN_ALLOW_LOOPBACK: '1', TURN_MAX_CHANNELS: '2' });
    const one = await stage.member('red.one');
    await one.allocate();
    const codes: number[] = [];
    for (const [number, port] of [
      [0x4000, 1],
      [0x4001, 2],
      [0x4002, 3],
    ] as const) {
      codes.push((await one.bindChannel(number, { ip: '127.0.0.2', port })).errorCode);
    }
    expect(codes).toEqual([0, 0, 508]);
  });
});

describe('behind one-to-one NAT', () => {
  it('tells clients the external address, and hops between members who name each other by it', async () => {
    const external = '8.8.4.4';
    await stage.start({ TURN_EXTERNAL_IP: external, TURN_PEER_POLICY: 'room' });
    const [one, two] = [await stage.member('red.one'), await stage.member('red.two')];
    const [at1, at2] = [await one.allocate(), await two.allocate()];
    expect([at1.ip, at2.ip]).toEqual([external, external]);
    expect((await one.bindChannel(0x4000, at2)).errorCode).toBe(0);
    expect((await two.permit(at1)).errorCode).toBe(0);
    one.sendOnChannel(0x4000, Buffer.from('hop'));
    expect(await two.nextData()).toEqual({ peer: at1, data: Buffer.from('hop') });
  });
});

describe('several addresses', () => {
  it('listens on each, at one port, and relays from the one that the client came in by', async () => {
    const { port } = await stage.start({ TURN_LISTEN: '127.0.0.1,127.0.0.2,127.0.0.3' });
    for (const host of ['127.0.0.1', '127.0.0.2', '127.0.0.3']) {
      const one = await stage.member('red.one', await udpWire(port, host));
      expect((await one.allocate()).ip).toBe(host);
    }
  });
});
