/**
 * The attack list: who is kept out, and what it costs. That nothing is left afterwards, no socket and no allocation, the stage
 * looks at after every test.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { mintCredential } from '../../turn-host/credential.ts';
import { Directory, roomWords } from '../../turn-host/data-path/directory.ts';
import { ipWords } from '../../turn-host/data-path/ip-words.ts';
import {
  Attr,
  type Attribute,
  type Endpoint,
  encode,
  isSigned,
  TurnClient,
  Type,
  udpTransport,
  udpWire,
  uint32,
} from './client.ts';
import { growthOfRound, heldBytes, ROUNDS } from './held-bytes.ts';
import { PRIVATE, SPECIAL, SPECIAL6, spellingsInIpv6 } from './special-addresses.ts';
import { askForPeer, useRelay } from './stage.ts';

const stage = useRelay();
/** Of the flood, in one round. */
const BURSTS = 50;
const BURST_REQUESTS = 100;
/** Less than an address takes; what the engine of JavaScript keeps for itself varies by a few. */
const MAX_BYTES_PER_REQUEST = 20;
const soon = () => Math.floor(Date.now() / 1000) + 600;

async function as(username: string, password: string): Promise<TurnClient> {
  const client = new TurnClient(await udpWire(stage.relay.port), username, password);
  return client;
}

const clientOf = ({ wire }: TurnClient) => ({ ip: '127.0.0.1', port: wire.localPort });

/** Two of a room and a stranger whom a directory tells apart: of clients in one slot, rare as they are, it knows the last. */
async function membersApart(): Promise<readonly [TurnClient, TurnClient, TurnClient]> {
  const room = roomWords('any');
  const { member } = stage;
  for (;;) {
    const members = [await member('red.one'), await member('red.two'), await member('blue.one')] as const;
    const directory = new Directory([{ ip: '127.0.0.1', externalIp: '127.0.0.1', family: 4 }]);
    const clients = members.map(clientOf);
    for (const client of clients) {
      directory.publish(0, client.port, room, client);
    }
    if (clients.every(({ ip, port }) => directory.isClientOfRoom(ipWords(ip), port, room))) {
      return members;
    }
  }
}

describe('who is let in', () => {
  it.each([
    ['a forged password', async () => ({ username: `${soon()}:red.one`, credential: 'guess' })],
    ['an expired credential', () => mintCredential('new secret', 'red.one', soon() - 601)],
    [
      'a later expiry on an earlier password',
      async () => ({
        username: `${soon() + 9999}:red.one`,
        credential: (await mintCredential('new secret', 'red.one', soon())).credential,
      }),
    ],
    [
      'another room on a good password',
      async () => {
        const minted = await mintCredential('new secret', 'red.one', soon());
        return { ...minted, username: minted.username.replace('red', 'blue') };
      },
    ],
    ...[
      'constructor',
      '__proto__',
      'hasOwnProperty',
      '',
      ':',
      '1',
      'x:red.one',
      '-1:red.one',
      '1e9:red.one',
      '99999999999999:red.one',
      '9999999999:',
      '9999999999:a b',
      '9999999999:a:b',
      `9999999999:${'a'.repeat(65)}`,
    ].map(
      (username) =>
        [
          `the user name ${JSON.stringify(username)}`,
          async () => ({ username, credential: String(Object) }),
        ] as const,
    ),
  ] as const)('not %s', async (_name, mint) => {
    await stage.start({ TURN_PEER_POLICY: 'room' });
    const { username, credential } = await mint();
    const one = await as(username, credential);
    await expect(one.allocate()).rejects.toThrow('401');
    one.close();
    expect(stage.relay.counted('allocationsMade')).toBe(0);
  });

  it('a nonce is of one 5-tuple: neither another port nor another transport may use it', async () => {
    await stage.start();
    const one = await stage.member('red.one');
    await one.challenge();
    const packet = one.signed(Type.allocate, [udpTransport]);
    const thief = await stage.member('red.one');
    expect((await thief.exchange(packet)).errorCode).toBe(438);
    const { streamWire } = await import('./client.ts');
    const overTcp = await stage.member('red.one', await streamWire(stage.relay.port));
    expect((await overTcp.exchange(packet)).errorCode).toBe(438);
    expect((await one.exchange(packet)).errorCode).toBe(0);
    expect(stage.relay.counted('allocationsMade')).toBe(1);
  });

  it('nobody manages the allocation of another, with whatever credential', async () => {
    await stage.start();
    const one = await stage.member('red.one');
    await one.allocate();
    const other = await mintCredential('new secret', 'red.two', soon());
    const { username, password } = one;
    Object.assign(one, { username: other.username, password: other.credential });
    for (const type of [Type.refresh, Type.createPermission, Type.channelBind]) {
      const answer = await one.request(type, [[Attr.lifetime, uint32(0)]]);
      expect([answer.errorCode, isSigned(answer, one.key)]).toEqual([441, true]);
    }
    Object.assign(one, { username, password });
    expect((await one.request(Type.refresh, [])).errorCode).toBe(0);
    const { relay } = stage;
    expect([relay.counted('refused441'), relay.counted('unauthenticated')]).toEqual([3, 1]);
    expect([relay.allocations, relay.counted('allocationsMade')]).toEqual([1, 1]);
  });
});

/** Sends without a permission, and those whose peer is of the other family than the allocation. */
const drops = () => [stage.relay.counted('droppedNoPermission'), stage.relay.counted('droppedMalformed')];

describe('under the policy room', () => {
  const V4 = [
    '127.0.0.1',
    '127.0.0.2',
    '10.0.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '0.0.0.0',
    '8.8.8.8',
    '100.64.0.1',
    '192.0.2.1',
  ];
  const V6 = [...SPECIAL6, '::1', ...V4.flatMap(spellingsInIpv6)];
  const PUBLIC6 = '2606:4700:4700::1111';

  it('every address but a member is 403 for CreatePermission and ChannelBind, and Send reaches nothing', async () => {
    await stage.start({ TURN_PEER_POLICY: 'room', TURN_LISTEN: '127.0.0.1,::1' });
    const service = createSocket('udp4').bind(0, '127.0.0.1');
    await once(service, 'listening');
    let reached = 0;
    service.on('message', () => {
      reached += 1;
    });
    const { port } = service.address();
    const one = await stage.member('red.one');
    const relayed = await one.allocate();
    const stranger = await stage.member('blue.one');
    const atStranger = await stranger.allocate();
    const nobody = await stage.member('nobody');
    const atNobody = await nobody.allocate();
    const closedPorts = [0, stage.relay.port, relayed.port + 1];
    const peers = [
      ...[...V4, ...V6, PUBLIC6].map((ip) => ({ ip, port })),
      ...closedPorts.map((closed) => ({ ip: '127.0.0.1', port: closed })),
      atStranger,
      atNobody,
    ];
    for (const peer of peers) {
      const { permission, channel } = await askForPeer(one, peer);
      const due = peer.ip === PUBLIC6 ? 443 : 403;
      expect([peer, permission.errorCode, channel.errorCode]).toEqual([peer, due, due]);
      one.send(peer, Buffer.from('ssrf'));
      expect(isSigned(permission, one.key)).toBe(true);
    }
    const otherFamily = peers.filter(({ ip }) => ip.includes(':')).length;
    await expect.poll(drops).toEqual([peers.length - otherFamily, otherFamily]);
    expect((await askForPeer(nobody, atStranger)).permission.errorCode).toBe(403);
    expect((await askForPeer(nobody, atNobody)).permission.errorCode).toBe(403);
    // Even with a permission for the relay's own address, of another member's port, nothing else of it is reached.
    const two = await stage.member('red.two');
    expect((await one.permit(await two.allocate())).errorCode).toBe(0);
    for (const peer of [
      { ip: '127.0.0.1', port },
      atStranger,
      atNobody,
      { ip: '127.0.0.1', port: stage.relay.port },
    ]) {
      one.send(peer, Buffer.from('ssrf'));
    }
    service.send('inward', relayed.port, relayed.ip);
    await expect.poll(() => stage.relay.counted('droppedByPolicy')).toBe(5);
    expect([reached, await stranger.nextData(50), await one.nextData(50)]).toEqual([0, null, null]);
    service.close();
  });

  it('a member at the relay’s own address may be asked for by its own port, and is reached at its relayed one alone', async () => {
    await stage.start({ TURN_PEER_POLICY: 'room' });
    const [one, two, stranger] = await membersApart();
    const [, at2] = [await one.allocate(), await two.allocate(), await stranger.allocate()];
    for (const [asking, asked] of [
      [one, stranger],
      [stranger, two],
    ] as const) {
      const { permission, channel } = await askForPeer(asking, clientOf(asked));
      expect([permission.errorCode, channel.errorCode]).toEqual([403, 403]);
    }
    const ofTwo = await askForPeer(one, clientOf(two));
    expect([ofTwo.permission.errorCode, ofTwo.channel.errorCode]).toEqual([0, 403]);
    expect((await two.permit(clientOf(one))).errorCode).toBe(0);
    one.send(clientOf(two), Buffer.from('past the relay'));
    await expect.poll(() => stage.relay.counted('droppedByPolicy')).toBe(1);
    one.send(at2, Buffer.from('through it'));
    expect((await two.nextData())?.data.toString()).toBe('through it');
  });

  it('members of one room reach each other by channel and by Send', async () => {
    await stage.start({ TURN_PEER_POLICY: 'room' });
    const [one, two] = [await stage.member('red.one'), await stage.member('red.two')];
    const [at1, at2] = [await one.allocate(), await two.allocate()];
    expect((await one.permit(at2)).errorCode).toBe(0);
    expect((await two.bindChannel(0x4fff, at1)).errorCode).toBe(0);
    one.send(at2, Buffer.from('sent'));
    expect((await two.nextOnChannel(0x4fff))?.toString()).toBe('sent');
    two.sendOnChannel(0x4fff, Buffer.from('over'));
    expect(await one.nextData()).toEqual({ peer: at2, data: Buffer.from('over') });
    expect(stage.relay.counted('packetsHopped')).toBe(2);
  });
});

const FAMILIES = [
  { family: 4, host: '127.0.0.1' },
  { family: 6, host: '::1' },
] as const;
const OPEN_POLICIES = ['public', 'lan'] as const;

describe.each(OPEN_POLICIES.flatMap((policy) => FAMILIES.map((of) => ({ policy, ...of }))))(
  'under the policy $policy, from an allocation of IPv$family',
  ({ policy, family, host }) => {
    const wanted: Attribute[] = [[Attr.addressFamily, Buffer.from([family === 4 ? 1 : 2, 0, 0, 0])]];
    const isOfFamily = (ip: string) => ip.includes(':') === (family === 6);
    let service: Socket | null = null;
    afterEach(() => service?.close());

    /** Starts the relay, and beside it a service of this host: where it is, and what came to it. */
    async function startBesideService(ip: string): Promise<{ at: Endpoint; got: string[] }> {
      await stage.start({ TURN_PEER_POLICY: policy, TURN_LISTEN: '127.0.0.1,::1' });
      const got: string[] = [];
      service = createSocket(ip === '::1' ? 'udp6' : 'udp4', (data) => got.push(data.toString())).bind(0, ip);
      await once(service, 'listening');
      return { at: { ip, port: service.address().port }, got };
    }

    it('no special address is reached in any spelling, by CreatePermission, ChannelBind or Send', async () => {
      const { at, got } = await startBesideService('127.0.0.1');
      const { port } = at;
      const one = await stage.member('red.one');
      await one.allocate(wanted);
      const special = [
        ...[...SPECIAL, ...SPECIAL6],
        ...['127.0.0.1', '8.8.8.8', '10.0.0.1', '169.254.169.254'].flatMap(spellingsInIpv6),
      ];
      const closed = policy === 'public' ? [...special, ...PRIVATE] : special;
      for (const ip of closed) {
        const { permission, channel } = await askForPeer(one, { ip, port });
        // What is private is of the other family before it is forbidden.
        const due = isOfFamily(ip) || special.includes(ip) ? 403 : 443;
        expect([ip, permission.errorCode, channel.errorCode]).toEqual([ip, due, due]);
        one.send({ ip, port }, Buffer.from('ssrf'));
      }
      const own = closed.filter(isOfFamily).length;
      await expect.poll(drops).toEqual([own, closed.length - own]);
      expect(stage.relay.counted('packetsFromClients')).toBe(0);
      expect(got).toEqual([]);
    });

    it('of the host itself a member is reached, and no service', async () => {
      const { at, got } = await startBesideService(host);
      const [one, two] = [await stage.member('red.one'), await stage.member('blue.two')];
      const [at1, at2] = [await one.allocate(wanted), await two.allocate(wanted)];
      // A permission is for an address: what may be reached of it is seen for each packet.
      const asked = await askForPeer(one, at);
      expect([asked.permission.errorCode, asked.channel.errorCode]).toEqual([0, 403]);
      one.send(at, Buffer.from('ssrf'));
      await expect.poll(() => stage.relay.counted('droppedByPolicy')).toBe(1);
      expect((await two.permit(at1)).errorCode).toBe(0);
      one.send(at2, Buffer.from('member'));
      expect((await two.nextData())?.data.toString()).toBe('member');
      expect(stage.relay.counted('packetsFromClients')).toBe(1);
      // The service is there: what comes to it is seen.
      const direct = createSocket(family === 4 ? 'udp4' : 'udp6');
      direct.send('direct', at.port, at.ip);
      await expect.poll(() => got).toEqual(['direct']);
      direct.close();
    });
  },
);

describe('exhaustion', () => {
  it('a room has its quota, whoever of it asks; other rooms have theirs', async () => {
    await stage.start({ TURN_MAX_PER_ROOM: '3', TURN_MAX_PER_USER: '2' });
    const code = (name: string) =>
      stage.member(name).then((one) =>
        one.allocate().then(
          () => 0,
          (error: Error) => Number(error.message.slice(-3)),
        ),
      );
    const codes: number[] = [];
    for (const name of ['red.a', 'red.a', 'red.a', 'red.b', 'red.c', 'blue.a']) {
      codes.push(await code(name));
    }
    expect(codes).toEqual([0, 0, 486, 0, 486, 0]);
  });

  it('a source has its rate of new allocations', async () => {
    await stage.start({ TURN_MAX_NEW_PER_SECOND: '1' });
    const group = await Promise.all(Array.from({ length: 12 }, (_, index) => stage.member(`red.${index}`)));
    const settled = await Promise.allSettled(group.map((one) => one.allocate()));
    const made = settled.filter(({ status }) => status === 'fulfilled').length;
    expect(made).toBeGreaterThanOrEqual(5);
    expect(made).toBeLessThan(12);
    expect(stage.relay.counted('refused486')).toBe(12 - made);
    expect(stage.relay.allocations).toBe(made);
  });
});

it('ports in reserve count towards the quota of whoever reserved them, until they are taken or given up', async () => {
  await stage.start({ TURN_MAX_PER_USER: '3' });
  const pair: [number, Buffer] = [Attr.evenPort, Buffer.from([0x80])];
  const tokens: Buffer[] = [];
  const one = await stage.member('red.one');
  for (const expected of [0, 0, 486]) {
    await one.challenge();
    const answer = await one.request(Type.allocate, [udpTransport, pair]);
    expect(answer.errorCode).toBe(expected);
    tokens.push(answer.attributes.get(Attr.reservationToken) ?? Buffer.alloc(8));
    await one.request(Type.refresh, [[Attr.lifetime, uint32(0)]]);
  }
  expect(stage.relay.allocations).toBe(0);
  await one.allocate();
  for (const token of tokens.slice(0, 2)) {
    await (await stage.member('red.one')).allocate([[Attr.reservationToken, token]]);
  }
  await expect((await stage.member('red.one')).allocate()).rejects.toThrow('486');
  expect(stage.relay.allocations).toBe(3);
});

describe('whoever is not authenticated', () => {
  const requests: [string, Buffer, number][] = [
    ['Binding', encode(Type.binding, randomBytes(12), []), 1.6],
    ['Allocate', encode(Type.allocate, randomBytes(12), [udpTransport]), 2.3],
    ['Refresh', encode(Type.refresh, randomBytes(12), []), 2.3],
    ['CreatePermission', encode(Type.createPermission, randomBytes(12), []), 2.3],
    ['ChannelBind', encode(Type.channelBind, randomBytes(12), []), 2.3],
    ['a method that is none', encode(0x0005, randomBytes(12), []), 2.3],
    [
      'Binding with unknown attributes',
      encode(Type.binding, randomBytes(12), [
        [1, Buffer.alloc(0)],
        [2, Buffer.alloc(0)],
        [0x7f00, Buffer.alloc(0)],
      ]),
      2.3,
    ],
  ];

  it.each(requests)(
    'gets for %s an answer not much larger than what was asked',
    async (_name, request, most) => {
      for (const realm of ['parley', 'twelve-chars']) {
        const host = await stage.start({ TURN_REALM: realm });
        const one = await stage.member('red.one');
        const answer = await one.exchange(request);
        expect(answer.raw.length / request.length).toBeLessThanOrEqual(most);
        expect([host.allocations, host.counted('allocationsMade')]).toEqual([0, 0]);
        await host.close();
      }
    },
  );

  it('gets no answer at all where it could not be small', async () => {
    await stage.start();
    const one = await stage.member('red.one');
    one.sendRaw(encode(Type.allocate, randomBytes(12), []));
    await expect.poll(() => stage.relay.counted('droppedUnauthenticated')).toBe(1);
    expect(await one.receive(() => true, 150)).toBeNull();
    expect(stage.relay.counted('allocationsMade')).toBe(0);
  });

  it('is not read once there would be no answer, while a member at the same address is served', async () => {
    await stage.start({ TURN_MAX_UNAUTHENTICATED_PER_SECOND: '1' });
    const one = await stage.member('red.one');
    await one.allocate();
    const flood = await stage.member('red.flood');
    const { relay } = stage;
    for (let index = 0; index < 300; index += 1) {
      flood.sendRaw(encode(Type.allocate, randomBytes(12), [udpTransport]));
    }
    await expect.poll(() => relay.counted('droppedUnauthenticated')).toBeGreaterThan(280);
    expect(relay.counted('requests')).toBeLessThan(20);
    expect((await one.request(Type.refresh, [])).errorCode).toBe(0);
    expect(relay.counted('allocationsMade')).toBe(1);
  });

  it('gets only so many answers, and costs no memory, while a member is served', async () => {
    // The lines of the log are kept nowhere, or they would be what grows.
    await stage.start({ TURN_MAX_UNAUTHENTICATED_PER_SECOND: '10' }, { log: () => undefined });
    const { relay } = stage;
    const one = await stage.member('red.one');
    const relayed = await one.allocate();
    const flood = await stage.member('red.flood');
    const held: number[] = [];
    let answers = 0;
    const beganMs = performance.now();
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let burst = 0; burst < BURSTS; burst += 1) {
        for (let index = 0; index < BURST_REQUESTS; index += 1) {
          flood.sendRaw(encode(Type.allocate, randomBytes(12), [udpTransport]));
        }
        // Behind the burst, so that all of it was looked at.
        expect((await one.request(Type.refresh, [])).errorCode).toBe(0);
        answers += flood.forget();
      }
      held.push(heldBytes());
    }
    const seconds = (performance.now() - beganMs) / 1000;
    const asked = ROUNDS * BURSTS * BURST_REQUESTS;
    // Four seconds' worth at once, and what the time gave since.
    expect(answers).toBeLessThanOrEqual(40 + 10 * seconds);
    expect(relay.counted('droppedUnauthenticated')).toBeGreaterThan(asked / 2);
    expect(relay.counted('allocationsMade')).toBe(1);
    expect(growthOfRound(held) / (BURSTS * BURST_REQUESTS)).toBeLessThan(MAX_BYTES_PER_REQUEST);
    expect((await one.permit(relayed)).errorCode).toBe(0);
  });
});
