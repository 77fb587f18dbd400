/** The rules of a room, without a room. */

import { expect, it } from 'vitest';
import {
  type Bucket,
  chargeFrame,
  DEFAULT_LIMITS,
  type Membership,
  type MembershipEvent,
  nextSweepMs,
  restoreMembership,
  step,
} from '../../rooms/membership.ts';

const idOf = (n: number) => `AAAAAAAA.${String(n).padStart(16, '0')}`;

function run(state: Membership, ...events: MembershipEvent[]) {
  return events.reduce((last, event) => step(last.state, event), step(state, { type: 'left', socket: -1 }));
}

const connect = (socket: number): MembershipEvent => ({ type: 'connected', socket, nowMs: 0 });
const join = (
  socket: number,
  resumes: string | null = null,
  hello = 'abcd',
): Extract<MembershipEvent, { type: 'join' }> => ({
  type: 'join',
  socket,
  nowMs: 0,
  hello,
  resumes,
  grant: { peerId: resumes ?? idOf(socket), ticket: 't', iceServers: [], expiresAt: 0 },
});
const empty = restoreMembership(DEFAULT_LIMITS, new Map());
const two = run(empty, connect(1), join(1), connect(2), join(2)).state;

it('[L1] leaving twice is leaving once', () => {
  const left = run(two, { type: 'left', socket: 1 });
  expect(left.effects).toEqual([{ type: 'send', sockets: [2], message: { kind: 'peer-left', id: idOf(1) } }]);
  expect(step(left.state, { type: 'left', socket: 1 }).effects).toEqual([]);
});

it('[T2] a resume with the same hello is unheard, keeps its order and closes the old socket', () => {
  const resumed = run(two, connect(3), join(3, idOf(1)));
  expect(resumed.effects.map(({ type }) => type)).toEqual(['persist', 'close', 'send']);
  expect(resumed.state.seats.get(3)).toMatchObject({ peerId: idOf(1), order: 0 });
});

it('[T1] a resume of an id that has left is a join under that id, heard by the others', () => {
  const back = run(two, { type: 'left', socket: 1 }, connect(3), join(3, idOf(1)));
  expect(back.effects.map(({ type }) => type)).toEqual(['persist', 'send', 'send']);
  expect(back.effects.at(-1)).toEqual({
    type: 'send',
    sockets: [2],
    message: { kind: 'peer-joined', id: idOf(1), hello: 'abcd' },
  });
  expect(back.state.seats.get(3)).toMatchObject({ peerId: idOf(1), order: 2 });
});

it('[J4] a renewal with another hello is kept and announced, five at once and then one in two seconds', () => {
  const renewal = (hello: string, nowMs: number): MembershipEvent => ({ ...join(1, null, hello), nowMs });
  const first = run(two, renewal('efgh', 0));
  expect(first.effects.map(({ type }) => type)).toEqual(['persist', 'send', 'send']);
  expect(first.effects.at(-1)).toEqual({
    type: 'send',
    sockets: [2],
    message: { kind: 'peer-joined', id: idOf(1), hello: 'efgh' },
  });
  expect(first.state.seats.get(1)).toMatchObject({ peerId: idOf(1), hello: 'efgh', order: 0 });
  const fifth = run(first.state, ...Array.from({ length: 4 }, () => renewal('efgh', 0)));
  expect(fifth.effects.map(({ type }) => type)).toEqual(['send']);
  expect(run(fifth.state, renewal('efgh', 1_999)).effects[0]).toMatchObject({ close: 'pace' });
  const inTime = run(fifth.state, renewal('efgh', 2_000)).state;
  expect(run(inTime, renewal('efgh', 2_000)).effects[0]).toMatchObject({ close: 'pace' });
});

it('[P2] sixty-four sockets may be pending, members not counted', () => {
  const connects = Array.from({ length: 64 }, (_, n) => connect(n + 10));
  const full = run(two, ...connects).state;
  expect(full.seats.size).toBe(66);
  expect(step(full, connect(99))).toEqual({
    state: full,
    effects: [{ type: 'close', socket: 99, close: 'pace' }],
  });
  expect(run(full, join(10), connect(99)).effects.map(({ type }) => type)).toEqual(['persist']);
  expect(run(full, { type: 'left', socket: 10 }, connect(99)).effects).toHaveLength(1);
});

it('[T5] a member cannot resume another id', () => {
  const claim = run(two, join(2, idOf(1)));
  expect(claim.effects[0]).toEqual({ type: 'close', socket: 2, close: 'badMessage' });
});

it('[C1] hellos never outgrow a welcome', () => {
  let state = restoreMembership({ ...DEFAULT_LIMITS, capacity: 64 }, new Map());
  for (let n = 0; n < 20; n++) state = run(state, connect(n), join(n, null, 'a'.repeat(1024))).state;
  expect(state.seats.size).toBe(9);
});

it('[P1] a burst of a hundred passes, the next frame does not until there is time for it', () => {
  let bucket: Bucket | null = null;
  for (let n = 0; n < 100; n++) {
    bucket = chargeFrame(DEFAULT_LIMITS, bucket, 0);
    expect(bucket).not.toBeNull();
  }
  expect(chargeFrame(DEFAULT_LIMITS, bucket, 0)).toBeNull();
  expect(chargeFrame(DEFAULT_LIMITS, bucket, 33)).toBeNull();
  expect(chargeFrame(DEFAULT_LIMITS, bucket, 34)).not.toBeNull();
});

it('[P1] silence fills the bucket to its brim and not over it; a clock set back takes nothing', () => {
  let bucket: Bucket | null = chargeFrame(DEFAULT_LIMITS, null, 10_000);
  bucket = chargeFrame(DEFAULT_LIMITS, bucket, 90_000);
  expect(bucket).toEqual({ tokens: 99, atMs: 90_000 });
  expect(chargeFrame(DEFAULT_LIMITS, bucket, 80_000)).toEqual({ tokens: 98, atMs: 80_000 });
});

it('[P1] [F2] who came too fast is ended and the others hear it', () => {
  expect(step(two, { type: 'offence', socket: 1, offence: 'pace' }).effects).toEqual([
    { type: 'close', socket: 1, close: 'pace' },
    { type: 'send', sockets: [2], message: { kind: 'peer-left', id: idOf(1) } },
  ]);
});

it('[D2] [H1] restored seats keep their order and their deadlines', () => {
  const restored = restoreMembership(DEFAULT_LIMITS, two.seats);
  expect(restored.nextOrder).toBe(2);
  expect(nextSweepMs(restored, new Map([[1, 5_000]]))).toBe(90_000);
  const swept = step(restored, { type: 'sweep', nowMs: 90_000, pingedAtMs: new Map([[1, 5_000]]) });
  expect([...swept.state.seats.keys()]).toEqual([1]);
});
