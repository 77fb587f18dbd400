/** The chat's frames and what of a text may stay. */
import { expect, it } from 'vitest';
import {
  type ChatFrame,
  cleanChatText,
  countCharacters,
  decodeChat,
  encodeChat,
  MAX_CHAT_BYTES,
  MAX_CHAT_CHARACTERS,
} from '../../app/wire/chat.ts';
import { mutate, randomOf } from '../fakes/random.ts';

const message = (text: string, changes: Partial<Extract<ChatFrame, { kind: 'message' }>> = {}) =>
  ({
    kind: 'message',
    id: '00ff00ff12345678',
    isPrivate: false,
    writtenAtMs: 1_790_000_000_123,
    text,
    ...changes,
  }) as const;

const FRAMES: readonly ChatFrame[] = [
  message('hello'),
  message('two\nlines\tand a tab', { isPrivate: true, writtenAtMs: 0 }),
  message('שלום \u{1f469}\u200d\u{1f680}', { id: 'ffffffffffffffff', writtenAtMs: 2 ** 48 - 1 }),
  message('\u{1f600}'.repeat(MAX_CHAT_CHARACTERS), { id: '0000000000000000' }),
  { kind: 'ack', id: '0123456789abcdef' },
];

it.each(FRAMES)('round trip: $kind $id', (frame) => {
  const bytes = encodeChat(frame);
  expect(bytes.byteLength).toBeLessThanOrEqual(MAX_CHAT_BYTES);
  expect(decodeChat(bytes.buffer)).toEqual(frame);
});

it('has the bytes that the table says', () => {
  expect(
    Buffer.from(encodeChat(message('hi', { isPrivate: true, writtenAtMs: 0x0102_0304_0506 }))).toString(
      'hex',
    ),
  ).toBe('010100ff00ff12345678010102030405066869');
  expect(Buffer.from(encodeChat({ kind: 'ack', id: '00ff00ff12345678' })).toString('hex')).toBe(
    '010200ff00ff12345678',
  );
});

it('any text round-trips as it is cleaned, and stays clean', () => {
  const random = randomOf(20);
  const ALPHABET = [
    'a',
    ' ',
    '\n',
    '\r',
    '\0',
    '\t',
    '\u202e',
    '\u2066',
    '\ud83d',
    '\ude00',
    '\u{1f600}',
    'é',
    '\ufeff',
    '\u2028',
  ];
  for (let round = 0; round < 3_000; round += 1) {
    const text = Array.from(
      { length: Math.floor(random() * 40) },
      () => ALPHABET[Math.floor(random() * ALPHABET.length)],
    ).join('');
    const clean = cleanChatText(text);
    expect(cleanChatText(clean)).toBe(clean);
    if (clean === '') expect(() => encodeChat(message(text))).toThrow(RangeError);
    else expect(decodeChat(encodeChat(message(text)).buffer)).toEqual(message(clean));
  }
});

it('never throws on mutated frames, and what it takes it would write again', () => {
  const random = randomOf(7);
  for (const frame of FRAMES) {
    const bytes = encodeChat(frame).subarray(0, 400);
    for (let round = 0; round < 4_000; round += 1) {
      const decoded = decodeChat(mutate(bytes, random).buffer);
      if (decoded) expect(decodeChat(encodeChat(decoded).buffer)).toEqual(decoded);
    }
  }
});

it('refuses other versions, kinds, scopes, truncations, extra bytes, empty and invalid text', () => {
  const bytes = encodeChat(message('x'));
  for (let length = 0; length < bytes.length; length += 1)
    expect(decodeChat(bytes.slice(0, length).buffer)).toBeNull();
  const at = (index: number, value: number) => decodeChat(bytes.slice().fill(value, index, index + 1).buffer);
  expect([at(0, 2), at(1, 0), at(1, 3), at(10, 2), at(17, 0xff), at(17, 0x20), at(17, 0)]).toEqual(
    Array(7).fill(null),
  );
  expect(
    decodeChat(Uint8Array.from([...encodeChat({ kind: 'ack', id: '00ff00ff12345678' }), 0]).buffer),
  ).toBeNull();
  const whole = new Uint8Array(MAX_CHAT_BYTES + 1).fill(0x61);
  whole.set(bytes);
  expect(decodeChat(whole.buffer)).toBeNull();
  expect(decodeChat(new ArrayBuffer(100 * 1024))).toBeNull();
});

it('takes a text that is too long for its characters, cut', () => {
  const bytes = Uint8Array.from([...encodeChat(message('x')), ...new Uint8Array(10_000).fill(0x61)]);
  const decoded = decodeChat(bytes.buffer);
  expect(decoded?.kind === 'message' && countCharacters(decoded.text)).toBe(MAX_CHAT_CHARACTERS);
});

it.each([
  ['bad id', { id: 'xyz' }],
  ['empty', { text: ' \n ' }],
])('does not encode: %s', (_what, changes) => {
  expect(() => encodeChat(message('x', changes))).toThrow(RangeError);
});

it.each([
  ['  a \r\n b\r', 'a \n b'],
  ['user\u202Egpj.exe', 'usergpj.exe'],
  ['\u2066\u2067\u2068x\u2069', 'x'],
  ['a\u0000b\u001b[31m', 'ab[31m'],
  ['a\ud83db', 'ab'],
  ['\u{1f469}\u200d\u{1f469}\u200d\u{1f467}', '\u{1f469}\u200d\u{1f469}\u200d\u{1f467}'],
  ['می\u200cخواهم', 'می\u200cخواهم'],
])('cleans %j to %j', (text, clean) => {
  expect(cleanChatText(text)).toBe(clean);
});
