/**
 * The client's end of the signalling socket (PROTOCOL.md): joins, stays joined, renews, resumes, and says when it cannot.
 * Owns the WebSocket and every timer around it. Knows nothing of links or keys: hellos and signals are sealed text here.
 *
 *   connecting --welcome--> connected --loss--> away --welcome--> connected
 *   connecting --refusal that repeating cannot change--> ended
 *   any --close()--> ended
 *
 * After the first welcome nothing the server says ends a call: its links need no server (DESIGN section 4), so a refusal
 * then only means that the server is away for us.
 */
import { CLOSE } from '../../rooms/protocol/close.ts';
import { decodeServerMessage, encodeMessage } from '../../rooms/protocol/decode.ts';
import {
  MAX_SIGNAL_CHARS,
  PING,
  PING_INTERVAL_MS,
  PONG,
  PROTOCOL_VERSION,
  ROOM_ID_PATTERN,
  ROOM_SUBPROTOCOL_PREFIX,
  SUBPROTOCOL,
} from '../../rooms/protocol/limits.ts';
import type {
  ClientMessage,
  IceServer,
  MemberInfo,
  Resume,
  ServerMessage,
} from '../../rooms/protocol/messages.ts';
import { createBackoff } from './backoff.ts';
import { createSubject, type Observable } from './observable.ts';
import type { EndCode } from './snapshot.ts';

/** What signalling uses of a WebSocket. */
export interface SignalingSocket {
  readonly readyState: number;
  addEventListener(type: 'open', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number }) => void): void;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export interface SignalingClock {
  /** Milliseconds since the epoch. */
  now(): number;
  setTimeout(fn: () => void, delayMs: number): number;
  clearTimeout(timer: number): void;
}

export interface SignalingOptions {
  /** ws: or wss: URL of the room endpoint; the room id is not part of it. */
  readonly url: string;
  readonly roomId: string;
  /** The sealed hello of this join; asked for at every `join`, always the same. May still be on its way to be sealed. */
  readonly hello: () => string | Promise<string>;
  readonly createSocket?: (url: string, protocols: string[]) => SignalingSocket;
  readonly clock?: SignalingClock;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

export interface SignalingSnapshot {
  /** `connecting` before the first answer; `away` from a loss until the next welcome; `ended` is final. */
  readonly state: 'connecting' | 'connected' | 'away' | 'ended';
  /** The last id the room gave, kept while away. */
  readonly peerId: string | null;
  /** Set exactly when state is `ended`. */
  readonly endCode: EndCode | null;
}

export type SignalingEvent =
  | {
      readonly kind: 'welcome';
      readonly peerId: string;
      /** Whether this is the id of the welcome before it. */
      readonly resumed: boolean;
      /** Everybody else in the room, now. */
      readonly peers: readonly MemberInfo[];
      readonly iceServers: readonly IceServer[];
      /** Milliseconds since the epoch, by the server's clock. */
      readonly expiresAt: number;
    }
  | Exclude<ServerMessage, { kind: 'welcome' }>;

export interface Signaling extends Observable<SignalingSnapshot> {
  /** Returns the function that ends the subscription. */
  on(handler: (event: SignalingEvent) => void): () => void;
  /**
   * Sends sealed `data` to the member `to`. False when there is no joined socket: wait for the next welcome.
   * @throws RangeError when `data` is longer than MAX_SIGNAL_CHARS.
   */
  send(to: string, data: string): boolean;
  /** Tries again at once if the server is away; asks the socket for a sign of life if it is connected. */
  retry(): void;
  /** How many frames were dropped: undecodable, or out of order. */
  droppedFrames(): number;
  /** Leaves the room. Idempotent; the state is `ended` with `left` unless it had ended already. */
  close(): void;
}

/** WebSocket.OPEN, for sockets that are not the browser's. */
const OPEN = 1;
const BACKOFF_MIN_MS = 250;
const BACKOFF_MAX_MS = 10_000;
/** From the making of a socket to its welcome, and from a renewal to its welcome. */
const WELCOME_TIMEOUT_MS = 10_000;
/** How long a socket doubted by `retry` may take to answer a ping. */
const PROBE_TIMEOUT_MS = 4_000;
/** A socket lost sooner than this after its welcome does not make the next attempt any quicker. */
const STABLE_MS = 10_000;
/** Pings without an answer before the socket counts as lost. */
const MAX_UNANSWERED_PINGS = 2;
/** Share of the credentials' life after which they are renewed. */
const RENEW_AT = 0.75;
const RENEW_JITTER = 0.1;
const MIN_LIFE_MS = 2_000;
/** A room answers one renewal in two seconds for long; asking faster ends in 4008. */
const MIN_RENEWAL_MS = 2_100;
/** A longer life may be a clock of ours that is behind; renewing more often than needed costs one frame. */
const MAX_LIFE_MS = 3_600_000;
/** Where the doubling of implausibly short lives ends. */
const MAX_SHORT_LIFE_MS = 15 * 60_000;

/** Refusals that the same join would meet again. `pace` is not among them. */
const END_CODES: ReadonlyMap<number, EndCode> = new Map([
  [CLOSE.badMessage.code, 'bad-message'],
  [CLOSE.forbidden.code, 'forbidden'],
  [CLOSE.full.code, 'room-full'],
  [CLOSE.version.code, 'version'],
]);

const systemClock: SignalingClock = {
  now: () => Date.now(),
  setTimeout: (fn, delayMs) => setTimeout(fn, delayMs),
  clearTimeout: (timer) => clearTimeout(timer),
};

/** One named timer: setting it again replaces what it was set to. */
class Timer {
  readonly #clock: SignalingClock;
  #pending: number | null = null;

  constructor(clock: SignalingClock) {
    this.#clock = clock;
  }

  get pending(): boolean {
    return this.#pending !== null;
  }

  set(delayMs: number, fn: () => void): void {
    this.clear();
    this.#pending = this.#clock.setTimeout(() => {
      this.#pending = null;
      fn();
    }, delayMs);
  }

  clear(): void {
    if (this.#pending !== null) this.#clock.clearTimeout(this.#pending);
    this.#pending = null;
  }
}

/** The socket of the moment. Listeners of an earlier one find that they are not current and do nothing. */
interface Attempt {
  readonly socket: SignalingSocket;
  readonly resume: Resume | null;
  joinedAtMs: number | null;
  unansweredPings: number;
}

/**
 * Begins to connect at once and keeps at it until `close` or a refusal.
 * @throws TypeError when `roomId` is not one.
 */
export function createSignaling(options: SignalingOptions): Signaling {
  if (!ROOM_ID_PATTERN.test(options.roomId)) throw new TypeError('not a room id');
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const createSocket = options.createSocket ?? ((url, protocols) => new WebSocket(url, protocols));
  const backoff = createBackoff({ minMs: BACKOFF_MIN_MS, maxMs: BACKOFF_MAX_MS, random });
  const subject = createSubject<SignalingSnapshot>({ state: 'connecting', peerId: null, endCode: null });
  const handlers = new Set<(event: SignalingEvent) => void>();

  const reconnectTimer = new Timer(clock);
  const welcomeTimer = new Timer(clock);
  const pingTimer = new Timer(clock);
  const probeTimer = new Timer(clock);
  const renewTimer = new Timer(clock);

  let current: Attempt | null = null;
  let resume: Resume | null = null;
  let shortLifeMs = MIN_LIFE_MS;
  let dropped = 0;

  const ended = () => subject.snapshot().state === 'ended';

  function emit(event: SignalingEvent): void {
    for (const handler of [...handlers]) {
      if (handlers.has(handler)) handler(event);
    }
  }

  function transmit(attempt: Attempt, message: ClientMessage): void {
    attempt.socket.send(encodeMessage(message));
  }

  function join(attempt: Attempt, claim: Resume | null): void {
    const send = (sealed: string) => {
      const message = { kind: 'join', v: PROTOCOL_VERSION, hello: sealed } as const;
      if (current === attempt) transmit(attempt, claim === null ? message : { ...message, resume: claim });
    };
    const hello = options.hello();
    if (typeof hello === 'string') send(hello);
    else hello.then(send, () => lose(attempt));
    welcomeTimer.set(WELCOME_TIMEOUT_MS, () => lose(attempt));
  }

  function connect(): void {
    reconnectTimer.clear();
    let socket: SignalingSocket;
    try {
      socket = createSocket(options.url, [SUBPROTOCOL, ROOM_SUBPROTOCOL_PREFIX + options.roomId]);
    } catch {
      // A browser may refuse at once (its policy, an exhausted pool of sockets); that is a loss like any other.
      away(backoff.next());
      return;
    }
    const attempt: Attempt = { socket, resume, joinedAtMs: null, unansweredPings: 0 };
    current = attempt;
    welcomeTimer.set(WELCOME_TIMEOUT_MS, () => lose(attempt));
    socket.addEventListener('open', () => {
      if (current !== attempt) return;
      join(attempt, attempt.resume);
    });
    socket.addEventListener('message', ({ data }) => {
      if (current === attempt) receive(attempt, data);
    });
    // `error` carries nothing and is always followed by `close` (WHATWG WebSockets, "fail the connection").
    socket.addEventListener('close', ({ code }) => {
      if (current === attempt) closed(attempt, code);
    });
  }

  /** Forgets the socket of the moment; whatever it still says is ignored. */
  function release(): void {
    current = null;
    for (const timer of [welcomeTimer, pingTimer, probeTimer, renewTimer]) timer.clear();
  }

  function away(delayMs: number): void {
    const { state, peerId } = subject.snapshot();
    reconnectTimer.set(delayMs, connect);
    if (state !== 'away') subject.set({ state: 'away', peerId, endCode: null });
  }

  function end(endCode: EndCode): void {
    release();
    reconnectTimer.clear();
    subject.set({ state: 'ended', peerId: subject.snapshot().peerId, endCode });
    handlers.clear();
  }

  /** The socket is dead or useless, and nobody said so. */
  function lose(attempt: Attempt): void {
    if (current !== attempt) return;
    afterLoss(attempt);
    attempt.socket.close();
  }

  function afterLoss(attempt: Attempt): void {
    release();
    if (attempt.joinedAtMs !== null && clock.now() - attempt.joinedAtMs >= STABLE_MS) backoff.reset();
    away(backoff.next());
  }

  function closed(attempt: Attempt, code: number): void {
    if (code === CLOSE.forbidden.code && attempt.resume !== null && attempt.joinedAtMs === null) {
      // The ticket is not honoured any more (the server's key changed): a new id is better than no room.
      release();
      resume = null;
      away(0);
      return;
    }
    if (code === CLOSE.pace.code) {
      release();
      backoff.slow();
      away(BACKOFF_MAX_MS / 2 + backoff.next());
      return;
    }
    const endCode = END_CODES.get(code);
    if (endCode === undefined) {
      afterLoss(attempt);
    } else if (subject.snapshot().peerId === null) {
      end(endCode);
    } else {
      release();
      backoff.slow();
      away(BACKOFF_MAX_MS / 2 + backoff.next());
    }
  }

  function receive(attempt: Attempt, data: unknown): void {
    attempt.unansweredPings = 0;
    probeTimer.clear();
    if (data === PONG) return;
    const decoded = typeof data === 'string' ? decodeServerMessage(data) : null;
    if (decoded === null || !decoded.ok) {
      dropped += 1;
      return;
    }
    const { message } = decoded;
    if (message.kind === 'welcome') {
      welcomed(attempt, message);
    } else if (attempt.joinedAtMs === null) {
      dropped += 1;
    } else {
      emit(message);
    }
  }

  function welcomed(attempt: Attempt, message: ServerMessage & { kind: 'welcome' }): void {
    const { peerId, ticket, peers, iceServers, expiresAt } = message;
    welcomeTimer.clear();
    if (attempt.joinedAtMs === null) {
      attempt.joinedAtMs = clock.now();
      pingTimer.set(PING_INTERVAL_MS, () => ping(attempt));
    }
    const before = subject.snapshot();
    const resumed = before.peerId === peerId;
    resume = { peerId, ticket };
    // Without credentials nothing ends, and a call at rest sends nothing.
    if (!iceServers.some(({ credential }) => credential !== undefined)) renewTimer.clear();
    else renewTimer.set(renewalDelayMs(expiresAt), () => join(attempt, null));
    if (!resumed || before.state !== 'connected') {
      subject.set({ state: 'connected', peerId, endCode: null });
    }
    // A listener may have closed.
    if (current === attempt) emit({ kind: 'welcome', peerId, resumed, peers, iceServers, expiresAt });
  }

  /**
   * The life of fresh credentials is only known by the server's clock. When ours is ahead by more than that life every
   * welcome looks expired: the assumed life then doubles from welcome to welcome, so that a wrong clock cannot become
   * a flood of renewals.
   */
  function renewalDelayMs(expiresAt: number): number {
    let lifeMs = Math.min(expiresAt - clock.now(), MAX_LIFE_MS);
    if (lifeMs >= MIN_LIFE_MS / 2) {
      shortLifeMs = MIN_LIFE_MS;
      lifeMs = Math.max(lifeMs, MIN_LIFE_MS);
    } else {
      lifeMs = shortLifeMs;
      shortLifeMs = Math.min(shortLifeMs * 2, MAX_SHORT_LIFE_MS);
    }
    return Math.max(MIN_RENEWAL_MS, lifeMs * RENEW_AT * (1 - RENEW_JITTER * random()));
  }

  /**
   * Counts pings rather than time: after a sleep of the machine the last answer is old, and the socket may be well.
   */
  function ping(attempt: Attempt): void {
    if (attempt.unansweredPings >= MAX_UNANSWERED_PINGS) {
      lose(attempt);
      return;
    }
    attempt.unansweredPings += 1;
    attempt.socket.send(PING);
    pingTimer.set(PING_INTERVAL_MS, () => ping(attempt));
  }

  connect();

  return {
    snapshot: subject.snapshot,
    subscribe: subject.subscribe,
    on(handler) {
      if (ended()) return () => {};
      const entry = (event: SignalingEvent) => handler(event);
      handlers.add(entry);
      return () => {
        handlers.delete(entry);
      };
    },
    send(to, data) {
      if (data.length > MAX_SIGNAL_CHARS) throw new RangeError('signal too long');
      const attempt = current;
      if (attempt === null || attempt.joinedAtMs === null || attempt.socket.readyState !== OPEN) return false;
      transmit(attempt, { kind: 'signal', to, data });
      return true;
    },
    retry() {
      if (ended()) return;
      const attempt = current;
      if (attempt === null) {
        connect();
      } else if (attempt.joinedAtMs !== null && !probeTimer.pending) {
        attempt.socket.send(PING);
        probeTimer.set(PROBE_TIMEOUT_MS, () => lose(attempt));
      }
    },
    droppedFrames: () => dropped,
    close() {
      if (ended()) return;
      const socket = current?.socket;
      end('left');
      socket?.close(1000, 'left');
    },
  };
}
