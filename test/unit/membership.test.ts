/** The rules of a room, without a room. */

import { expect, it } from 'vitest';
import {
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
const join = (socket: number, resumes: string | null = null, hello = 'abcd'): MembershipEvent => ({
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

it('[T5] a member cannot resume another id', () => {
  const claim = run(two, join(2, idOf(1)));
  expect(claim.effects[0]).toEqual({ type: 'close', socket: 2, close: 'badMessage' });
});

it('[C1] hellos never outgrow a welcome', () => {
  let state = restoreMembership({ ...DEFAULT_LIMITS, capacity: 64 }, new Map());
  for (let n = 0; n < 20; n++) state = run(state, connect(n), join(n, null, 'a'.repeat(1024))).state;
  expect(state.seats.size).toBe(9);
});

it('[P1] a burst of a hundred passes, the next frame does not', () => {
  let state = two;
  for (let n = 0; n < 100; n++) state = run(state, { type: 'frame', socket: 1, nowMs: 0 }).state;
  expect(state.seats.has(1)).toBe(true);
  const later = run(state, { type: 'frame', socket: 1, nowMs: 1000 });
  expect(later.state.seats.has(1)).toBe(true);
  expect(run(state, { type: 'frame', socket: 1, nowMs: 0 }).effects[0]).toMatchObject({ close: 'pace' });
});

it('[D2] [H1] restored seats keep their order and their deadlines', () => {
  const restored = restoreMembership(DEFAULT_LIMITS, two.seats);
  expect(restored.nextOrder).toBe(2);
  expect(nextSweepMs(restored, new Map([[1, 5_000]]))).toBe(90_000);
  const swept = step(restored, { type: 'sweep', nowMs: 90_000, pingedAtMs: new Map([[1, 5_000]]) });
  expect([...swept.state.seats.keys()]).toEqual([1]);
});
