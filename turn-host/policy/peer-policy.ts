/**
 * Owns which peer addresses may be reached through the relay. Must not know STUN, allocations or users; what
 * is a live relayed address is told to it.
 */
import { BlockList, isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';

/** How long a reading of this host's interfaces is believed, in milliseconds. */
const INTERFACES_TTL_MS = 5000;

/** Which peers a relay is for: those of the public internet, or those of private networks as well. */
export const PEER_POLICIES = ['public', 'lan'] as const;
export type PeerPolicyName = (typeof PEER_POLICIES)[number];

/** Refused whatever the policy; the registry is that of RFC 6890. */
const SPECIAL = new BlockList();
SPECIAL.addSubnet('0.0.0.0', 8); // "this network", RFC 791 s3.2
SPECIAL.addSubnet('127.0.0.0', 8); // loopback, RFC 1122 s3.2.1.3
SPECIAL.addSubnet('169.254.0.0', 16); // link-local and cloud metadata, RFC 3927
SPECIAL.addAddress('168.63.129.16'); // Azure's platform services, behind a public address
SPECIAL.addAddress('100.100.100.200'); // Alibaba Cloud's metadata, within the shared range
SPECIAL.addSubnet('192.0.0.0', 24); // IETF protocol assignments, RFC 6890 s2.1
SPECIAL.addSubnet('192.0.2.0', 24); // documentation, RFC 5737
SPECIAL.addSubnet('198.51.100.0', 24); // documentation, RFC 5737
SPECIAL.addSubnet('203.0.113.0', 24); // documentation, RFC 5737
SPECIAL.addSubnet('192.88.99.0', 24); // 6to4 relays, RFC 7526
SPECIAL.addSubnet('198.18.0.0', 15); // benchmarks between networks, RFC 2544
SPECIAL.addSubnet('224.0.0.0', 4); // multicast, RFC 5771
SPECIAL.addSubnet('240.0.0.0', 4); // reserved and limited broadcast, RFC 1112 s4

/** Refused unless the policy is `lan`. */
const PRIVATE = new BlockList();
PRIVATE.addSubnet('10.0.0.0', 8); // RFC 1918
PRIVATE.addSubnet('172.16.0.0', 12); // RFC 1918
PRIVATE.addSubnet('192.168.0.0', 16); // RFC 1918
PRIVATE.addSubnet('100.64.0.0', 10); // shared between a provider and its customers, RFC 6598

const DISGUISED = new BlockList();
DISGUISED.addSubnet('::', 96, 'ipv6'); // unspecified, loopback, IPv4-compatible, RFC 4291 s2.5
DISGUISED.addSubnet('::ffff:0:0', 96, 'ipv6'); // IPv4-mapped, RFC 4291 s2.5.5.2
DISGUISED.addSubnet('64:ff9b::', 96, 'ipv6'); // NAT64, RFC 6052
DISGUISED.addSubnet('64:ff9b:1::', 48, 'ipv6'); // local NAT64, RFC 8215
DISGUISED.addSubnet('2001::', 32, 'ipv6'); // Teredo, RFC 4380
DISGUISED.addSubnet('2002::', 16, 'ipv6'); // 6to4, RFC 3056
DISGUISED.addSubnet('fc00::', 7, 'ipv6'); // unique local, RFC 4193
DISGUISED.addSubnet('fe80::', 10, 'ipv6'); // link-local, RFC 4291 s2.5.6
DISGUISED.addSubnet('ff00::', 8, 'ipv6'); // multicast, RFC 4291 s2.7

export interface PeerPolicy {
  /** Whether a permission for this IPv4 address may exist at all. */
  mayPermit(ip: string): boolean;
  /** Whether a packet may go to, or come from, this address and port. */
  mayReach(ip: string, port: number): boolean;
  /** Whether this IPv6 address is special or stands for an IPv4 one, and so is refused whatever the family asked for. */
  isDisguised(ip: string): boolean;
}

export interface PeerPolicyOptions {
  readonly name: PeerPolicyName;
  /** Whether that is a relayed address of this relay, in use. */
  isLiveRelay(ip: string, port: number): boolean;
  /** Whether any port of the address may be one. */
  hasLiveRelay(ip: string): boolean;
}

/**
 * Live relayed addresses are let through under every policy and from every range. On one machine they are the host's
 * own addresses, of which they alone are let through.
 */
export function createPeerPolicy({ name, isLiveRelay, hasLiveRelay }: PeerPolicyOptions): PeerPolicy {
  let own = new Set<string>();
  let readAtMs = Number.NEGATIVE_INFINITY;
  const isOwn = (ip: string): boolean => {
    const nowMs = performance.now();
    if (nowMs - readAtMs > INTERFACES_TTL_MS) {
      readAtMs = nowMs;
      const found = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
      own = new Set(found.map((entry) => entry.address));
    }
    return own.has(ip);
  };
  const isClosed = (ip: string): boolean =>
    !isIPv4(ip) || SPECIAL.check(ip) || (name !== 'lan' && PRIVATE.check(ip)) || isOwn(ip);
  return {
    mayPermit: (ip) => !isClosed(ip) || hasLiveRelay(ip),
    mayReach: (ip, port) => port > 0 && (!isClosed(ip) || isLiveRelay(ip, port)),
    isDisguised: (ip) => DISGUISED.check(ip, 'ipv6'),
  };
}
