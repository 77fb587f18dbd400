/** Addresses that no policy of the relay opens or only `lan` does, and how IPv6 spells those of IPv4. */

/** First and last address of each range of IPv4 that no policy opens. */
export const SPECIAL = [
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

/** First and last address of each range of IPv4 that `lan` opens. */
export const PRIVATE = [
  ['10.0.0.0', '10.255.255.255'],
  ['172.16.0.0', '172.31.255.255'],
  ['192.168.0.0', '192.168.255.255'],
  ['100.64.0.0', '100.127.255.255'],
].flat();

/** One of each kind of IPv6 address that no policy opens, loopback aside. */
export const SPECIAL6 = [
  ...['::', '100::1', '5f00::1', 'fc00::1', 'fd00::1', 'fd12:3456::1', 'fd00:ec2::254', 'fe80::1'],
  ...['febf::1', 'fec0::1', 'ff02::1', 'ff0e::1', '2001::1', '2001:10::1', '2001:20::1', '2001:db8::1'],
  '3fff::1',
];

/** Every way in which an IPv6 address stands for this one of IPv4: embedded, translated or tunnelled. */
export function spellingsInIpv6(ip: string): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = ip.split('.').map(Number);
  const groups = (mask: number) =>
    [(a << 8) | b, (c << 8) | d].map((group) => (group ^ mask).toString(16)).join(':');
  const hex = groups(0);
  return [
    ...[`::${ip}`, `::ffff:${ip}`, `::ffff:${hex}`, `0:0:0:0:0:ffff:${hex}`, `::ffff:0:${ip}`],
    ...[`64:ff9b::${ip}`, `64:ff9b::${hex}`, `64:ff9b:1::${hex}`, `2002:${hex}::1`],
    // Teredo (RFC 4380 s4): as its server, and as its client, whose bits are turned over.
    ...[`2001:0:${hex}::`, `2001::8000:ffff:${groups(0xffff)}`],
  ];
}
