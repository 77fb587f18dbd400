import { expect, it } from 'vitest';
import {
  formatFingerprint,
  inspectDescription,
  isAddressable,
  parseFingerprint,
} from '../../app/call/description.ts';

const own = Uint8Array.from({ length: 32 }, (_, index) => index);
const other = Uint8Array.from({ length: 32 }, (_, index) => index + 1);
const line = (fingerprint: Uint8Array) => `a=fingerprint:sha-256 ${formatFingerprint(fingerprint)}`;
const sdp = (...lines: string[]) => ['v=0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', ...lines, ''].join('\r\n');

it('takes a description whose every fingerprint is the committed one', () => {
  expect(inspectDescription(sdp(line(own)), own)).toEqual({ ok: true });
  expect(inspectDescription(sdp(line(own).toLowerCase()), own)).toEqual({ ok: true });
});

it.each([
  ['another fingerprint', sdp(line(other)), 'fingerprint'],
  ['a second fingerprint beside the right one', sdp(line(own), line(other)), 'fingerprint'],
  ['the right digest under another hash name', sdp(line(own).replace('sha-256', 'sha-1')), 'fingerprint'],
  ['no fingerprint', sdp(), 'fingerprint'],
  ['a fingerprint behind a bare line feed', `${sdp(line(own))}\n${line(other)}`, 'fingerprint'],
  ['SDES keys', sdp(line(own), 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x'), 'sdes'],
  ['no media section', `v=0\r\n${line(own)}\r\n`, 'media-sections'],
  [
    'nine media sections',
    sdp(line(own), ...Array(8).fill('m=audio 9 UDP/TLS/RTP/SAVPF 0')),
    'media-sections',
  ],
  [
    'too many candidates',
    sdp(line(own), ...Array(65).fill('a=candidate:1 1 udp 1 127.0.0.1 9 typ host')),
    'candidates',
  ],
  ['an endless candidate', sdp(line(own), `a=candidate:${'1'.repeat(600)}`), 'candidates'],
  [
    'a candidate that needs a name server',
    sdp(line(own), 'a=candidate:1 1 udp 1 evil.example.org 9 typ host'),
    'candidates',
  ],
  ['too much text', sdp(line(own), 'a=x'.padEnd(40_000, 'x')), 'too-long'],
])('refuses %s', (_, text, problem) => {
  expect(inspectDescription(text, own)).toEqual({ ok: false, problem });
});

it('reads what it writes, and nothing else', () => {
  expect(parseFingerprint(formatFingerprint(own))).toEqual(own);
  expect(parseFingerprint('AB:CD')).toBeNull();
  expect(parseFingerprint(`${formatFingerprint(own)}:00`)).toBeNull();
});

it.each([
  ['candidate:1 1 udp 2113937151 192.0.2.2 40142 typ host', true],
  ['candidate:1 1 udp 2113937151 fd00::2 40142 typ host', true],
  ['candidate:1 1 udp 2113937151 2d7f1b0c-50bb-4f0d-9d44-8b0a9a1e2f35.local 40142 typ host', true],
  ['candidate:1 1 udp 2113937151 tracker.example.com 40142 typ host', false],
  ['candidate:1 1 udp 2113937151 tracker.example.com.local.example.org 40142 typ host', false],
  ['candidate:1 1 udp', false],
])('%s needs no name server: %s', (candidate, expected) => {
  expect(isAddressable(candidate)).toBe(expected);
});
