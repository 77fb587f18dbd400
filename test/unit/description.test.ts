import { expect, it } from 'vitest';
import {
  formatFingerprint,
  inspectDescription,
  isAddressable,
  parseFingerprint,
  tidyDescription,
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

it('says of an own description nothing of payload types that are not offered, and no candidate that leads nowhere', () => {
  // Of Firefox 153, after setCodecPreferences, shortened.
  const lines = [
    'v=0',
    'm=audio 41545 UDP/TLS/RTP/SAVPF 109',
    'a=candidate:0 1 UDP 2122187007 192.0.2.2 41545 typ host',
    '!a=candidate:4 1 TCP 2105458943 192.0.2.2 9 typ host tcptype active',
    '!a=candidate:0 2 UDP 2122187006 192.0.2.2 45778 typ host',
    'a=candidate:2 1 UDP 92151807 127.0.0.1 65286 typ relay raddr 127.0.0.1 rport 65286',
    'a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1',
    'a=rtcp-fb:109 transport-cc',
    'a=rtcp-fb:* nack',
    'a=rtpmap:109 opus/48000/2',
    '!a=rtpmap:120 VP8/90000',
    'm=video 0 UDP/TLS/RTP/SAVPF 120 124',
    'a=fmtp:120 max-fs=12288;max-fr=60',
    'a=fmtp:124 apt=120',
    '!a=fmtp:12 apt=120',
    'a=rtcp-fb:120 nack pli',
    '!a=rtcp-fb:121 nack',
    '!a=rtcp-fb:99 ccm fir',
    'a=rtpmap:120 VP8/90000',
    'a=rtpmap:124 rtx/90000',
    'm=application 0 UDP/DTLS/SCTP webrtc-datachannel',
    'a=sctp-port:5000',
    '',
  ];
  const own = lines.map((line) => line.replace('!', '')).join('\r\n');
  const said = lines.filter((line) => !line.startsWith('!')).join('\r\n');
  expect(tidyDescription(own)).toBe(said);
  expect(tidyDescription(said)).toBe(said);
});
