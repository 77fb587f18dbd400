import { describe, expect, it } from 'vitest';
import { Directory, roomWords } from '../../turn-host/data-path/directory.ts';
import {
  createPeerPolicy,
  PEER_POLICIES,
  type PeerPolicy,
  type PeerPolicyName,
} from '../../turn-host/policy/peer-policy.ts';
import { PRIVATE, SPECIAL, SPECIAL6, spellingsInIpv6 } from './special-addresses.ts';

const RELAY = { ip: '192.0.2.77', port: 50_000 };
const EXTERNAL_IP = '198.51.100.7';
const RELAY6 = { ip: '2001:db8::77', port: 50_006 };
/** Clients that share the relay's addresses. */
const MEMBER = { ip: EXTERNAL_IP, port: 40_000 };
const MEMBER6 = { ip: RELAY6.ip, port: 40_006 };
const NOBODY = { ip: RELAY.ip, port: 40_002 };
const RED = roomWords('red');
const BLUE = roomWords('blue');

function policyNamed(name: PeerPolicyName, allowLoopback = false, externalIp = EXTERNAL_IP): PeerPolicy {
  const directory = new Directory([
    { ip: RELAY.ip, externalIp, family: 4 },
    { ip: RELAY6.ip, externalIp: RELAY6.ip, family: 6 },
  ]);
  for (const [relay, port, room, client] of [
    [0, RELAY.port, RED, MEMBER],
    [0, RELAY.port + 2, null, NOBODY],
    [1, RELAY6.port, RED, MEMBER6],
  ] as const) {
    directory.claim(relay, port);
    directory.publish(relay, port, room, client);
  }
  directory.claim(0, RELAY.port + 1);
  return createPeerPolicy({ name, directory, listenAddresses: ['8.8.4.4', '2a00::53'], allowLoopback });
}

const ask = (ip: string, port = 5000, room: Int32Array | null = RED, isPermitted = false) => ({
  ip,
  port,
  room,
  isPermitted,
});

/** Just outside of the ranges of IPv4 that are special or private. */
const PUBLIC = [
  ['1.0.0.0', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0'],
  ['168.63.129.15', '168.63.129.17', '169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0'],
  ['192.0.1.0', '192.0.3.0', '192.88.98.255', '192.88.100.0', '192.167.255.255', '192.169.0.0'],
  ['198.17.255.255', '198.20.0.0', '198.51.99.255', '198.51.101.0', '203.0.112.255', '203.0.114.0'],
  ['223.255.255.255'],
].flat();

/** Every way in which an IPv6 address is special or stands for an IPv4 one, which here would be public or a live member's. */
const DISGUISED = [
  ...['::1', '0:0:0:0:0:0:0:1', ...SPECIAL6],
  ...spellingsInIpv6('8.8.8.8'),
  ...spellingsInIpv6(RELAY.ip),
];

/** IPv6 as public as can be, and just outside of the ranges that are special. */
const PUBLIC6 = ['2606:4700:4700::1111', '2001:200::1', '2001:db7::1', '2001:db9::1', '2003::1', '3ffe::1'];

describe.each(PEER_POLICIES)('the peer policy %s', (name) => {
  const policy = policyNamed(name);
  const both = (ip: string, port = 5000) => [
    ip,
    policy.mayPermit(ask(ip, port)),
    policy.mayBind(ask(ip, port)),
  ];

  it('refuses special ranges', () => {
    for (const ip of SPECIAL) {
      expect([...both(ip), policy.isSpecial(ip)]).toEqual([ip, false, false, true]);
    }
  });

  it('refuses every IPv6 spelling of an IPv4 address, and what is not global unicast', () => {
    for (const ip of DISGUISED) {
      expect([...both(ip, RELAY.port), policy.isSpecial(ip)]).toEqual([ip, false, false, true]);
    }
  });

  it(`${name === 'lan' ? 'allows' : 'refuses'} private ranges`, () => {
    const open = name === 'lan';
    for (const ip of PRIVATE) {
      expect(both(ip)).toEqual([ip, open, open]);
    }
  });

  it(`${name === 'room' ? 'refuses' : 'allows'} public unicast, and refuses port 0`, () => {
    const open = name !== 'room';
    for (const ip of [...PUBLIC, ...PUBLIC6]) {
      expect([...both(ip), policy.isSpecial(ip)]).toEqual([ip, open, open, false]);
      expect(policy.mayBind(ask(ip, 0))).toBe(false);
    }
  });

  it('refuses what the relay listens on', () => {
    for (const ip of ['8.8.4.4', '2a00::53', '2a00:0:0:0:0:0:0:53']) {
      expect(both(ip)).toEqual([ip, false, false]);
    }
  });

  it('allows a live relayed address, bound or external, and no other port of it', () => {
    for (const ip of [RELAY.ip, EXTERNAL_IP]) {
      expect([policy.mayPermit(ask(ip, RELAY.port)), policy.mayBind(ask(ip, RELAY.port))]).toEqual([
        true,
        true,
      ]);
      for (const port of [0, RELAY.port + 1, RELAY.port + 3]) {
        expect(policy.mayBind(ask(ip, port))).toBe(false);
      }
    }
    expect(policy.mayBind(ask('2001:db8:0:0::77', RELAY6.port))).toBe(true);
    expect(policy.mayBind(ask(RELAY6.ip, RELAY.port))).toBe(false);
  });

  it('allows no other port of a public address that the relay has outside', () => {
    const behindNat = policyNamed(name, false, '8.8.8.8');
    const ports = [RELAY.port, 22, RELAY.port + 1];
    expect(ports.map((port) => behindNat.mayBind(ask('8.8.8.8', port)))).toEqual([true, false, false]);
  });

  it('refuses what is no address', () => {
    for (const text of ['', 'localhost', '8.8.8', '010.0.0.1', '8.8.8.8 ', '1::2::3']) {
      expect([...both(text), policy.isSpecial(text)]).toEqual([text, false, false, true]);
    }
  });
});

describe('the peer policy room', () => {
  const policy = policyNamed('room');

  it.each([
    ['a stranger', ask(RELAY.ip, RELAY.port, BLUE)],
    ['a user of no room', ask(RELAY.ip, RELAY.port, null)],
    ['a member asking for an allocation of no room', ask(RELAY.ip, RELAY.port + 2, RED)],
    ['a user of no room asking for another', ask(RELAY.ip, RELAY.port + 2, null)],
  ])('refuses %s', (_name, request) => {
    expect([policy.mayPermit(request), policy.mayBind(request)]).toEqual([false, false]);
    expect(policy.mayPermit({ ...request, isPermitted: true })).toBe(false);
  });

  it('renews a permission that is held though its port is gone, and gives no new one', () => {
    const gone = ask(RELAY.ip, RELAY.port + 5);
    expect(policy.mayPermit(gone)).toBe(false);
    expect(policy.mayPermit({ ...gone, isPermitted: true })).toBe(true);
    expect(policy.mayBind({ ...gone, isPermitted: true })).toBe(false);
  });
});

describe('the peer policy room, of a client that shares an address with the relay', () => {
  const policy = policyNamed('room');

  it('permits the address to the client’s own room, and binds no channel', () => {
    for (const { ip, port } of [MEMBER, MEMBER6]) {
      expect([policy.mayPermit(ask(ip, port)), policy.mayBind(ask(ip, port))]).toEqual([true, false]);
    }
  });

  it.each([
    ['a stranger', ask(MEMBER.ip, MEMBER.port, BLUE)],
    ['a user of no room', ask(MEMBER.ip, MEMBER.port, null)],
    ['another port', ask(MEMBER.ip, MEMBER.port + 1)],
    ['another address', ask('8.8.8.8', MEMBER.port)],
    ['another spelling', ask(`::ffff:${MEMBER.ip}`, MEMBER.port)],
    ['a client of no room', ask(NOBODY.ip, NOBODY.port)],
    ['a user of no room asking for another', ask(NOBODY.ip, NOBODY.port, null)],
  ])('refuses %s', (_name, request) => {
    expect([policy.mayPermit(request), policy.mayBind(request)]).toEqual([false, false]);
  });

  it('forgets it with the allocation, and finds each of many', () => {
    const directory = new Directory([{ ip: RELAY.ip, externalIp: RELAY.ip, family: 4 }]);
    const many = createPeerPolicy({ name: 'room', directory, listenAddresses: [], allowLoopback: false });
    const permitted = () =>
      Array.from({ length: 500 }, (_, one) => many.mayPermit(ask(RELAY.ip, 1_024 + one))).filter(Boolean);
    for (let one = 0; one < 500; one += 1) {
      directory.claim(0, 50_000 + one);
      directory.publish(0, 50_000 + one, RED, { ip: RELAY.ip, port: 1_024 + one });
    }
    expect(permitted().length).toBeGreaterThan(480);
    for (let one = 0; one < 500; one += 1) {
      directory.release(0, 50_000 + one);
    }
    expect(permitted()).toEqual([]);
  });
});

describe.each(['public', 'lan'] as const)('the peer policy %s with loopback allowed', (name) => {
  const policy = policyNamed(name, true);

  it('takes loopback addresses for peers, and no encoding of them', () => {
    for (const ip of ['127.0.0.1', '127.9.9.9', '::1']) {
      expect([ip, policy.mayPermit(ask(ip)), policy.mayBind(ask(ip))]).toEqual([ip, true, true]);
    }
    for (const ip of ['::ffff:127.0.0.1', '::127.0.0.1', '64:ff9b::7f00:1', '169.254.169.254']) {
      expect([ip, policy.mayPermit(ask(ip)), policy.mayBind(ask(ip))]).toEqual([ip, false, false]);
    }
  });
});
