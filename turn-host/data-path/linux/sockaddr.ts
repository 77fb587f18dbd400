/**
 * Owns the octets of socket addresses as the kernel reads and writes them: `struct sockaddr_in` and `sockaddr_in6`. Must
 * not know sockets or packets.
 *
 * Offsets, alike on x86-64 and arm64 (both little-endian), from ip(7) and ipv6(7):
 *
 *   sockaddr_in   0 family u16   2 port u16 be   4 address 4 octets                      16 in all
 *   sockaddr_in6  0 family u16   2 port u16 be   4 flowinfo   8 address 16   24 scope u32  28 in all
 */
import { networkInterfaces } from 'node:os';
import type { IpFamily, IpWords } from '../ip-words.ts';
import { AF_INET, AF_INET6 } from './constants.ts';

/** Room for either. */
export const SOCKADDR_BYTES = 32;
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;

/** Length of the address structure of a family. */
export function sockaddrBytes(family: IpFamily): number {
  return family === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES;
}

/** Writes an address at `at`. `scope` is the interface of a link-local IPv6 address, else 0. */
export function writeSockaddr(
  bytes: Uint8Array,
  at: number,
  family: IpFamily,
  ip: IpWords,
  port: number,
  scope: number,
): void {
  bytes[at] = family === 4 ? AF_INET : AF_INET6;
  bytes[at + 1] = 0;
  bytes[at + 2] = port >>> 8;
  bytes[at + 3] = port;
  if (family === 4) {
    writeWord(bytes, at + 4, ip[3] ?? 0);
    writeWord(bytes, at + 8, 0);
    writeWord(bytes, at + 12, 0);
    return;
  }
  writeWord(bytes, at + 4, 0);
  for (let index = 0; index < 4; index += 1) {
    writeWord(bytes, at + 8 + index * 4, ip[index] ?? 0);
  }
  // In the machine's order, which is little-endian wherever these structures are used.
  bytes[at + 24] = scope;
  bytes[at + 25] = scope >>> 8;
  bytes[at + 26] = scope >>> 16;
  bytes[at + 27] = scope >>> 24;
}

/** Reads the address that the kernel wrote at `at` into `ip`; gives the port, or -1 for a family that is neither. */
export function readSockaddr(bytes: Uint8Array, at: number, ip: IpWords): number {
  const family = bytes[at];
  if (family === AF_INET) {
    ip[0] = 0;
    ip[1] = 0;
    ip[2] = 0xffff;
    ip[3] = readWord(bytes, at + 4);
  } else if (family === AF_INET6) {
    ip[0] = readWord(bytes, at + 8);
    ip[1] = readWord(bytes, at + 12);
    ip[2] = readWord(bytes, at + 16);
    ip[3] = readWord(bytes, at + 20);
  } else {
    return -1;
  }
  return ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

/** The interface of an IPv6 address at `at`; 0 where it needs none. */
export function readScope(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== AF_INET6) {
    return 0;
  }
  return (
    (bytes[at + 24] ?? 0) |
    ((bytes[at + 25] ?? 0) << 8) |
    ((bytes[at + 26] ?? 0) << 16) |
    ((bytes[at + 27] ?? 0) << 24)
  );
}

/** The interface that a link-local address names after `%`, by number, as this data path writes it, or by name; else 0. */
export function scopeOf(text: string): number {
  const zone = text.indexOf('%');
  if (zone < 0) {
    return 0;
  }
  const name = text.slice(zone + 1);
  if (/^[0-9]{1,9}$/.test(name)) {
    return Number(name);
  }
  const own = networkInterfaces()[name]?.find((address) => address.family === 'IPv6');
  return own?.family === 'IPv6' ? own.scopeid : 0;
}

function readWord(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  );
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}
