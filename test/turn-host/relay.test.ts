import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mintCredential } from '../../turn-host/credential.ts';
import { startTurnHost, type TurnHost } from '../../turn-host/host.ts';
import {
  Attr,
  encode,
  isSigned,
  openClient,
  readXorAddress,
  type TurnClient,
  Type,
  udpTransport,
  uint32,
  xorAddress,
} from './client.ts';
import { relayConfig } from './relay-config.ts';

// Whoever is mutating packets is to be read to the end.
const config = relayConfig({ TURN_MAX_UNAUTHENTICATED_PER_SECOND: '1000000' });

let nowMs: number;
let relay: TurnHost;
let clients: TurnClient[];
let lines: string[];

beforeEach(async () => {
  // On the second, as expiry times are: what is left of a credential does not hang on when the test runs.
  nowMs = Math.floor(Date.now() / 1000) * 1000;
  clients = [];
  lines = [];
  relay = await startTurnHost(config, { now: () => nowMs, log: (line) => lines.push(line) });
});

afterEach(async () => {
  for (const client of clients) {
    client.close();
  }
  await relay.close();
});

async function client(
  name = 'room.peer',
  secret = 'new secret',
  lifetimeSeconds = 3600,
): Promise<TurnClient> {
  const minted = await mintCredential(secret, name, Math.floor(nowMs / 1000) + lifetimeSeconds);
  return raw(minted.username, minted.credential);
}

async function raw(username: string, password: string): Promise<TurnClient> {
  const made = await openClient(relay.port, username, password);
  clients.push(made);
  return made;
}

const lifetimeIn = (attributes: ReadonlyMap<number, Buffer>) =>
  attributes.get(Attr.lifetime)?.readUInt32BE(0);

describe('who may ask', () => {
  it('answers STUN Binding to anyone', async () => {
    const anyone = await raw('', '');
    const answer = await anyone.exchange(encode(Type.binding, randomBytes(12), []));
    const mapped = answer.attributes.get(Attr.mapped);
    expect(mapped && readXorAddress(mapped)).toEqual({ ip: '127.0.0.1', port: anyone.wire.localPort });
  });

  it('takes a credential of either secret, and of no other', async () => {
    await expect((await client()).allocate()).resolves.toMatchObject({ ip: '127.0.0.1' });
    await expect((await client('b', 'old secret')).allocate()).resolves.toMatchObject({ ip: '127.0.0.1' });
    await expect((await client('c', 'other secret')).allocate()).rejects.toThrow('401');
  });

  it.each(['constructor', '__proto__', 'toString'])(
    'refuses the user name %s (bare node-turn lets it in)',
    async (name) => {
      const passwords = [String(Object), String(Object.prototype), String(Object.prototype.toString)];
      for (const password of passwords) {
        await expect((await raw(name, password)).allocate()).rejects.toThrow('401');
      }
    },
  );

  it('refuses an expired credential at Allocate', async () => {
    await expect((await client('late', 'new secret', -1)).allocate()).rejects.toThrow('401');
  });

  it('refuses the nonce `constructor`, a stale one and one given to another 5-tuple (bare node-turn has no such tie)', async () => {
    const own = await client();
    await own.challenge();
    const other = await client();
    other.nonce = own.nonce;
    expect((await other.request(Type.allocate, [udpTransport])).errorCode).toBe(438);
    other.nonce = Buffer.from('constructor');
    expect((await other.request(Type.allocate, [udpTransport])).errorCode).toBe(438);
    nowMs += 3_601_000;
    const stale = await own.request(Type.allocate, [udpTransport]);
    expect(stale.errorCode).toBe(438);
    expect(stale.attributes.has(Attr.nonce)).toBe(true);
  });

  it('answers 441, signed, when another user asks on an allocation (bare node-turn does not sign)', async () => {
    const one = await client('one');
    await one.allocate();
    const two = await mintCredential('new secret', 'two', Math.floor(nowMs / 1000) + 60);
    one.username = two.username;
    one.password = two.credential;
    const answer = await one.request(Type.refresh, []);
    expect([answer.errorCode, isSigned(answer, one.key)]).toEqual([441, true]);
  });
});

describe('the life of an allocation', () => {
  it('outlives its credential: refreshed, permitted and bound (bare node-turn ends it at Refresh)', async () => {
    const one = await client('one', 'new secret', 2);
    const two = await client('two');
    await one.allocate();
    const peer = await two.allocate();
    nowMs += 5000;
    expect((await one.request(Type.refresh, [[Attr.lifetime, uint32(700)]])).errorCode).toBe(0);
    expect((await one.permit(peer)).errorCode).toBe(0);
    expect((await one.bindChannel(0x4000, peer)).errorCode).toBe(0);
  });

  it('outlives its credential by half a day: then Refresh is 401 and ends it', async () => {
    const one = await client('one', 'new secret', 60);
    const { port } = await one.allocate();
    nowMs += (60 + 12 * 3600 - 100) * 1000;
    await one.challenge();
    const last = await one.request(Type.refresh, [[Attr.lifetime, uint32(3600)]]);
    expect([last.errorCode, lifetimeIn(last.attributes)]).toEqual([0, 100]);
    nowMs += 100_000;
    one.password += 'x';
    expect((await one.request(Type.refresh, [])).errorCode).toBe(401);
    expect(lines).toEqual(['allocation made, 1 in use']);
    one.password = one.password.slice(0, -1);
    const over = await one.request(Type.refresh, [[Attr.lifetime, uint32(3600)]]);
    expect([over.errorCode, over.attributes.has(Attr.nonce)]).toEqual([401, true]);
    expect((await one.request(Type.refresh, [])).errorCode).toBe(437);
    expect(lines).toEqual(['allocation made, 1 in use', 'allocation released, 0 in use']);
    const again = createSocket('udp4').bind({ port, address: '127.0.0.1', exclusive: true });
    await once(again, 'listening');
    again.close();
  });

  it('ends by itself half a day after its credential, without a request', async () => {
    const one = await client('one', 'new secret', 60);
    await one.allocate();
    nowMs += (60 + 12 * 3600) * 1000 - 900;
    await one.challenge();
    expect(lifetimeIn((await one.request(Type.refresh, [])).attributes)).toBe(1);
    await expect.poll(() => lines.at(-1)).toBe('allocation released, 0 in use');
  });

  it('lasts as long as Allocate asks for (bare node-turn passes that over)', async () => {
    const one = await client();
    await one.challenge();
    const answer = await one.request(Type.allocate, [udpTransport, [Attr.lifetime, uint32(1234)]]);
    expect(lifetimeIn(answer.attributes)).toBe(1234);
  });

  it('grants 600 s by default and 3600 s at most', async () => {
    const one = await client();
    await one.allocate();
    const plain = await one.request(Type.refresh, []);
    expect(lifetimeIn(plain.attributes)).toBe(600);
    expect(isSigned(plain, one.key)).toBe(true);
    const long = await one.request(Type.refresh, [[Attr.lifetime, uint32(100_000)]]);
    expect(lifetimeIn(long.attributes)).toBe(3600);
  });

  it('ends at lifetime 0 and gives its port back (bare node-turn keeps the socket)', async () => {
    const one = await client();
    const { port } = await one.allocate();
    const gone = await one.request(Type.refresh, [[Attr.lifetime, uint32(0)]]);
    expect(lifetimeIn(gone.attributes)).toBe(0);
    const again = createSocket('udp4').bind({ port, address: '127.0.0.1', exclusive: true });
    await once(again, 'listening');
    again.close();
    expect((await one.request(Type.refresh, [])).errorCode).toBe(437);
  });

  it('answers a retransmitted Allocate alike, with no second port (bare node-turn opens one)', async () => {
    const one = await client();
    await one.challenge();
    const packet = one.signed(Type.allocate, [udpTransport]);
    const first = await one.exchange(packet);
    const second = await one.exchange(packet);
    expect(second.raw).toEqual(first.raw);
    expect(lines).toEqual(['allocation made, 1 in use']);
    expect((await one.request(Type.allocate, [udpTransport])).errorCode).toBe(437);
  });

  it('opens one port when the retransmission overtakes the answer', async () => {
    const one = await client();
    await one.challenge();
    const packet = one.signed(Type.allocate, [udpTransport]);
    one.sendRaw(packet);
    await one.exchange(packet);
    expect(lines).toEqual(['allocation made, 1 in use']);
  });
});

describe('how many allocations there may be', () => {
  const codes = (settled: readonly PromiseSettledResult<unknown>[]) =>
    settled.map((result) => (result.status === 'fulfilled' ? 'made' : String(result.reason))).sort();

  it('64 for a user name, asked for at once, and 64 again once they are released', async () => {
    const minted = await mintCredential('new secret', 'one', Math.floor(nowMs / 1000) + 60);
    const open = () => raw(minted.username, minted.credential);
    const group = await Promise.all(Array.from({ length: 66 }, open));
    const settled = await Promise.allSettled(group.map((each) => each.allocate()));
    const refusal = 'Error: Allocate was answered 486';
    expect(codes(settled)).toEqual([refusal, refusal, ...Array(64).fill('made')]);
    await expect((await client('two')).allocate()).resolves.toMatchObject({ ip: '127.0.0.1' });

    const denied = await open();
    await denied.challenge();
    const answer = await denied.request(Type.allocate, [udpTransport]);
    expect([answer.errorCode, isSigned(answer, denied.key)]).toEqual([486, true]);

    const holders = group.filter((_, index) => settled[index]?.status === 'fulfilled');
    for (const each of holders) {
      await each.request(Type.refresh, [[Attr.lifetime, uint32(0)]]);
    }
    expect(lines.at(-1)).toBe('allocation released, 1 in use');
    const again = await Promise.allSettled(group.map((each) => each.allocate()));
    expect(codes(again)).toEqual([refusal, refusal, ...Array(64).fill('made')]);
  });

  it('as many in all as the range has ports, each of which is found', async () => {
    const { minPort } = config;
    await relay.close();
    relay = await startTurnHost({ ...config, minPort, maxPort: minPort + 2 });
    const group = await Promise.all(['a', 'b', 'c'].map((name) => client(name)));
    const late = await client('late');
    for (const round of [1, 2]) {
      const ports = await Promise.all(group.map(async (each) => (await each.allocate()).port));
      expect([round, ...ports.sort()]).toEqual([round, minPort, minPort + 1, minPort + 2]);
      await late.challenge();
      const answer = await late.request(Type.allocate, [udpTransport]);
      expect([answer.errorCode, isSigned(answer, late.key)]).toEqual([508, true]);
      for (const each of group) {
        await each.request(Type.refresh, [[Attr.lifetime, uint32(0)]]);
      }
    }
    await expect(late.allocate()).resolves.toMatchObject({ ip: '127.0.0.1' });
  });

  it('none is counted that could not be made', async () => {
    const { minPort } = config;
    const holder = createSocket('udp4').bind({ port: minPort, address: '127.0.0.1', exclusive: true });
    await once(holder, 'listening');
    await relay.close();
    relay = await startTurnHost({ ...config, minPort, maxPort: minPort });
    const one = await client();
    await expect(one.allocate()).rejects.toThrow('508');
    await new Promise<void>((resolve) => holder.close(() => resolve()));
    await expect(one.allocate()).resolves.toEqual({ ip: '127.0.0.1', port: minPort });
  });
});

describe('what is relayed', () => {
  async function pair() {
    const one = await client('one');
    const two = await client('two');
    const [at1, at2] = [await one.allocate(), await two.allocate()];
    return { one, two, at1, at2 };
  }

  it('passes Send and Data indications between two allocations, the empty ones too', async () => {
    const { one, two, at1, at2 } = await pair();
    await one.permit(at2);
    await two.permit(at1);
    one.send(at2, Buffer.from('hello'));
    expect(await two.nextData()).toEqual({ peer: at1, data: Buffer.from('hello') });
    one.send(at2, Buffer.alloc(0));
    expect(await two.nextData()).toEqual({ peer: at1, data: Buffer.alloc(0) });
  });

  it('passes ChannelData both ways, and signs the answer to ChannelBind (bare node-turn does neither)', async () => {
    const { one, two, at1, at2 } = await pair();
    const bound = await one.bindChannel(0x4001, at2);
    expect(isSigned(bound, one.key)).toBe(true);
    await two.bindChannel(0x7ffe, at1);
    one.sendOnChannel(0x4001, Buffer.from('over'));
    expect(await two.nextOnChannel(0x7ffe)).toEqual(Buffer.from('over'));
    two.sendOnChannel(0x7ffe, Buffer.from('back'));
    expect(await one.nextOnChannel(0x4001)).toEqual(Buffer.from('back'));
  });

  it('holds a channel to one peer and a peer to one channel', async () => {
    const { one, at1, at2 } = await pair();
    expect((await one.bindChannel(0x4001, at2)).errorCode).toBe(0);
    expect((await one.bindChannel(0x4001, at2)).errorCode).toBe(0);
    expect((await one.bindChannel(0x4002, at2)).errorCode).toBe(400);
    expect((await one.bindChannel(0x4001, at1)).errorCode).toBe(400);
    expect((await one.bindChannel(0x3fff, at1)).errorCode).toBe(400);
  });

  it('passes nothing without a permission, and nothing after it ran out', async () => {
    const { one, two, at1, at2 } = await pair();
    await one.permit(at2);
    one.send(at2, Buffer.from('early'));
    expect(await two.nextData(150)).toBeNull();
    await two.permit(at1);
    nowMs += 300_001;
    one.send(at2, Buffer.from('late'));
    expect(await two.nextData(150)).toBeNull();
  });

  it('keeps a channel for ten minutes (bare node-turn for ever)', async () => {
    const { one, two, at1, at2 } = await pair();
    const renew = async () => {
      await one.permit(at2);
      await two.permit(at1);
    };
    await one.bindChannel(0x4001, at2);
    nowMs += 599_000;
    await renew();
    two.send(at1, Buffer.from('in time'));
    expect(await one.nextOnChannel(0x4001)).toEqual(Buffer.from('in time'));
    nowMs += 1000;
    await renew();
    two.send(at1, Buffer.from('late'));
    expect(await one.nextData()).toEqual({ peer: at2, data: Buffer.from('late') });
  });

  it('takes an empty datagram on a relayed port (it ends bare node-turn)', async () => {
    const { one, two, at1, at2 } = await pair();
    await one.permit(at2);
    await two.permit(at1);
    two.send(at1, Buffer.alloc(0));
    expect(await one.nextData()).toEqual({ peer: at2, data: Buffer.alloc(0) });
  });
});

describe('what is refused', () => {
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((entry) => entry.family === 'IPv4' && !entry.internal)
    .map((entry) => entry.address);

  it.each(['127.0.0.2', '169.254.169.254', '10.0.0.1', '192.168.1.1', '100.64.0.1', ...own])(
    '%s as a peer, by permission and by channel',
    async (ip) => {
      const one = await client();
      await one.allocate();
      expect((await one.permit({ ip, port: 5000 })).errorCode).toBe(403);
      expect((await one.bindChannel(0x4000, { ip, port: 5000 })).errorCode).toBe(403);
    },
  );

  it('private peers unless the policy is lan, and special ones under lan too', async () => {
    await relay.close();
    relay = await startTurnHost({ ...config, peerPolicy: 'lan' });
    const one = await client();
    await one.allocate();
    expect((await one.permit({ ip: '10.0.0.1', port: 5000 })).errorCode).toBe(0);
    expect((await one.bindChannel(0x4000, { ip: '192.168.1.1', port: 5000 })).errorCode).toBe(0);
    expect((await one.bindChannel(0x4001, { ip: '192.168.1.1', port: 0 })).errorCode).toBe(403);
    expect((await one.permit({ ip: '100.100.100.200', port: 5000 })).errorCode).toBe(403);
  });

  it.each([
    ['IPv4-mapped', '::ffff:127.0.0.1', 403],
    ['IPv4-compatible', '::127.0.0.1', 403],
    ['loopback', '::1', 403],
    ['NAT64', '64:ff9b::127.0.0.1', 403],
    ['6to4', '2002:7f00:1::1', 403],
    ['link-local', 'fe80::1', 403],
    ['public', '2606:4700:4700::1111', 443],
  ] as const)('an IPv6 peer: %s', async (_name, ip, code) => {
    const one = await client();
    await one.allocate();
    expect((await one.permit({ ip, port: 5000 })).errorCode).toBe(code);
  });

  it('a service of this host behind the permission for the relay, by channel and by Send', async () => {
    const service = createSocket('udp4').bind(0, '127.0.0.1');
    await once(service, 'listening');
    let reached = 0;
    service.on('message', () => {
      reached += 1;
    });
    const at = { ip: '127.0.0.1', port: service.address().port };
    const one = await client();
    const relayed = await one.allocate();
    expect((await one.permit(at)).errorCode).toBe(0);
    one.send(at, Buffer.from('ssrf'));
    expect((await one.bindChannel(0x4000, at)).errorCode).toBe(403);
    service.send('inward', relayed.port, relayed.ip);
    expect(await one.nextData(150)).toBeNull();
    service.close();
    expect(reached).toBe(0);
  });
});

describe('what a packet holds', () => {
  it('ignores unknown optional attributes and names unknown required ones (bare node-turn drops both)', async () => {
    const one = await client();
    await one.challenge();
    const odd = await one.request(Type.allocate, [udpTransport, [0x7f01, uint32(1)], [0x7f02, uint32(2)]]);
    expect(odd.errorCode).toBe(420);
    expect(odd.attributes.get(Attr.unknownAttributes)?.toString('hex')).toBe('7f017f02');
    expect(isSigned(odd, one.key)).toBe(true);
    const fine = await one.request(Type.allocate, [udpTransport, [0xc057, uint32(7)]]);
    expect(fine.errorCode).toBe(0);
  });

  it('does not answer responses', async () => {
    const one = await client();
    one.sendRaw(encode(0x0104, randomBytes(12), []));
    one.sendRaw(encode(0x0113, randomBytes(12), []));
    expect(await one.receive(() => true, 150)).toBeNull();
  });

  it('survives wrong lengths, empty packets, and ten thousand mutations', async () => {
    const one = await client();
    const two = await client('two');
    await one.allocate();
    const at2 = await two.allocate();
    const seeds = [
      one.signed(Type.allocate, [udpTransport]),
      one.signed(Type.createPermission, [[Attr.peer, xorAddress(at2)]]),
      one.signed(Type.refresh, [[Attr.lifetime, uint32(900)]]),
      encode(Type.sendIndication, randomBytes(12), [
        [Attr.peer, xorAddress(at2)],
        [Attr.data, Buffer.from('x')],
      ]),
      Buffer.from([0x40, 0, 0xff, 0xff, 1]),
      Buffer.alloc(0),
      Buffer.from([0]),
    ];
    let state = 20_240_601;
    const next = (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let round = 0; round < 10_000; round += 1) {
      const packet = Buffer.from(seeds[next(seeds.length)] ?? []);
      for (let flips = next(4); flips > 0 && packet.length > 0; flips -= 1) {
        packet[next(packet.length)] = next(256);
      }
      one.sendRaw(packet.subarray(0, next(5) === 0 ? next(packet.length + 1) : packet.length));
      if (round % 100 === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const three = await client('three');
    await expect(three.allocate()).resolves.toMatchObject({ ip: '127.0.0.1' });
    expect(lines.filter((line) => line.startsWith('a packet'))).toEqual([]);
  });
});
