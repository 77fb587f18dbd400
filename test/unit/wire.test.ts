import { describe, expect, it } from 'vitest';
import {
  type ControlFrame,
  decodeControl,
  encodeControl,
  MAX_CONTROL_BYTES,
  MAX_HAND_STAMP,
  REACTION_COUNT,
} from '../../app/wire/control.ts';
import { decodeHello, encodeHello } from '../../app/wire/hello.ts';
import { type CandidateFrame, MAX_SDP_CHARS } from '../../app/wire/session-text.ts';
import {
  decodeSignal,
  encodeSignal,
  MAX_CANDIDATES,
  MAX_SIGNAL_BYTES,
  type SignalFrame,
} from '../../app/wire/signal.ts';
import { mutate, randomOf } from '../fakes/random.ts';

const SDP = 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n';
const CANDIDATE: CandidateFrame = {
  candidate: 'candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host generation 0 ufrag Ab12',
  sdpMid: '0',
  sdpMLineIndex: 0,
  usernameFragment: 'Ab12',
};
const END_OF_CANDIDATES: CandidateFrame = {
  candidate: '',
  sdpMid: null,
  sdpMLineIndex: null,
  usernameFragment: null,
};

const CONTROL_FRAMES: readonly ControlFrame[] = [
  { kind: 'confirm', tag: new Uint8Array(32).fill(7) },
  { kind: 'description', type: 'offer', sdp: SDP },
  { kind: 'description', type: 'answer', sdp: `${SDP}s=Grüße\r\n` },
  { kind: 'candidate', ...CANDIDATE },
  { kind: 'candidate', ...END_OF_CANDIDATES },
  { kind: 'media-state', microphone: true, camera: false },
  { kind: 'media-state', microphone: false, camera: true },
  { kind: 'bye' },
  { kind: 'screen-state', sharing: false, sound: false, held: false },
  { kind: 'screen-state', sharing: true, sound: false, held: true },
  { kind: 'screen-state', sharing: true, sound: true, held: false },
  { kind: 'hand', stamp: 0 },
  { kind: 'hand', stamp: MAX_HAND_STAMP },
  { kind: 'reaction', reaction: REACTION_COUNT - 1 },
  { kind: 'pointer-policy', allowed: false },
  { kind: 'pointer-policy', allowed: true },
  { kind: 'shown', of: 'camera', width: 0, height: 0 },
  { kind: 'shown', of: 'screen', width: 1, height: 65_535 },
];

const SIGNAL_FRAMES: readonly SignalFrame[] = [
  { kind: 'description', generation: 0, type: 'offer', sdp: SDP, candidates: [] },
  { kind: 'description', generation: 0xffff_ffff, type: 'answer', sdp: SDP, candidates: [CANDIDATE] },
  { kind: 'candidates', generation: 7, candidates: [CANDIDATE, END_OF_CANDIDATES] },
  { kind: 'request-offer', generation: 9 },
];

function jsonFrame(head: readonly number[], value: unknown): Uint8Array<ArrayBuffer> {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return Uint8Array.from([...head, ...new TextEncoder().encode(text)]);
}

describe('control frames', () => {
  it.each(CONTROL_FRAMES)('round trip: $kind', (frame) => {
    expect(decodeControl(encodeControl(frame).buffer)).toEqual(frame);
  });

  it('pins the bytes of the short frames', () => {
    expect([...encodeControl({ kind: 'bye' })]).toEqual([1, 5]);
    expect([...encodeControl({ kind: 'media-state', microphone: true, camera: true })]).toEqual([1, 4, 3]);
    expect(encodeControl({ kind: 'confirm', tag: new Uint8Array(32) })).toHaveLength(34);
    expect([...encodeControl({ kind: 'hand', stamp: 0x01020304 })]).toEqual([1, 7, 1, 2, 3, 4]);
    expect([...encodeControl({ kind: 'reaction', reaction: 2 })]).toEqual([1, 8, 2]);
    expect([...encodeControl({ kind: 'shown', of: 'screen', width: 258, height: 3 })]).toEqual([
      1, 10, 1, 1, 2, 0, 3,
    ]);
  });

  it.each<[string, Uint8Array<ArrayBuffer>]>([
    ['nothing', Uint8Array.of()],
    ['a version alone', Uint8Array.of(1)],
    ['another version', Uint8Array.of(2, 5)],
    ['an unknown kind', Uint8Array.of(1, 99)],
    ['a long bye', Uint8Array.of(1, 5, 0)],
    ['unknown media bits', Uint8Array.of(1, 4, 4)],
    ['unknown screen bits', Uint8Array.of(1, 6, 8)],
    ['the sound of a screen that is not shared', Uint8Array.of(1, 6, 2)],
    ['a long screen-state', Uint8Array.of(1, 6, 1, 0)],
    ['a short hand', Uint8Array.of(1, 7, 0, 0, 1)],
    ['a long hand', Uint8Array.of(1, 7, 0, 0, 0, 1, 0)],
    ['a reaction without a number', Uint8Array.of(1, 8)],
    ['an unknown reaction', Uint8Array.of(1, 8, REACTION_COUNT)],
    ['a long reaction', Uint8Array.of(1, 8, 0, 0)],
    ['an unknown pointer policy', Uint8Array.of(1, 9, 2)],
    ['a long pointer policy', Uint8Array.of(1, 9, 1, 0)],
    ['a picture of an unknown source', Uint8Array.of(1, 10, 2, 0, 1, 0, 1)],
    ['a picture that is shown without a height', Uint8Array.of(1, 10, 0, 0, 1, 0, 0)],
    ['a short size', Uint8Array.of(1, 10, 0, 0, 1, 0)],
    ['a long size', Uint8Array.of(1, 10, 0, 0, 1, 0, 1, 0)],
    ['a short tag', new Uint8Array(33).fill(1)],
    ['an unknown description type', jsonFrame([1, 2, 2], SDP)],
    ['an empty SDP', Uint8Array.of(1, 2, 0)],
    ['a NUL in the SDP', jsonFrame([1, 2, 0], 'v=0\0')],
    ['bad UTF-8', Uint8Array.of(1, 2, 0, 0xff)],
    ['an SDP over the cap', jsonFrame([1, 2, 0], 'a'.repeat(MAX_SDP_CHARS + 1))],
    ['a frame over the cap', new Uint8Array(MAX_CONTROL_BYTES + 1).fill(1)],
    ['candidate: not JSON', jsonFrame([1, 3], '[')],
    ['candidate: an object', jsonFrame([1, 3], { candidate: '' })],
    ['candidate: three fields', jsonFrame([1, 3], ['', null, null])],
    ['candidate: a number', jsonFrame([1, 3], [1, null, null, null])],
    ['candidate: a line break', jsonFrame([1, 3], ['x\r\na=crypto:1', '0', 0, null])],
    ['candidate: a line of minus zero', jsonFrame([1, 3], '["", "0", -0, null]')],
    ['candidate: over the cap', jsonFrame([1, 3], ['x'.repeat(513), '0', 0, null])],
    ['candidate: for no m-line', jsonFrame([1, 3], ['candidate:1', null, null, null])],
    ['candidate: a fractional index', jsonFrame([1, 3], ['x', null, 0.5, null])],
    ['candidate: a negative index', jsonFrame([1, 3], ['x', null, -1, null])],
    ['candidate: a long mid', jsonFrame([1, 3], ['x', 'm'.repeat(65), 0, null])],
    ['candidate: a long ufrag', jsonFrame([1, 3], ['x', '0', 0, 'u'.repeat(257)])],
  ])('refuses %s', (_what, bytes) => {
    expect(decodeControl(bytes.buffer)).toBeNull();
  });

  it('does not encode what it would not decode', () => {
    expect(() => encodeControl({ kind: 'confirm', tag: new Uint8Array(31) })).toThrow(RangeError);
    expect(() => encodeControl({ kind: 'reaction', reaction: REACTION_COUNT })).toThrow(RangeError);
    const sdp = 'a'.repeat(MAX_SDP_CHARS + 1);
    expect(() => encodeControl({ kind: 'description', type: 'offer', sdp })).toThrow(RangeError);
  });
});

describe('signal frames', () => {
  it.each(SIGNAL_FRAMES)('round trip: $kind $generation', (frame) => {
    expect(decodeSignal(encodeSignal(frame))).toEqual(frame);
  });

  it('reads a view into a larger buffer', () => {
    const frame: SignalFrame = { kind: 'request-offer', generation: 0x01020304 };
    const bytes = Uint8Array.from([9, 9, 9, ...encodeSignal(frame), 9]);
    expect(decodeSignal(bytes.subarray(3, bytes.length - 1))).toEqual(frame);
  });

  it('takes the largest frame and nothing larger', () => {
    const candidates = Array.from({ length: MAX_CANDIDATES }, () => CANDIDATE);
    const sdp = 'a'.repeat(MAX_SDP_CHARS);
    const largest: SignalFrame = { kind: 'description', generation: 1, type: 'offer', sdp, candidates };
    expect(decodeSignal(encodeSignal(largest))).toEqual(largest);
    expect(() => encodeSignal({ ...largest, candidates: [...candidates, CANDIDATE] })).toThrow(RangeError);
    expect(() => encodeSignal({ ...largest, sdp: `${sdp}a` })).toThrow(RangeError);
    expect(() => encodeSignal({ ...largest, generation: 2 ** 32 })).toThrow(RangeError);
    expect(() => encodeSignal({ ...largest, generation: 1.5 })).toThrow(RangeError);
  });

  it.each<[string, Uint8Array]>([
    ['nothing', Uint8Array.of()],
    ['another version', Uint8Array.of(2, 3, 0, 0, 0, 0)],
    ['an unknown kind', Uint8Array.of(1, 4, 0, 0, 0, 0)],
    ['a long request', Uint8Array.of(1, 3, 0, 0, 0, 0, 0)],
    ['an SDP length beyond the end', Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9, 97)],
    ['an SDP length of 2^32-1', Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 255, 255, 255, 255, 97)],
    ['an unknown description type', Uint8Array.of(1, 1, 0, 0, 0, 0, 2, 0, 0, 0, 1, 97, 91, 93)],
    ['no candidates', Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 97)],
    ['candidates that are an object', jsonFrame([1, 2, 0, 0, 0, 0], { length: 0 })],
    ['a row that is an object', jsonFrame([1, 2, 0, 0, 0, 0], [{ length: 4 }])],
    ['too many candidates', jsonFrame([1, 2, 0, 0, 0, 0], Array(65).fill(['', null, null, null]))],
    ['deep nesting', jsonFrame([1, 2, 0, 0, 0, 0], '['.repeat(60_000))],
    ['a frame over the cap', new Uint8Array(MAX_SIGNAL_BYTES + 1).fill(1)],
  ])('refuses %s', (_what, bytes) => {
    expect(decodeSignal(bytes)).toBeNull();
  });

  it('never reads a prototype key as a field', () => {
    const text = '[["x","0",0,null]]'.replace('"x"', '{"__proto__":{"length":4}}');
    expect(decodeSignal(jsonFrame([1, 2, 0, 0, 0, 0], text))).toBeNull();
  });
});

describe('every decoder', () => {
  it('survives mutated frames, and what it accepts it can write again', () => {
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
    console.info(`wire fuzz: FUZZ_SEED=${seed}`);
    const random = randomOf(seed);
    const hello = encodeHello({
      version: 1,
      publicKey: new Uint8Array(65).fill(4),
      fingerprint: new Uint8Array(32).fill(1),
      nonce: new Uint8Array(32).fill(2),
      name: 'Zoë',
      capabilities: 3,
    });
    for (let round = 0; round < 4000; round++) {
      const control = CONTROL_FRAMES[Math.floor(random() * CONTROL_FRAMES.length)];
      const signal = SIGNAL_FRAMES[Math.floor(random() * SIGNAL_FRAMES.length)];
      if (control === undefined || signal === undefined) throw new Error('no frame');
      const readControl = decodeControl(mutate(encodeControl(control), random).buffer);
      if (readControl !== null) {
        expect(decodeControl(encodeControl(readControl).buffer)).toEqual(readControl);
      }
      const readSignal = decodeSignal(mutate(encodeSignal(signal), random));
      if (readSignal !== null) expect(decodeSignal(encodeSignal(readSignal))).toEqual(readSignal);
      const readHello = decodeHello(mutate(hello, random));
      if (readHello !== null) expect(decodeHello(encodeHello(readHello))).toEqual(readHello);
    }
  });
});
