import { isIP } from 'node:net';
import { expect, it } from 'vitest';
import { familyOf, formatIp, ipWords, readIp, sameIp } from '../../turn-host/data-path/ip-words.ts';

const scratch = new Int32Array(4);

it.each([
  ['127.0.0.1', '127.0.0.1'],
  ['255.255.255.255', '255.255.255.255'],
  ['0.0.0.0', '0.0.0.0'],
  ['::', '0:0:0:0:0:0:0:0'],
  ['::1', '0:0:0:0:0:0:0:1'],
  ['1::', '1:0:0:0:0:0:0:0'],
  ['2001:db8::8:800:200c:417a', '2001:db8:0:0:8:800:200c:417a'],
  ['FE80::FC:FF:FE00:1%eth0', 'fe80:0:0:0:fc:ff:fe00:1'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['64:ff9b::192.0.2.33', '64:ff9b:0:0:0:0:c000:221'],
  ['::ffff:192.0.2.33', '192.0.2.33'],
])('reads %s', (text, written) => {
  const words = ipWords(text);
  expect(formatIp(words)).toBe(written);
  expect(sameIp(words, ipWords(written))).toBe(true);
  expect(familyOf(words)).toBe(isIP(written));
});

it.each([
  '',
  '1',
  '1.2.3',
  '1.2.3.4.5',
  '01.2.3.4',
  '256.0.0.1',
  '1.2.3.',
  '1.2.3.4 ',
  'a.b.c.d',
  ':',
  ':::',
  '1::2::3',
])('does not read %j', (text) => {
  expect(readIp(text, scratch)).toBe(false);
  expect(() => ipWords(text)).toThrow(RangeError);
});

it.each(['1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2:3:4:5:6:7:8', '12345::', 'g::', '::1.2.3', '1.2.3.4::'])(
  'does not read %j',
  (text) => {
    expect(readIp(text, scratch)).toBe(false);
  },
);
