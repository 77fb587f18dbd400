/**
 * The hibernating shell of a room: a Durable Object that turns sockets, alarms and keys into events of `membership`
 * and carries out its effects. Owns the sockets, their order of work and what survives an eviction; every rule is
 * membership's, and what is in `iceServers` is the subclass's.
 */

import { DurableObject } from 'cloudflare:workers';
import { type Attachment, decodeAttachment, encodeAttachment } from './attachment.ts';
import {
  type Bucket,
  chargeFrame,
  DEFAULT_LIMITS,
  type Effect,
  type Membership,
  type MembershipEvent,
  nextSweepMs,
  peerIdForJoin,
  type RoomLimits,
  restoreMembership,
  type Seat,
  type SocketId,
  step,
} from './membership.ts';
import {
  CLOSE,
  type ClientMessage,
  decodeClientMessage,
  encodeMessage,
  encodeRelayedSignal,
  type IceServer,
  PING,
  PONG,
  ROOM_ID_PATTERN,
  type ServerMessage,
  SUBPROTOCOL,
} from './protocol/index.ts';
import { createTickets, freshPeerId, roomTag, type Tickets } from './tickets.ts';

/** Request header in which the Worker names the room to its object. */
export const ROOM_ID_HEADER = 'parley-room-id';

export interface IceGrant {
  readonly iceServers: readonly IceServer[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

interface Live {
  readonly id: SocketId;
  readonly socket: WebSocket;
  /** Frames whose turn has not come because an earlier one of the same socket still awaits a key. */
  queue: Promise<void> | null;
  /** Null before the first frame. */
  pace: Bucket | null;
}

export abstract class Room<E> extends DurableObject<E> {
  private readonly bySocket = new Map<WebSocket, Live>();
  private readonly byId = new Map<SocketId, Live>();
  private nextSocketId: SocketId = 0;
  private membership: Membership | null = null;
  private roomId: string | null = null;
  private alarmAtMs: number | null = null;
  private tickets: Promise<Tickets> | null = null;
  private tag: Promise<string> | null = null;

  constructor(ctx: DurableObjectState, env: E) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    void ctx.blockConcurrencyWhile(async () => {
      this.alarmAtMs = await ctx.storage.getAlarm();
    });
  }

  /** What the operator allows; overridden by the subclass. */
  protected limits(): RoomLimits {
    return DEFAULT_LIMITS;
  }

  /** The secret behind the tickets, the same for every room and every deployment. */
  protected abstract ticketKey(): string;

  /** ICE servers with credentials for this member, from `nowMs` on. */
  protected abstract mintIceServers(peerId: string, nowMs: number): Promise<IceGrant>;

  /** The upgrade, from the Worker alone: it has checked the origin and the subprotocols. */
  override async fetch(request: Request): Promise<Response> {
    const roomId = request.headers.get(ROOM_ID_HEADER);
    if (roomId === null || !ROOM_ID_PATTERN.test(roomId)) return new Response(null, { status: 400 });
    if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') {
      return new Response(null, { status: 426 });
    }
    // Before the new socket is accepted, so that it is not taken for one that survived.
    this.restore();
    this.roomId = roomId;
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    const { id } = this.adopt(server);
    this.apply({ type: 'connected', socket: id, nowMs: Date.now() });
    await this.scheduleSweep();
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: { 'sec-websocket-protocol': SUBPROTOCOL },
    });
  }

  // Not async: a signal, which awaits nothing, is done when this returns, and the runtime has no promise to wait for.
  override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): void | Promise<void> {
    const live = this.live(socket);
    if (live === null) return undefined;
    // Charged on arrival, so that the burst also bounds what can wait in the queue.
    const pace = chargeFrame(this.state().limits, live.pace, Date.now());
    if (pace === null) {
      this.apply({ type: 'offence', socket: live.id, offence: 'pace' });
      return undefined;
    }
    live.pace = pace;
    const work =
      live.queue === null ? this.receive(live, frame) : live.queue.then(() => this.receive(live, frame));
    if (work === undefined) return undefined;
    const queue = work
      .catch((error: unknown) => this.fail(live, error))
      .then(() => {
        if (live.queue === queue) live.queue = null;
      });
    live.queue = queue;
    return queue;
  }

  override webSocketClose(socket: WebSocket): void {
    this.left(socket);
  }

  // A frame over the runtime's own limit and a broken transport arrive here, and only here.
  override webSocketError(socket: WebSocket): void {
    this.left(socket);
  }

  override async alarm(): Promise<void> {
    this.alarmAtMs = null;
    this.sweep();
    await this.scheduleSweep();
  }

  // Synchronous unless a key is needed: a promise means that later frames of this socket must wait.
  private receive(live: Live, frame: string | ArrayBuffer): Promise<void> | undefined {
    if (!this.state().seats.has(live.id)) return undefined;
    if (typeof frame !== 'string') {
      this.apply({ type: 'offence', socket: live.id, offence: 'binary' });
      return undefined;
    }
    const decoded = decodeClientMessage(frame);
    if (!decoded.ok) {
      const offence = decoded.close === 'version' ? 'version' : 'malformed';
      this.apply({ type: 'offence', socket: live.id, offence });
      return undefined;
    }
    const { message } = decoded;
    if (message.kind === 'join') return this.join(live, message);
    this.apply({ type: 'signal', socket: live.id, to: message.to, data: message.data });
    return undefined;
  }

  // Everything that awaits comes first; the event itself, with the capacity it checks, is one synchronous step.
  private async join(live: Live, message: Extract<ClientMessage, { kind: 'join' }>): Promise<void> {
    const { roomId } = this;
    if (roomId === null) throw new Error('A socket without a room');
    this.tickets ??= createTickets(this.ticketKey());
    this.tag ??= roomTag(roomId);
    const tickets = await this.tickets;
    const tag = await this.tag;
    const { resume } = message;
    if (resume !== undefined && !(await tickets.verify(roomId, resume.peerId, resume.ticket))) {
      this.apply({ type: 'offence', socket: live.id, offence: 'ticket' });
      return;
    }
    const resumes = resume?.peerId ?? null;
    const peerId = peerIdForJoin(this.state(), live.id, resumes, freshPeerId(tag));
    const [ticket, ice] = await Promise.all([
      tickets.mint(roomId, peerId),
      this.mintIceServers(peerId, Date.now()),
    ]);
    this.sweep();
    const grant = { peerId, ticket, iceServers: ice.iceServers, expiresAt: ice.expiresAt };
    this.apply({
      type: 'join',
      socket: live.id,
      nowMs: Date.now(),
      hello: message.hello,
      resumes,
      grant,
    });
  }

  private left(socket: WebSocket): void {
    const live = this.live(socket);
    if (live === null) return;
    this.apply({ type: 'left', socket: live.id });
    this.forget(live);
    try {
      socket.close();
    } catch {
      // Already closed by the runtime.
    }
  }

  // The operator's fault (a secret that cannot be used), not the client's: said in the log without the secret.
  private fail(live: Live, error: unknown): void {
    console.error('room: a join failed', error instanceof Error ? error.message : 'unknown');
    this.apply({ type: 'left', socket: live.id });
    this.forget(live);
    live.socket.close(1011, 'internal');
  }

  private sweep(): void {
    this.apply({ type: 'sweep', nowMs: Date.now(), pingedAtMs: this.pingTimes() });
  }

  private async scheduleSweep(): Promise<void> {
    const next = nextSweepMs(this.state(), this.pingTimes());
    if (next === null || (this.alarmAtMs !== null && this.alarmAtMs <= next)) return;
    this.alarmAtMs = next;
    await this.ctx.storage.setAlarm(next);
  }

  private pingTimes(): ReadonlyMap<SocketId, number> {
    // An alarm may be what wakes the room: nobody is known before the state is.
    this.state();
    const times = new Map<SocketId, number>();
    for (const { id, socket } of this.byId.values()) {
      const at = this.ctx.getWebSocketAutoResponseTimestamp(socket);
      if (at !== null) times.set(id, at.getTime());
    }
    return times;
  }

  private apply(event: MembershipEvent): void {
    const next = step(this.state(), event);
    this.membership = next.state;
    for (const effect of next.effects) this.perform(effect);
  }

  private perform(effect: Effect): void {
    switch (effect.type) {
      case 'send': {
        const text = encode(effect.message);
        for (const id of effect.sockets) this.send(id, text);
        return;
      }
      case 'persist':
        this.attach(effect.socket, effect.seat);
        return;
      case 'close': {
        this.attach(effect.socket, null);
        const live = this.byId.get(effect.socket);
        if (live === undefined) return;
        this.forget(live);
        const { code, reason } = CLOSE[effect.close];
        live.socket.close(code, reason);
      }
    }
  }

  private send(id: SocketId, text: string): void {
    try {
      this.byId.get(id)?.socket.send(text);
    } catch {
      // The transport is gone and its close event is on the way; the others must not suffer for it.
    }
  }

  private attach(id: SocketId, seat: Seat | null): void {
    const live = this.byId.get(id);
    if (live === undefined || this.roomId === null) return;
    const attachment: Attachment = { roomId: this.roomId, seat };
    live.socket.serializeAttachment(encodeAttachment(attachment));
  }

  private state(): Membership {
    return this.membership ?? this.restore();
  }

  // After an eviction nothing is left but the sockets and their attachments.
  private restore(): Membership {
    if (this.membership !== null) return this.membership;
    const seats = new Map<SocketId, Seat>();
    for (const socket of this.ctx.getWebSockets()) {
      const attachment = decodeAttachment(socket.deserializeAttachment());
      if (attachment === null) {
        // Written by a deployment this one cannot read: the client joins afresh.
        socket.close(1012, 'restart');
        continue;
      }
      this.roomId = attachment.roomId;
      if (attachment.seat !== null) seats.set(this.adopt(socket).id, attachment.seat);
    }
    this.membership = restoreMembership(this.limits(), seats);
    return this.membership;
  }

  private live(socket: WebSocket): Live | null {
    this.restore();
    return this.bySocket.get(socket) ?? null;
  }

  private adopt(socket: WebSocket): Live {
    const live: Live = { id: this.nextSocketId++, socket, queue: null, pace: null };
    this.bySocket.set(socket, live);
    this.byId.set(live.id, live);
    return live;
  }

  private forget(live: Live): void {
    this.bySocket.delete(live.socket);
    this.byId.delete(live.id);
  }
}

// What a signal carries has come through the decoder, its sender's id out of this room.
function encode(message: ServerMessage): string {
  return message.kind === 'signal' ? encodeRelayedSignal(message.from, message.data) : encodeMessage(message);
}
