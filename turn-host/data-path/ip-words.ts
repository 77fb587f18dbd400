/**
 * Owns IP addresses as numbers: four signed 32-bit words in network order, IPv4 as ::ffff:a.b.c.d (RFC 4291 s2.5.5.2),
 * so that both families are compared alike and without strings. Must not know which addresses are good.
 *
 * The form is internal: whether an address came as IPv4 or as IPv6 is kept beside it, and a mapped address that a
 * client names is refused before it gets here.
 */

/** Length 4. Signed, so that each word is a small integer to the engine. */
export type IpWords = Int32Array;

export type IpFamily = 4 | 6;

const MAPPED = 0xffff;

/** Reads a textual IPv4 or IPv6 address, a zone ignored, into `into`. False, and `into` is spoilt, for anything else. */
export function readIp(text: string, into: IpWords): boolean {
  const colon = text.indexOf(':');
  return colon < 0 ? readIpv4(text, into) : readIpv6(text, into);
}

/** The words of an address known to be one. Throws `RangeError` for anything else. */
export function ipWords(text: string): IpWords {
  const words = new Int32Array(4);
  if (!readIp(text, words)) {
    throw new RangeError('not an IP address');
  }
  return words;
}

/** 4 for what is in the mapped form. */
export function familyOf(words: IpWords): IpFamily {
  return words[0] === 0 && words[1] === 0 && words[2] === MAPPED ? 4 : 6;
}

/** The text that the system takes: dotted, or eight groups without abbreviation. */
export function formatIp(words: IpWords): string {
  if (familyOf(words) === 4) {
    const word = words[3] ?? 0;
    return `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${word & 0xff}`;
  }
  let text = '';
  for (let index = 0; index < 4; index += 1) {
    const word = words[index] ?? 0;
    text += `${index === 0 ? '' : ':'}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
  }
  return text;
}

export function sameIp(a: IpWords, b: IpWords): boolean {
  return a[3] === b[3] && a[2] === b[2] && a[1] === b[1] && a[0] === b[0];
}

function readIpv4(text: string, into: IpWords): boolean {
  let word = 0;
  let octet = -1;
  let octets = 0;
  for (let index = 0; index <= text.length; index += 1) {
    const code = index === text.length ? 0x2e : text.charCodeAt(index);
    if (code === 0x2e) {
      if (octet < 0) {
        return false;
      }
      word = (word << 8) | octet;
      octets += 1;
      octet = -1;
    } else if (code >= 0x30 && code <= 0x39 && octet !== 0) {
      octet = (octet < 0 ? 0 : octet * 10) + code - 0x30;
      if (octet > 255) {
        return false;
      }
    } else {
      return false;
    }
  }
  into[0] = 0;
  into[1] = 0;
  into[2] = MAPPED;
  into[3] = word;
  return octets === 4;
}

function readIpv6(text: string, into: IpWords): boolean {
  const zone = text.indexOf('%');
  let address = zone < 0 ? text : text.slice(0, zone);
  const dotted = address.lastIndexOf(':') + 1;
  if (address.includes('.', dotted)) {
    // The last 32 bits may be written as IPv4 (RFC 4291 s2.2).
    if (!readIpv4(address.slice(dotted), into)) {
      return false;
    }
    const word = into[3] ?? 0;
    address = `${address.slice(0, dotted)}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
  }
  const halves = address.split('::');
  const [head = '', tail] = halves;
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const written = left.length + right.length;
  if (halves.length > 2 || (tail === undefined ? written !== 8 : written > 7)) {
    return false;
  }
  for (let index = 0; index < 8; index += 1) {
    const fromRight = index - (8 - right.length);
    const group = index < left.length ? left[index] : fromRight >= 0 ? right[fromRight] : '0';
    if (group === undefined || !/^[0-9a-fA-F]{1,4}$/.test(group)) {
      return false;
    }
    const value = Number.parseInt(group, 16);
    const at = index >> 1;
    into[at] = index % 2 === 0 ? value << 16 : (into[at] ?? 0) | value;
  }
  return true;
}
