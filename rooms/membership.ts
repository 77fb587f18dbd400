/**
 * Every rule of a room, as a pure function: (state, event) -> {state, effects}. Owns who is in the room, under which
 * id, who hears what, and which refusal an offence earns (PROTOCOL.md cites the rules by id). Knows no socket, clock,
 * key or storage: the shell brings times, grants and verdicts in events and carries out the effects in their order.
 * Sealed data is opaque here.
 */

import {
  type CloseName,
  type IceServer,
  MAX_ROOM_HELLO_CHARS,
  type MemberInfo,
  type ServerMessage,
} from './protocol/index.ts';

/** The shell's name for a socket; unique among the sockets of one state, never sent anywhere. */
export type SocketId = number;

export interface RoomLimits {
  /** Most members at once. */
  readonly capacity: number;
  /** Most sockets at once that have not joined. */
  readonly maxPending: number;
  /** From connecting to the first `join`. */
  readonly joinDeadlineMs: number;
  /** From the last ping (or from joining) until the member counts as vanished. */
  readonly staleMs: number;
  readonly framesPerSecond: number;
  readonly frameBurst: number;
  readonly renewalsPerSecond: number;
  readonly renewalBurst: number;
}

// Both buckets are full again after at most ten seconds of silence. A room hibernates only after ten seconds of
// silence, so a bucket that lives in memory alone forgets nothing that it would still have held.
export const DEFAULT_LIMITS: RoomLimits = {
  capacity: 8,
  maxPending: 64,
  joinDeadlineMs: 5_000,
  staleMs: 90_000,
  framesPerSecond: 30,
  frameBurst: 100,
  renewalsPerSecond: 0.5,
  renewalBurst: 5,
};

export interface PendingSeat {
  readonly state: 'pending';
  readonly connectedAtMs: number;
}

export interface MemberSeat {
  readonly state: 'member';
  readonly peerId: string;
  readonly hello: string;
  /** Position in the order of joining; a resume keeps it. */
  readonly order: number;
  /** When this socket joined. */
  readonly joinedAtMs: number;
}

export type Seat = PendingSeat | MemberSeat;

/** What may still be sent, as of `atMs`. */
export interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

export interface Membership {
  readonly limits: RoomLimits;
  readonly seats: ReadonlyMap<SocketId, Seat>;
  /** Of members who have renewed. */
  readonly renewals: ReadonlyMap<SocketId, Bucket>;
  readonly nextOrder: number;
}

/** What the shell minted for the id that `peerIdForJoin` named. */
export interface Grant {
  readonly peerId: string;
  readonly ticket: string;
  readonly iceServers: readonly IceServer[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export type Offence = 'malformed' | 'binary' | 'version' | 'ticket' | 'pace';

export type MembershipEvent =
  | { readonly type: 'connected'; readonly socket: SocketId; readonly nowMs: number }
  | {
      readonly type: 'join';
      readonly socket: SocketId;
      readonly nowMs: number;
      readonly hello: string;
      /** The id a verified ticket speaks for, or null when the client claimed none. */
      readonly resumes: string | null;
      readonly grant: Grant;
    }
  | { readonly type: 'signal'; readonly socket: SocketId; readonly to: string; readonly data: string }
  | { readonly type: 'offence'; readonly socket: SocketId; readonly offence: Offence }
  /** The socket closed or failed; any number of times. */
  | { readonly type: 'left'; readonly socket: SocketId }
  /** `pingedAtMs`: when the runtime last answered a ping of each socket; absent if it never did. */
  | {
      readonly type: 'sweep';
      readonly nowMs: number;
      readonly pingedAtMs: ReadonlyMap<SocketId, number>;
    };

export type Effect =
  | { readonly type: 'send'; readonly sockets: readonly SocketId[]; readonly message: ServerMessage }
  /** The seat is new or changed and must outlive an eviction. */
  | { readonly type: 'persist'; readonly socket: SocketId; readonly seat: Seat }
  /** The socket has no seat any more; nothing it still sends counts. */
  | { readonly type: 'close'; readonly socket: SocketId; readonly close: CloseName };

export interface Step {
  readonly state: Membership;
  readonly effects: readonly Effect[];
}

const OFFENCE_CLOSE: Readonly<Record<Offence, CloseName>> = {
  malformed: 'badMessage',
  binary: 'badMessage',
  version: 'version',
  ticket: 'forbidden',
  pace: 'pace',
};

/** A room as its surviving seats describe it; empty for a new one. */
export function restoreMembership(limits: RoomLimits, seats: ReadonlyMap<SocketId, Seat>): Membership {
  let nextOrder = 0;
  for (const seat of seats.values()) {
    if (seat.state === 'member') nextOrder = Math.max(nextOrder, seat.order + 1);
  }
  return { limits, seats, renewals: new Map(), nextOrder };
}

/** The id a `join` of this socket would be answered with, so that the shell can mint for it. */
export function peerIdForJoin(
  state: Membership,
  socket: SocketId,
  resumes: string | null,
  fresh: string,
): string {
  const seat = state.seats.get(socket);
  return seat?.state === 'member' ? seat.peerId : (resumes ?? fresh);
}

/** When the next `sweep` may find something, in milliseconds since the epoch; null while nobody is there. */
export function nextSweepMs(state: Membership, pingedAtMs: ReadonlyMap<SocketId, number>): number | null {
  let next: number | null = null;
  for (const [socket, seat] of state.seats) {
    const due = dueMs(state.limits, seat, pingedAtMs.get(socket));
    next = next === null ? due : Math.min(next, due);
  }
  return next;
}

/**
 * Takes one frame out of a socket's bucket (null: its first), before the frame is read. Null when it came too fast: the
 * offence `pace`. Apart from the state, whose maps would otherwise be copied for every frame there is.
 */
export function chargeFrame(limits: RoomLimits, bucket: Bucket | null, nowMs: number): Bucket | null {
  return spend(bucket, limits.framesPerSecond, limits.frameBurst, nowMs);
}

/** One step of the room. Events about sockets without a seat are answered with nothing. */
export function step(state: Membership, event: MembershipEvent): Step {
  switch (event.type) {
    case 'connected':
      return connected(state, event.socket, event.nowMs);
    case 'join':
      return join(state, event);
    case 'signal':
      return signal(state, event.socket, event.to, event.data);
    case 'offence':
      return expel(state, event.socket, OFFENCE_CLOSE[event.offence]);
    case 'left':
      return leave(state, event.socket);
    case 'sweep':
      return sweep(state, event.nowMs, event.pingedAtMs);
  }
}

function connected(state: Membership, socket: SocketId, nowMs: number): Step {
  let pending = 0;
  for (const seat of state.seats.values()) if (seat.state === 'pending') pending++;
  if (pending >= state.limits.maxPending) {
    return { state, effects: [{ type: 'close', socket, close: 'pace' }] };
  }
  const seat: Seat = { state: 'pending', connectedAtMs: nowMs };
  return { state: withSeat(state, socket, seat), effects: [{ type: 'persist', socket, seat }] };
}

function join(state: Membership, event: Extract<MembershipEvent, { type: 'join' }>): Step {
  const { socket, grant, resumes } = event;
  const seat = state.seats.get(socket);
  if (seat === undefined) return { state, effects: [] };
  if (seat.state === 'member') return renew(state, event, seat);
  if (grant.peerId !== (resumes ?? grant.peerId))
    throw new Error('The grant is for another id than the claim');

  const old = memberSocket(state, grant.peerId);
  const previous = old === null ? undefined : state.seats.get(old);
  const replaced = old !== null && previous?.state === 'member' ? { socket: old, seat: previous } : null;
  if (replaced === null && memberCount(state) >= state.limits.capacity) return expel(state, socket, 'full');
  if (!helloFits(state, event.hello, replaced?.seat)) return expel(state, socket, 'full');

  const member: MemberSeat = {
    state: 'member',
    peerId: grant.peerId,
    hello: event.hello,
    order: replaced?.seat.order ?? state.nextOrder,
    joinedAtMs: event.nowMs,
  };
  const remaining = replaced === null ? state : withoutSeat(state, replaced.socket);
  const next: Membership = {
    ...withSeat(remaining, socket, member),
    nextOrder: Math.max(state.nextOrder, member.order + 1),
  };
  const effects: Effect[] = [{ type: 'persist', socket, seat: member }];
  if (replaced !== null) effects.push({ type: 'close', socket: replaced.socket, close: 'replaced' });
  effects.push(welcome(next, socket, grant));
  if (replaced?.seat.hello !== event.hello) effects.push(...announce(next, socket, member));
  return { state: next, effects };
}

function renew(state: Membership, event: Extract<MembershipEvent, { type: 'join' }>, seat: MemberSeat): Step {
  const { socket, grant, resumes } = event;
  if (resumes !== null && resumes !== seat.peerId) return expel(state, socket, 'badMessage');
  if (grant.peerId !== seat.peerId) throw new Error('The grant is for another id than the seat');
  const { renewalsPerSecond, renewalBurst } = state.limits;
  const bucket = spend(state.renewals.get(socket) ?? null, renewalsPerSecond, renewalBurst, event.nowMs);
  if (bucket === null) return expel(state, socket, 'pace');
  const charged: Membership = { ...state, renewals: new Map(state.renewals).set(socket, bucket) };
  if (event.hello === seat.hello) return { state: charged, effects: [welcome(charged, socket, grant)] };
  if (!helloFits(state, event.hello, seat)) return expel(state, socket, 'full');
  const changed: MemberSeat = { ...seat, hello: event.hello };
  const next = withSeat(charged, socket, changed);
  return {
    state: next,
    effects: [
      { type: 'persist', socket, seat: changed },
      welcome(next, socket, grant),
      ...announce(next, socket, changed),
    ],
  };
}

function signal(state: Membership, socket: SocketId, to: string, data: string): Step {
  const seat = state.seats.get(socket);
  if (seat === undefined) return { state, effects: [] };
  if (seat.state === 'pending' || to === seat.peerId) return expel(state, socket, 'badMessage');
  const target = memberSocket(state, to);
  // Somebody who has just left may still be written to: a race, not an offence.
  if (target === null) return { state, effects: [] };
  return {
    state,
    effects: [{ type: 'send', sockets: [target], message: { kind: 'signal', from: seat.peerId, data } }],
  };
}

function expel(state: Membership, socket: SocketId, close: CloseName): Step {
  if (!state.seats.has(socket)) return { state, effects: [] };
  const left = leave(state, socket);
  return { state: left.state, effects: [{ type: 'close', socket, close }, ...left.effects] };
}

function leave(state: Membership, socket: SocketId): Step {
  const seat = state.seats.get(socket);
  if (seat === undefined) return { state, effects: [] };
  const next = withoutSeat(state, socket);
  const sockets = memberSockets(next);
  if (seat.state === 'pending' || sockets.length === 0) return { state: next, effects: [] };
  return {
    state: next,
    effects: [{ type: 'send', sockets, message: { kind: 'peer-left', id: seat.peerId } }],
  };
}

function sweep(state: Membership, nowMs: number, pingedAtMs: ReadonlyMap<SocketId, number>): Step {
  const due = [...state.seats].filter(
    ([socket, seat]) => dueMs(state.limits, seat, pingedAtMs.get(socket)) <= nowMs,
  );
  let next = state;
  const effects: Effect[] = [];
  for (const [socket] of due) {
    const expelled = expel(next, socket, 'pace');
    next = expelled.state;
    effects.push(...expelled.effects);
  }
  return { state: next, effects };
}

function spend(bucket: Bucket | null, perSecond: number, burst: number, nowMs: number): Bucket | null {
  const { tokens: left, atMs } = bucket ?? { tokens: burst, atMs: nowMs };
  const elapsedMs = Math.max(0, nowMs - atMs);
  const tokens = Math.min(burst, left + (elapsedMs * perSecond) / 1000);
  return tokens < 1 ? null : { tokens: tokens - 1, atMs: nowMs };
}

function dueMs(limits: RoomLimits, seat: Seat, pingedAtMs: number | undefined): number {
  if (seat.state === 'pending') return seat.connectedAtMs + limits.joinDeadlineMs;
  return Math.max(seat.joinedAtMs, pingedAtMs ?? 0) + limits.staleMs;
}

function helloFits(state: Membership, hello: string, replaced: MemberSeat | undefined): boolean {
  let total = hello.length - (replaced?.hello.length ?? 0);
  for (const seat of state.seats.values()) if (seat.state === 'member') total += seat.hello.length;
  // Each peer's entry has its id and punctuation besides the hello.
  return total + memberCount(state) * 48 <= MAX_ROOM_HELLO_CHARS;
}

function welcome(state: Membership, socket: SocketId, grant: Grant): Effect {
  const members: { readonly order: number; readonly info: MemberInfo }[] = [];
  for (const [other, seat] of state.seats) {
    if (seat.state === 'member' && other !== socket) {
      members.push({ order: seat.order, info: { id: seat.peerId, hello: seat.hello } });
    }
  }
  members.sort((a, b) => a.order - b.order);
  return {
    type: 'send',
    sockets: [socket],
    message: {
      kind: 'welcome',
      peerId: grant.peerId,
      ticket: grant.ticket,
      peers: members.map(({ info }) => info),
      iceServers: grant.iceServers,
      expiresAt: grant.expiresAt,
    },
  };
}

function announce(state: Membership, socket: SocketId, member: MemberSeat): Effect[] {
  const sockets = memberSockets(state).filter((other) => other !== socket);
  if (sockets.length === 0) return [];
  return [
    { type: 'send', sockets, message: { kind: 'peer-joined', id: member.peerId, hello: member.hello } },
  ];
}

function memberSocket(state: Membership, peerId: string): SocketId | null {
  for (const [socket, seat] of state.seats) {
    if (seat.state === 'member' && seat.peerId === peerId) return socket;
  }
  return null;
}

function memberSockets(state: Membership): SocketId[] {
  return [...state.seats].filter(([, seat]) => seat.state === 'member').map(([socket]) => socket);
}

function memberCount(state: Membership): number {
  let count = 0;
  for (const seat of state.seats.values()) if (seat.state === 'member') count++;
  return count;
}

function withSeat(state: Membership, socket: SocketId, seat: Seat): Membership {
  return { ...state, seats: new Map(state.seats).set(socket, seat) };
}

function withoutSeat(state: Membership, socket: SocketId): Membership {
  const seats = new Map(state.seats);
  const renewals = new Map(state.renewals);
  seats.delete(socket);
  renewals.delete(socket);
  return { ...state, seats, renewals };
}
