import { describe, expect, it } from 'vitest';
import { createPeerPolicy, PEER_POLICIES, type PeerPolicyName } from '../../turn-host/policy/peer-policy.ts';

const RELAY = { ip: '192.0.2.77', port: 50_000 };

const policyNamed = (name: PeerPolicyName) =>
  createPeerPolicy({
    name,
    isLiveRelay: (ip, port) => ip === RELAY.ip && port === RELAY.port,
    hasLiveRelay: (ip) => ip === RELAY.ip,
  });

/** First and last address of each range that no policy opens. */
const SPECIAL = [
  ['0.0.0.0', '0.255.255.255'],
  ['127.0.0.0', '127.255.255.255'],
  ['169.254.0.0', '169.254.255.255'],
  ['224.0.0.0', '239.255.255.255'],
  ['240.0.0.0', '255.255.255.255'],
  ['168.63.129.16', '168.63.129.16'],
  ['100.100.100.200', '100.100.100.200'],
  ['192.0.0.0', '192.0.0.255'],
  ['192.0.2.0', '192.0.2.255'],
  ['198.18.0.0', '198.19.255.255'],
  ['198.51.100.0', '198.51.100.255'],
  ['203.0.113.0', '203.0.113.255'],
  ['192.88.99.0', '192.88.99.255'],
].flat();

/** First and last address of each range that `lan` opens. */
const PRIVATE = [
  ['10.0.0.0', '10.255.255.255'],
  ['172.16.0.0', '172.31.255.255'],
  ['192.168.0.0', '192.168.255.255'],
  ['100.64.0.0', '100.127.255.255'],
].flat();

/** Just outside of the ranges above. */
const PUBLIC = [
  ['1.0.0.0', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0'],
  ['168.63.129.15', '168.63.129.17', '169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0'],
  ['192.0.1.0', '192.0.3.0', '192.88.98.255', '192.88.100.0', '192.167.255.255', '192.169.0.0'],
  ['198.17.255.255', '198.20.0.0', '198.51.99.255', '198.51.101.0', '203.0.112.255', '203.0.114.0'],
  ['223.255.255.255'],
].flat();

describe.each(PEER_POLICIES)('the peer policy %s', (name) => {
  const policy = policyNamed(name);

  it('refuses special ranges', () => {
    for (const ip of SPECIAL) {
      expect([ip, policy.mayPermit(ip), policy.mayReach(ip, 5000)]).toEqual([ip, false, false]);
    }
  });

  it(`${name === 'lan' ? 'allows' : 'refuses'} private ranges`, () => {
    const open = name === 'lan';
    for (const ip of PRIVATE) {
      expect([ip, policy.mayPermit(ip), policy.mayReach(ip, 5000)]).toEqual([ip, open, open]);
    }
  });

  it('allows public unicast, but no port 0', () => {
    for (const ip of PUBLIC) {
      expect([ip, policy.mayPermit(ip), policy.mayReach(ip, 5000)]).toEqual([ip, true, true]);
      expect(policy.mayReach(ip, 0)).toBe(false);
    }
  });

  it('allows a live relayed address in a special range, and no other port of it', () => {
    expect(policy.mayPermit(RELAY.ip)).toBe(true);
    expect(policy.mayReach(RELAY.ip, RELAY.port)).toBe(true);
    expect(policy.mayReach(RELAY.ip, RELAY.port + 1)).toBe(false);
  });

  it('refuses what is no IPv4 address', () => {
    for (const text of ['', 'localhost', '::1', '::ffff:8.8.8.8', '8.8.8', '010.0.0.1']) {
      expect([text, policy.mayPermit(text), policy.mayReach(text, 5000)]).toEqual([text, false, false]);
    }
  });
});
