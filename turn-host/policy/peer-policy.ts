/**
 * Owns which peer addresses may be reached through the relay, in every encoding they may come in. Must not know STUN,
 * allocations or users; relayed addresses in use it looks up in the directory.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Directory, RoomWords } from '../data-path/directory.ts';
import { familyOf, readIp } from '../data-path/ip-words.ts';

/** How long a reading of this host's interfaces is believed, in milliseconds. */
const INTERFACES_TTL_MS = 5000;

/**
 * Which peers a relay is for: relayed addresses of the own room's members and nothing else; those of the public internet
 * as well; those of private networks besides.
 */
export const PEER_POLICIES = ['room', 'public', 'lan'] as const;
export type PeerPolicyName = (typeof PEER_POLICIES)[number];

/** Refused whatever the policy; the registry is that of RFC 6890. */
const SPECIAL = new BlockList();
SPECIAL.addSubnet('0.0.0.0', 8); // "this network", RFC 791 s3.2
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

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8); // RFC 1122 s3.2.1.3
const LOOPBACK_IPV6 = '::1'; // RFC 4291 s2.5.3

/** Refused unless the policy is `lan`. */
const PRIVATE = new BlockList();
PRIVATE.addSubnet('10.0.0.0', 8); // RFC 1918
PRIVATE.addSubnet('172.16.0.0', 12); // RFC 1918
PRIVATE.addSubnet('192.168.0.0', 16); // RFC 1918
PRIVATE.addSubnet('100.64.0.0', 10); // shared between a provider and its customers, RFC 6598

/**
 * Of IPv6 only global unicast is ever reached (RFC 4291 s2.4). Outside of it lie IPv4-mapped and -compatible addresses,
 * NAT64 (RFC 6052, RFC 8215), unique local (RFC 4193), link-local, site-local and multicast ones.
 */
const GLOBAL_UNICAST = new BlockList();
GLOBAL_UNICAST.addSubnet('2000::', 3, 'ipv6');
const SPECIAL_WITHIN_GLOBAL = new BlockList();
SPECIAL_WITHIN_GLOBAL.addSubnet('2001::', 23, 'ipv6'); // IETF assignments: Teredo (RFC 4380), ORCHID and others, RFC 2928
SPECIAL_WITHIN_GLOBAL.addSubnet('2001:db8::', 32, 'ipv6'); // documentation, RFC 3849
SPECIAL_WITHIN_GLOBAL.addSubnet('2002::', 16, 'ipv6'); // 6to4, RFC 3056
SPECIAL_WITHIN_GLOBAL.addSubnet('3fff::', 20, 'ipv6'); // documentation, RFC 9637
SPECIAL_WITHIN_GLOBAL.addAddress('fd00:ec2::254', 'ipv6'); // Amazon's metadata, unique local besides

/** A peer that is asked about, and who asks. */
export interface PeerRequest {
  /** Textual, as read from XOR-PEER-ADDRESS: an IPv6 address may be any encoding of an IPv4 one. */
  readonly ip: string;
  readonly port: number;
  readonly room: RoomWords | null;
  /** Whether the asking allocation holds a permission for the address already. */
  readonly isPermitted: boolean;
}

export interface PeerPolicy {
  /** Whether a permission for the address may be given (RFC 8656 s10.2). Ports of this host are looked at per packet. */
  mayPermit(peer: PeerRequest): boolean;
  /** Whether a channel may be bound to the address and port (s12.2). */
  mayBind(peer: PeerRequest): boolean;
  /** Whether no policy reaches the address, relayed addresses aside: whatever its family, it is Forbidden. */
  isSpecial(ip: string): boolean;
}

export interface PeerPolicyOptions {
  readonly name: PeerPolicyName;
  readonly directory: Directory;
  /** Listened on, besides what the interfaces have. */
  readonly listenAddresses: readonly string[];
  /** Loopback addresses are peers like others: for tests on one machine. */
  readonly allowLoopback: boolean;
}

/**
 * Live relayed addresses are let through under every policy and from every range, under `room` those of one's own room. On
 * one machine they are the host's own addresses, of which they alone are let through.
 */
export function createPeerPolicy(options: PeerPolicyOptions): PeerPolicy {
  const { name, directory, listenAddresses, allowLoopback } = options;
  let own = new Set<string>();
  let readAtMs = Number.NEGATIVE_INFINITY;
  const isOwn = (ip: string): boolean => {
    const nowMs = performance.now();
    if (nowMs - readAtMs > INTERFACES_TTL_MS) {
      readAtMs = nowMs;
      const found = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
      own = new Set([...found.map((entry) => entry.address), ...listenAddresses].map(canonical));
    }
    return own.has(canonical(ip));
  };
  // BlockList finds an IPv4-mapped address in a range of IPv4, so IPv6 is compared as it is written.
  const isLoopback = (ip: string) => (isIPv4(ip) ? LOOPBACK.check(ip) : canonical(ip) === LOOPBACK_IPV6);
  const isSpecial = (ip: string): boolean => {
    if (isIPv4(ip)) {
      return SPECIAL.check(ip) || (isLoopback(ip) && !allowLoopback);
    }
    if (!isIPv6(ip) || (isLoopback(ip) && allowLoopback)) {
      return !isIPv6(ip);
    }
    return !GLOBAL_UNICAST.check(ip, 'ipv6') || SPECIAL_WITHIN_GLOBAL.check(ip, 'ipv6');
  };
  const isOpenLoopback = (ip: string): boolean => allowLoopback && isLoopback(ip);
  const isClosed = (ip: string): boolean =>
    isSpecial(ip) ||
    (name !== 'lan' && isIPv4(ip) && PRIVATE.check(ip)) ||
    (isOwn(ip) && !isOpenLoopback(ip));
  const words = new Int32Array(4);
  const relayOf = (ip: string): number =>
    // An IPv6 spelling of an IPv4 address is not that address: it is special.
    readIp(ip, words) && (isIPv4(ip) || familyOf(words) === 6) ? directory.relayIndexOf(words) : -1;
  const mayReach = ({ ip, port, room }: PeerRequest): boolean => {
    if (port === 0) {
      return false;
    }
    const relay = relayOf(ip);
    if (name === 'room') {
      return relay >= 0 && directory.isLiveInRoom(relay, port, room);
    }
    // Of an own address only live relayed ports are peers, also where it has another name outside (one-to-one NAT).
    return (
      (relay >= 0 && directory.isLive(relay, port)) || !(isClosed(ip) || (relay >= 0 && !isOpenLoopback(ip)))
    );
  };
  return {
    mayPermit: (peer) => {
      const relay = relayOf(peer.ip);
      if (name !== 'room') {
        return relay >= 0 || !isClosed(peer.ip);
      }
      if (relay < 0 || mayReach(peer)) {
        return relay >= 0;
      }
      // A permission is for an address, whatever the port (s9). One held is renewed also when that port is no more. And where
      // the relay shares its address with a member, be it by one NAT, Firefox asks with that member's own port, once.
      return (
        !directory.isLive(relay, peer.port) &&
        (peer.isPermitted ||
          (readIp(peer.ip, words) && directory.isClientOfRoom(words, peer.port, peer.room)))
      );
    },
    mayBind: mayReach,
    isSpecial,
  };
}

/** One spelling for each address; IPv4-mapped stays IPv6. */
function canonical(ip: string): string {
  return isIPv6(ip) ? new URL(`http://[${ip.replace(/%.*$/, '')}]`).hostname.slice(1, -1) : ip;
}
