/** Pointers: what goes out, what is believed of what comes in, and what sharers allow. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPointers, type PointerMove } from '../../app/call/channels/pointers.ts';
import {
  decodePointer,
  encodePointer,
  isLater,
  POINTER_BYTES,
  type PointerFrame,
} from '../../app/wire/pointer.ts';
import { fakePort } from '../fakes/link-port.ts';
import { randomOf } from '../fakes/random.ts';

const FRAME: PointerFrame = {
  shown: true,
  pressed: true,
  sequence: 0x0102,
  target: 0xfffefdfc,
  x: 1,
  y: 0,
  stroke: 255,
};
/** Member keys as they are: the first four bytes are in the first six characters. */
const ME = 'AAAAAQ'.padEnd(43, 'A');
const BOB = 'AAAAAg'.padEnd(43, 'A');
const CAROL = 'AAAAAw'.padEnd(43, 'A');
const TAG = { me: 1, bob: 2, carol: 3 };

describe('the frame', () => {
  it('has its bytes pinned, at most sixteen of them', () => {
    expect([...encodePointer(FRAME)]).toEqual([1, 3, 1, 2, 255, 254, 253, 252, 255, 255, 0, 0, 255]);
    expect(POINTER_BYTES).toBeLessThanOrEqual(16);
  });

  it('round trips within a step of its coordinates', () => {
    const random = randomOf(7);
    for (let round = 0; round < 2_000; round += 1) {
      const shown = random() < 0.8;
      const frame = {
        shown,
        pressed: shown && random() < 0.5,
        sequence: Math.floor(random() * 0x10000),
        target: Math.floor(random() * 2 ** 32),
        x: random(),
        y: random(),
        stroke: Math.floor(random() * 256),
      };
      const read = decodePointer(encodePointer(frame).buffer);
      expect({ ...read, x: 0, y: 0 }).toEqual({ ...frame, x: 0, y: 0 });
      expect(Math.abs((read?.x ?? 9) - frame.x)).toBeLessThanOrEqual(0.5 / 0xffff + 1e-12);
      expect(Math.abs((read?.y ?? 9) - frame.y)).toBeLessThanOrEqual(0.5 / 0xffff + 1e-12);
    }
  });

  it('never throws at what a peer made of it, and what it accepts it can write again', () => {
    const random = randomOf(11);
    let accepted = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const bytes = [...encodePointer(FRAME)];
      for (let change = 0; change < 3; change += 1) {
        const how = random();
        if (how < 0.7) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
        else if (how < 0.85) bytes.pop();
        else bytes.push(Math.floor(random() * 256));
      }
      const mutated = Uint8Array.from(bytes);
      const read = decodePointer(mutated.buffer);
      if (!read) continue;
      accepted += 1;
      const again = encodePointer(read);
      expect([...again]).toEqual([...mutated]);
    }
    expect(accepted).toBeGreaterThan(1_000);
  });

  it.each<[string, (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>]>([
    ['another version', (bytes) => bytes.with(0, 2) as Uint8Array<ArrayBuffer>],
    ['unknown bits', (bytes) => bytes.with(1, 4) as Uint8Array<ArrayBuffer>],
    ['a press that is not shown', (bytes) => bytes.with(1, 2) as Uint8Array<ArrayBuffer>],
    ['a byte too few', (bytes) => bytes.slice(0, -1)],
    ['a byte too many', (bytes) => Uint8Array.from([...bytes, 0])],
    ['nothing', () => new Uint8Array()],
  ])('refuses %s', (_what, change) => {
    expect(decodePointer(change(encodePointer(FRAME)).buffer)).toBeNull();
  });

  it('is not made of what lies beside the picture', () => {
    for (const x of [-0.01, 1.01, Number.NaN])
      expect(() => encodePointer({ ...FRAME, x })).toThrow(RangeError);
  });

  it('knows a late one, also where the numbers begin again', () => {
    expect([isLater(2, 1), isLater(1, 2), isLater(1, 1)]).toEqual([true, false, false]);
    expect([isLater(0, 0xffff), isLater(0xffff, 0), isLater(0x7000, 0xff00)]).toEqual([true, false, true]);
  });
});

describe('over links', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function stage() {
    let frames: (() => void)[] = [];
    const pointers = createPointers(() => ME, {
      nextFrame: (run) => void frames.push(run),
      now: () => Date.now(),
    });
    const seen: [string, string | null, PointerMove | null][] = [];
    for (const [name, sharer] of [
      ['me', null],
      ['bob', BOB],
      ['carol', CAROL],
    ] as const)
      pointers.face.watch(sharer, (from, move) => seen.push([name, from, move]));
    return {
      ...pointers,
      seen,
      /** The display shows its next frame. */
      frame() {
        const due = frames;
        frames = [];
        for (const run of due) run();
        return due.length;
      },
    };
  }

  function frame(sequence: number, changes: Partial<PointerFrame> = {}): ArrayBuffer {
    return encodePointer({ ...FRAME, pressed: false, sequence, target: TAG.me, x: 0.5, y: 0.5, ...changes })
      .buffer;
  }

  it('sends nothing, and asks for no frame and no timer, while nobody points', () => {
    const { feature, frame } = stage();
    const port = fakePort(BOB);
    feature.linkUp(port);
    vi.advanceTimersByTime(60_000);
    expect([port.pointed.length, port.sent.length, frame(), vi.getTimerCount()]).toEqual([0, 0, 0, 0]);
  });

  it('sends the first position at once, then the newest once a frame of the display', () => {
    const { feature, face, frame } = stage();
    const [bob, carol] = [fakePort(BOB), fakePort(CAROL)];
    feature.linkUp(bob);
    feature.linkUp(carol);
    for (let step = 0; step <= 10; step += 1) face.point(BOB, step / 10, 0, false);
    expect([bob.pointed.length, carol.pointed.length]).toEqual([1, 1]);
    frame();
    expect(bob.pointed.length).toBe(2);
    expect(bob.pointed.map((bytes) => decodePointer(bytes)?.x)).toEqual([0, 1]);
    expect(decodePointer(bob.pointed[1] ?? new ArrayBuffer())?.target).toBe(TAG.bob);
    frame();
    expect([bob.pointed.length, frame()]).toEqual([2, 0]);
  });

  it('says that a resting pointer is still there, hides it twice, and then has nothing left to do', () => {
    const { feature, face, frame } = stage();
    const port = fakePort(BOB);
    feature.linkUp(port);
    face.point(BOB, 0.25, 0.5, false);
    frame();
    vi.advanceTimersByTime(4_500);
    frame();
    const resting = port.pointed.length;
    expect(resting).toBeGreaterThan(1);
    face.hide();
    vi.advanceTimersByTime(10_000);
    const hidden = port.pointed.slice(resting).map((bytes) => decodePointer(bytes)?.shown);
    expect(hidden).toEqual([false, false]);
    frame();
    expect([vi.getTimerCount(), frame()]).toEqual([0, 0]);
  });

  it('gives a channel that cannot keep up no more', () => {
    const { feature, face } = stage();
    const port = fakePort(BOB);
    feature.linkUp(port);
    port.setBuffered(100_000);
    face.point(BOB, 0, 0, false);
    expect(port.pointed).toEqual([]);
  });

  it('tells whoever comes later where it rests, and whether pointers are off', () => {
    const { feature, face } = stage();
    face.point(BOB, 0.75, 0.5, true);
    face.setAllowed(false);
    const late = fakePort(CAROL);
    feature.linkUp(late);
    expect(decodePointer(late.pointed[0] ?? new ArrayBuffer())).toMatchObject({
      target: TAG.bob,
      pressed: true,
    });
    expect(late.sent).toEqual([{ kind: 'pointer-policy', allowed: false }]);
  });

  it('shows the own pointer here at once, with a number for every line', () => {
    const { face, seen } = stage();
    face.point(null, 0.1, 0.2, true);
    face.point(null, 0.2, 0.2, true);
    face.point(null, 0.3, 0.2, false);
    face.point(null, 0.3, 0.2, true);
    face.point(BOB, 0.3, 0.2, false);
    const lines = seen.map(([name, from, move]) => [name, from, move?.stroke]);
    expect(lines).toEqual([
      ['me', null, 1],
      ['me', null, 1],
      ['me', null, null],
      ['me', null, 2],
      ['me', null, undefined],
      ['bob', null, null],
    ]);
  });

  it('shows the newest of a peer, drops the late, and forgets who went, hid, fell silent or lost the link', () => {
    const { feature, seen } = stage();
    const port = fakePort(BOB);
    feature.linkUp(port);
    port.arrive(frame(0xffff, { x: 0 }));
    port.arrive(frame(1, { x: 1 }));
    port.arrive(frame(0, { x: 0 }));
    expect(seen.map(([name, , move]) => [name, move?.x])).toEqual([
      ['me', 0],
      ['me', 1],
    ]);
    port.arrive(frame(2, { target: TAG.carol }));
    port.arrive(frame(3, { shown: false, target: TAG.carol }));
    expect(seen.slice(2).map(([name, , move]) => [name, move === null])).toEqual([
      ['me', true],
      ['carol', false],
      ['carol', true],
    ]);
    port.arrive(frame(4));
    vi.advanceTimersByTime(4_000);
    port.arrive(frame(5));
    vi.advanceTimersByTime(4_000);
    expect(seen.at(-1)?.[2]).not.toBeNull();
    vi.advanceTimersByTime(2_000);
    expect(seen.at(-1)).toEqual(['me', BOB, null]);
    // After a silence any number is a beginning: it may have counted on unheard.
    port.arrive(frame(4));
    expect(seen.at(-1)?.[2]).not.toBeNull();
    port.end();
    expect(seen.at(-1)).toEqual(['me', BOB, null]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('shows who looks later what is there already', () => {
    const { feature, face } = stage();
    const port = fakePort(BOB);
    feature.linkUp(port);
    port.arrive(frame(1, { target: TAG.carol }));
    const seen: (string | null)[] = [];
    const end = face.watch(CAROL, (from) => seen.push(from));
    expect(seen).toEqual([BOB]);
    end();
    port.arrive(frame(2, { target: TAG.carol }));
    expect(seen).toEqual([BOB]);
  });

  it('holds to what sharers allow, whatever peers send', () => {
    const { feature, face, seen } = stage();
    const [bob, carol] = [fakePort(BOB), fakePort(CAROL)];
    feature.linkUp(bob);
    feature.linkUp(carol);
    bob.arrive(frame(1));
    face.setAllowed(false);
    expect(bob.sent).toEqual([{ kind: 'pointer-policy', allowed: false }]);
    bob.arrive(frame(2));
    expect(seen.at(-1)).toEqual(['me', BOB, null]);
    face.setAllowed(true);
    bob.arrive(frame(3));
    expect(seen.at(-1)?.[2]).not.toBeNull();

    face.point(CAROL, 0.5, 0.5, false);
    feature.control?.(carol, { kind: 'pointer-policy', allowed: false });
    expect(face.snapshot().closed).toEqual(new Set([CAROL]));
    expect(seen.at(-1)).toEqual(['carol', null, null]);
    const before = bob.pointed.length;
    face.point(CAROL, 0.5, 0.5, false);
    expect(bob.pointed.length).toBe(before);
    bob.arrive(frame(4, { target: TAG.carol }));
    expect(seen.at(-1)).toEqual(['me', BOB, null]);
    feature.present?.(new Set([BOB]));
    expect(face.snapshot().closed.size).toBe(0);
  });

  it('looks at no more than a display can show, and lets go of ten thousand a second', () => {
    const { feature, seen } = stage();
    const [flood, calm] = [fakePort(BOB), fakePort(CAROL)];
    feature.linkUp(flood);
    feature.linkUp(calm);
    let sent = 0;
    while (flood.refused() === 0 && sent < 20_000) {
      for (let burst = 0; burst < 10; burst += 1) flood.arrive(frame(++sent & 0xffff));
      vi.advanceTimersByTime(1);
    }
    expect(flood.refused()).toBeGreaterThan(0);
    expect(sent).toBeLessThan(10_000);
    expect(seen.length).toBeLessThan(500);
    calm.arrive(frame(1));
    expect(seen.at(-1)?.[1]).toBe(CAROL);
    expect(calm.refused()).toBe(0);
  });

  it('takes all of an honest peer, also what waited while this page could not look', () => {
    const { feature, seen } = stage();
    const port = fakePort(BOB);
    feature.linkUp(port);
    for (let sent = 1; sent <= 1_200; sent += 1) {
      vi.advanceTimersByTime(7);
      port.arrive(frame(sent & 0xffff));
    }
    expect(seen.length).toBe(1_200);
    vi.advanceTimersByTime(20_000);
    for (let sent = 1; sent <= 20 * 144; sent += 1) port.arrive(frame(sent & 0xffff));
    expect(port.refused()).toBe(0);
  });

  it('lets go of who changes what they allow without end', () => {
    const { feature } = stage();
    const port = fakePort(BOB);
    feature.linkUp(port);
    for (let turn = 0; turn < 100; turn += 1)
      feature.control?.(port, { kind: 'pointer-policy', allowed: turn % 2 === 0 });
    expect(port.refused()).toBeGreaterThan(0);
  });
});
