/** The decoder against hostile text. */

import { describe, expect, it } from 'vitest';
import {
  decodeClientMessage,
  decodeServerMessage,
  encodeMessage,
  encodeRelayedSignal,
} from '../../rooms/protocol/index.ts';

const id = 'AAAAAAAA.AAAAAAAAAAAAAAAA';
const ticket = 'A'.repeat(43);

describe('decodeClientMessage', () => {
  it('[F1] gives back what encodeMessage made', () => {
    for (const message of [
      { kind: 'join', v: 1, hello: 'abcd', resume: { peerId: id, ticket } },
      { kind: 'signal', to: id, data: 'abcd' },
    ] as const) {
      expect(decodeClientMessage(encodeMessage(message))).toEqual({ ok: true, message });
    }
  });

  it('[F1] refuses keys that do not belong, inherited ones included', () => {
    for (const key of ['__proto__', 'constructor', 'toString', 'x']) {
      const text = `{"kind":"signal","to":"${id}","data":"abcd","${key}":1}`;
      expect(decodeClientMessage(text)).toMatchObject({ ok: false, close: 'badMessage' });
    }
  });

  it('[F1] refuses what stands beyond a missing or inherited key', () => {
    for (const text of [
      '{"__proto__":{"kind":"join"}}',
      '{"kind":"signal","__proto__":{"to":1,"data":2}}',
      '{}',
    ]) {
      expect(decodeClientMessage(text)).toMatchObject({ ok: false, close: 'badMessage' });
    }
  });

  it('[F1] [S1] reads a signal alike, however its JSON is written', () => {
    const decodings = (to: unknown, data: unknown) =>
      [
        JSON.stringify({ kind: 'signal', to, data }),
        JSON.stringify({ data, to, kind: 'signal' }),
        JSON.stringify({ kind: 'signal', to, data }, null, 1),
        JSON.stringify({ kind: 'signal', to, data }).replace('signal', '\\u0073ignal'),
      ].map(decodeClientMessage);
    const cases: [unknown, unknown][] = [
      ...['ab', 'abc', 'abcd', 'a', 'abcde', '', 'a'.repeat(14_336), 'a'.repeat(14_338)].map(
        (data): [unknown, unknown] => [id, data],
      ),
      ...['ab=', 'a b', 'ab\n', 'ab"', 'ab\\', '\u20acab', 'ab\u2028', 1, null].map(
        (data): [unknown, unknown] => [id, data],
      ),
      [id.slice(1), 'abcd'],
      [`${id}A`, 'abcd'],
      [`${id}\n`, 'abcd'],
      ['__proto__', 'abcd'],
    ];
    for (const [to, data] of cases) {
      const [plain, ...others] = decodings(to, data);
      for (const other of others) expect(other).toEqual(plain);
    }
    expect(decodings(id, 'abcd').map(({ ok }) => ok)).toEqual([true, true, true, true]);
    expect(decodings(id, 'a'.repeat(14_336))[0]?.ok).toBe(true);
    for (const data of ['a', 'abcde', '', 'a'.repeat(14_338), 'ab=', 'ab\n']) {
      expect(decodings(id, data)[0]).toMatchObject({ ok: false, close: 'badMessage' });
    }
    const plain = JSON.stringify({ kind: 'signal', to: id, data: 'abcd' });
    expect(decodeClientMessage(`${plain}\n`).ok).toBe(true);
    for (const text of [`${plain}x`, `x${plain}`, `${plain}${plain}`, plain.slice(0, -1)]) {
      expect(decodeClientMessage(text).ok).toBe(false);
    }
  });

  it('[F3] tells another version from nonsense', () => {
    expect(decodeClientMessage('{"kind":"join","v":2}')).toMatchObject({ ok: false, close: 'version' });
    expect(decodeClientMessage('{"kind":"join","v":-1}')).toMatchObject({ ok: false, close: 'badMessage' });
  });

  it('[F1] counts bytes, not characters', () => {
    expect(decodeClientMessage(`"${'\u20ac'.repeat(6000)}"`)).toMatchObject({ problem: 'frame too long' });
  });
});

describe('decodeServerMessage', () => {
  const welcome = { kind: 'welcome', peerId: id, ticket, peers: [], iceServers: [], expiresAt: 1 } as const;

  it('[F1] takes a welcome and refuses one with an id twice or a URL of another scheme', () => {
    expect(decodeServerMessage(encodeMessage(welcome))).toEqual({ ok: true, message: welcome });
    expect(decodeServerMessage(JSON.stringify({ ...welcome, peers: [{ id, hello: 'abcd' }] })).ok).toBe(
      false,
    );
    expect(decodeServerMessage(JSON.stringify({ ...welcome, iceServers: [{ urls: ['http://x'] }] })).ok).toBe(
      false,
    );
  });
});

describe('encodeRelayedSignal', () => {
  it('[S1] makes the frame that encodeMessage makes', () => {
    const data = '-_AZaz09'.repeat(1792);
    expect(encodeRelayedSignal(id, data)).toBe(encodeMessage({ kind: 'signal', from: id, data }));
    expect(decodeServerMessage(encodeRelayedSignal(id, data)).ok).toBe(true);
  });
});
