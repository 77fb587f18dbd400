import { describe, expect, it } from 'vitest';
import {
  createSignaling,
  type Signaling,
  type SignalingEvent,
  type SignalingSnapshot,
} from '../../app/call/signaling.ts';
import { CLOSE } from '../../rooms/protocol/close.ts';
import {
  MAX_SIGNAL_CHARS,
  PING,
  PING_INTERVAL_MS,
  PONG,
  PROTOCOL_VERSION,
} from '../../rooms/protocol/limits.ts';
import type { IceServer, MemberInfo } from '../../rooms/protocol/messages.ts';
import { FakeClock } from '../fakes/clock.ts';
import { FakeNetwork } from '../fakes/socket.ts';

const ROOM_ID = 'AAAAAAAAAAAAAAAAAAAAAA';
const HELLO = 'c2VhbGVkLWhlbGxv';
const ME = 'aaaaaaaa.0000000000000000';
const OTHER = 'aaaaaaaa.1111111111111111';
const THIRD = 'aaaaaaaa.2222222222222222';
const TICKET = 'A'.repeat(43);
const TURN: IceServer = { urls: ['turn:127.0.0.1:3478'], username: `1:${ME}`, credential: 'secret' };
const HOUR_MS = 3_600_000;

interface WelcomeFields {
  peerId?: string;
  ticket?: string;
  peers?: readonly MemberInfo[];
  iceServers?: readonly IceServer[];
  expiresAt?: number;
}

class Client {
  readonly clock = new FakeClock();
  readonly network = new FakeNetwork();
  readonly events: SignalingEvent[] = [];
  readonly states: SignalingSnapshot['state'][] = [];
  readonly signaling: Signaling;

  constructor(random = 0.5, refusal: Error | null = null) {
    this.network.refusal = refusal;
    this.signaling = createSignaling({
      url: 'wss://parley.example/room',
      roomId: ROOM_ID,
      hello: () => HELLO,
      createSocket: this.network.createSocket,
      clock: this.clock,
      random: () => random,
    });
    this.signaling.on((event) => this.events.push(event));
    this.signaling.subscribe(() => this.states.push(this.signaling.snapshot().state));
  }

  get socket() {
    return this.network.latest;
  }

  get count() {
    return this.network.sockets.length;
  }

  welcome(fields: WelcomeFields = {}): void {
    this.socket.deliver({
      kind: 'welcome',
      peerId: ME,
      ticket: TICKET,
      peers: [],
      iceServers: [TURN],
      expiresAt: this.clock.now() + HOUR_MS,
      ...fields,
    });
  }

  /** Accepts the socket and the join; forgets the frames of it. */
  joins(fields: WelcomeFields = {}): this {
    this.socket.accept();
    this.welcome(fields);
    this.socket.take();
    return this;
  }

  /** Lets time pass with the other side answering every ping. */
  passWithPongs(ms: number): void {
    for (let leftMs = ms; leftMs > 0; leftMs -= 1000) {
      this.clock.advance(Math.min(1000, leftMs));
      if (this.socket.sent.includes(PING)) {
        this.socket.sent.splice(this.socket.sent.indexOf(PING), 1);
        this.socket.deliver(PONG);
      }
    }
  }
}

const join = { kind: 'join', v: PROTOCOL_VERSION, hello: HELLO };
const resume = { ...join, resume: { peerId: ME, ticket: TICKET } };

describe('joining', () => {
  it('names the room in a subprotocol and joins with its first frame', () => {
    const client = new Client();
    expect(client.socket.url).toBe('wss://parley.example/room');
    expect(client.socket.protocols).toEqual(['parley.v1', `room.${ROOM_ID}`]);
    expect(client.signaling.snapshot()).toEqual({ state: 'connecting', peerId: null, endCode: null });
    client.socket.accept();
    expect(client.socket.take()).toEqual([join]);
  });

  it('tells of the welcome once it is connected', () => {
    const client = new Client();
    let during: unknown;
    client.signaling.on(() => {
      during = [client.signaling.snapshot(), client.signaling.send(OTHER, 'AAAA')];
    });
    const peers = [{ id: OTHER, hello: HELLO }];
    client.joins({ peers });
    expect(during).toEqual([{ state: 'connected', peerId: ME, endCode: null }, true]);
    const expiresAt = client.clock.now() + HOUR_MS;
    expect(client.events).toEqual([
      { kind: 'welcome', peerId: ME, resumed: false, peers, iceServers: [TURN], expiresAt },
    ]);
  });

  it('hands on what the room says', () => {
    const client = new Client().joins();
    const frames = [
      { kind: 'peer-joined', id: OTHER, hello: HELLO },
      { kind: 'signal', from: OTHER, data: 'AAAA' },
      { kind: 'peer-left', id: OTHER },
    ];
    for (const frame of frames) client.socket.deliver(frame);
    expect(client.events.slice(1)).toEqual(frames);
  });

  it('sends signals only on a joined, open socket', () => {
    const client = new Client();
    expect(client.signaling.send(OTHER, 'AAAA')).toBe(false);
    client.socket.accept();
    expect(client.signaling.send(OTHER, 'AAAA')).toBe(false);
    client.welcome();
    client.socket.take();
    expect(client.signaling.send(OTHER, 'AAAA')).toBe(true);
    expect(client.socket.take()).toEqual([{ kind: 'signal', to: OTHER, data: 'AAAA' }]);
    client.socket.readyState = 2;
    expect(client.signaling.send(OTHER, 'AAAA')).toBe(false);
    expect(() => client.signaling.send(OTHER, 'A'.repeat(MAX_SIGNAL_CHARS + 1))).toThrow(RangeError);
  });

  it('gives a server that does not answer ten seconds', () => {
    const client = new Client();
    client.socket.accept();
    client.clock.advance(10_000);
    expect(client.signaling.snapshot().state).toBe('away');
    expect(client.network.sockets[0]?.closedWith).not.toBeNull();
    client.clock.advance(250);
    expect(client.count).toBe(2);
  });

  it('refuses what is not a room id', () => {
    const options = { url: 'wss://parley.example/room', hello: () => HELLO };
    expect(() => createSignaling({ ...options, roomId: 'lobby' })).toThrow(TypeError);
  });
});

describe('hostile frames', () => {
  it.each([
    ['not JSON', '{'],
    ['an unknown kind', { kind: 'gossip' }],
    ['a list', []],
    ['an inherited key', '{"__proto__":{"kind":"peer-left"}}'],
    ['bytes', new ArrayBuffer(8)],
    ['an oversized frame', `"${'a'.repeat(20_000)}"`],
    ['a bad id', { kind: 'peer-left', id: 'x' }],
  ])('drops and counts %s', (_, frame) => {
    const client = new Client().joins();
    client.socket.deliver(frame);
    expect(client.events).toHaveLength(1);
    expect(client.signaling.droppedFrames()).toBe(1);
    expect(client.signaling.snapshot().state).toBe('connected');
  });

  it('drops what comes before the welcome', () => {
    const client = new Client();
    client.socket.accept();
    client.socket.deliver({ kind: 'peer-joined', id: OTHER, hello: HELLO });
    expect(client.events).toEqual([]);
    expect(client.signaling.droppedFrames()).toBe(1);
  });
});

describe('loss', () => {
  it('goes away and resumes its id', () => {
    const client = new Client().joins();
    client.socket.drop();
    expect(client.signaling.snapshot()).toEqual({ state: 'away', peerId: ME, endCode: null });
    expect(client.signaling.send(OTHER, 'AAAA')).toBe(false);
    client.clock.advance(250);
    client.socket.accept();
    expect(client.socket.take()).toEqual([resume]);
    client.welcome();
    expect(client.events.at(-1)).toMatchObject({ kind: 'welcome', peerId: ME, resumed: true });
    expect(client.states).toEqual(['connected', 'away', 'connected']);
  });

  it('says when the room gave another id', () => {
    const client = new Client().joins();
    client.socket.drop();
    client.clock.advance(250);
    client.joins({ peerId: THIRD });
    expect(client.events.at(-1)).toMatchObject({ peerId: THIRD, resumed: false });
    expect(client.signaling.snapshot().peerId).toBe(THIRD);
  });

  it('waits longer and longer, at most ten seconds', () => {
    const client = new Client(0.999_999);
    const waits: number[] = [];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const { count } = client;
      client.socket.drop();
      const beforeMs = client.clock.now();
      while (client.count === count) client.clock.advance(50);
      waits.push(client.clock.now() - beforeMs);
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  it('does not come back faster for a welcome that was followed by a loss', () => {
    const client = new Client(0.999_999);
    for (let attempt = 0; attempt < 8; attempt += 1) {
      client.joins().socket.drop();
      client.clock.advance(10_000);
    }
    const { count } = client;
    client.joins().socket.drop();
    client.clock.advance(9000);
    expect(client.count).toBe(count);
    client.clock.advance(1000);
    client.joins().passWithPongs(11_000);
    client.socket.drop();
    client.clock.advance(250);
    expect(client.count).toBe(count + 2);
  });

  it('survives a socket that cannot be made', () => {
    const client = new Client(0.5, new DOMException('no', 'SecurityError'));
    expect(client.signaling.snapshot().state).toBe('away');
    client.network.refusal = null;
    client.clock.advance(250);
    client.joins();
    expect(client.signaling.snapshot().state).toBe('connected');
  });

  it('ignores what an abandoned socket still says', () => {
    const client = new Client().joins();
    const old = client.socket;
    old.drop();
    client.clock.advance(250);
    client.joins();
    const { length } = client.events;
    old.deliver({ kind: 'peer-left', id: OTHER });
    old.drop(CLOSE.replaced.code);
    old.accept();
    expect(client.events).toHaveLength(length);
    expect(client.signaling.snapshot().state).toBe('connected');
  });
});

describe('signs of life', () => {
  it('sends nothing but pings while nothing happens', () => {
    const client = new Client().joins({ iceServers: [] });
    client.passWithPongs(2 * HOUR_MS);
    expect(client.socket.take()).toEqual([]);
    expect(client.count).toBe(1);
    expect(client.signaling.snapshot().state).toBe('connected');
  });

  it('counts a socket as lost after two intervals without an answer', () => {
    const client = new Client().joins();
    client.clock.advance(PING_INTERVAL_MS);
    expect(client.socket.take()).toEqual([PING]);
    client.clock.advance(2 * PING_INTERVAL_MS - 1);
    expect(client.signaling.snapshot().state).toBe('connected');
    const old = client.socket;
    client.clock.advance(1);
    expect(client.signaling.snapshot().state).toBe('away');
    expect(old.closedWith).not.toBeNull();
  });

  it('does not take the sleep of the machine for a loss', () => {
    const client = new Client().joins();
    client.clock.sleep(10 * PING_INTERVAL_MS);
    client.clock.advance(0);
    expect(client.socket.take()).toEqual([PING]);
    client.socket.deliver(PONG);
    expect(client.signaling.snapshot().state).toBe('connected');
  });
});

describe('retry', () => {
  it('connects at once when away', () => {
    const client = new Client(0.999_999).joins();
    client.socket.drop();
    client.signaling.retry();
    expect(client.count).toBe(2);
    client.signaling.retry();
    client.clock.advance(5000);
    expect(client.count).toBe(2);
  });

  it('gives a connected socket four seconds to answer, however often it is called', () => {
    const client = new Client().joins();
    client.signaling.retry();
    client.clock.advance(3000);
    client.signaling.retry();
    expect(client.socket.take()).toEqual([PING]);
    client.clock.advance(1000);
    expect(client.signaling.snapshot().state).toBe('away');
  });

  it('is content with an answer', () => {
    const client = new Client().joins();
    client.signaling.retry();
    client.socket.deliver(PONG);
    client.clock.advance(10_000);
    expect(client.signaling.snapshot().state).toBe('connected');
  });
});

describe('renewal', () => {
  it.each([
    [HOUR_MS, 0, 0.75 * HOUR_MS],
    [HOUR_MS, 0.999_999_9, 0.675 * HOUR_MS],
    [4000, 0, 3000],
    [1500, 0, 2100],
    [48 * HOUR_MS, 0, 0.75 * HOUR_MS],
  ])('a life of %d ms, jitter %d: joins again after %d ms', (lifeMs, random, afterMs) => {
    const client = new Client(random).joins();
    client.welcome({ expiresAt: client.clock.now() + lifeMs });
    client.passWithPongs(afterMs - 2);
    expect(client.socket.take()).toEqual([]);
    client.passWithPongs(4);
    expect(client.socket.take()).toEqual([join]);
    expect(client.count).toBe(1);
  });

  it('tells of the new credentials like of any welcome', () => {
    const client = new Client(0).joins({ expiresAt: 1_004_000 });
    client.clock.advance(3000);
    const renewed = { ...TURN, credential: 'newer' };
    client.welcome({ iceServers: [renewed] });
    expect(client.events.at(-1)).toMatchObject({ kind: 'welcome', resumed: true, iceServers: [renewed] });
    expect(client.states).toEqual(['connected']);
  });

  it('takes a renewal without an answer for a loss', () => {
    const client = new Client(0).joins({ expiresAt: 1_004_000 });
    client.clock.advance(3000 + 10_000);
    expect(client.count).toBe(2);
    client.socket.accept();
    expect(client.socket.take()).toEqual([resume]);
  });

  it('does not flood a room whose clock is behind', () => {
    const client = new Client(0).joins({ expiresAt: 0 });
    let renewals = 0;
    for (let second = 0; second < 3600; second += 1) {
      client.passWithPongs(1000);
      const frames = client.socket.take();
      renewals += frames.length;
      if (frames.length > 0) client.welcome({ expiresAt: 0 });
    }
    expect(renewals).toBeGreaterThan(5);
    expect(renewals).toBeLessThan(15);
  });
});

describe('refusals', () => {
  it.each([
    [CLOSE.badMessage.code, 'bad-message'],
    [CLOSE.forbidden.code, 'forbidden'],
    [CLOSE.full.code, 'room-full'],
    [CLOSE.version.code, 'version'],
  ] as const)('%d ends with %s', (code, endCode) => {
    const client = new Client();
    client.socket.accept();
    client.socket.drop(code);
    expect(client.signaling.snapshot()).toEqual({ state: 'ended', peerId: null, endCode });
    client.signaling.retry();
    client.clock.advance(HOUR_MS);
    expect(client.count).toBe(1);
    expect(client.clock.pending).toBe(0);
  });

  it('joins anew, once, when its ticket is not honoured', () => {
    const client = new Client().joins();
    client.socket.drop();
    client.clock.advance(250);
    client.socket.accept();
    client.socket.drop(CLOSE.forbidden.code);
    expect(client.signaling.snapshot().state).toBe('away');
    client.clock.advance(0);
    client.socket.accept();
    expect(client.socket.take()).toEqual([join]);
    client.socket.drop(CLOSE.forbidden.code);
    expect(client.signaling.snapshot()).toMatchObject({ state: 'away', endCode: null });
  });

  it.each(Object.values(CLOSE))('$code never ends a call that was joined', ({ code }) => {
    const client = new Client().joins();
    client.socket.drop(code);
    expect(client.signaling.snapshot()).toMatchObject({ state: 'away', endCode: null });
    const before = client.count;
    client.clock.advance(60_000);
    expect(client.count).toBeGreaterThan(before);
  });

  it('slows down for a room that finds it too fast', () => {
    const client = new Client(0).joins();
    client.socket.drop(CLOSE.pace.code);
    expect(client.signaling.snapshot().state).toBe('away');
    client.clock.advance(4999);
    expect(client.count).toBe(1);
    client.clock.advance(1);
    expect(client.count).toBe(2);
  });
});

describe('close', () => {
  it('leaves, once, and nothing stays behind', () => {
    const client = new Client().joins();
    client.signaling.close();
    client.signaling.close();
    expect(client.socket.closedWith).toEqual({ code: 1000, reason: 'left' });
    expect(client.signaling.snapshot()).toEqual({ state: 'ended', peerId: ME, endCode: 'left' });
    expect(client.states).toEqual(['connected', 'ended']);
    expect(client.clock.pending).toBe(0);
    client.socket.deliver({ kind: 'peer-left', id: OTHER });
    client.socket.drop();
    expect(client.events).toHaveLength(1);
    expect(client.signaling.send(OTHER, 'AAAA')).toBe(false);
  });

  it('ends the waiting of a client that is away', () => {
    const client = new Client().joins();
    client.socket.drop();
    client.signaling.close();
    client.clock.advance(HOUR_MS);
    expect(client.count).toBe(1);
  });

  it('may be called from within a listener', () => {
    const client = new Client();
    client.signaling.subscribe(() => client.signaling.close());
    client.joins();
    expect(client.events).toEqual([]);
    expect(client.signaling.snapshot().endCode).toBe('left');
    expect(client.clock.pending).toBe(0);
  });
});

describe('whatever happens', () => {
  /** A linear congruential generator (Numerical Recipes), so that a failing seed can be run again. */
  const generator = (seed: number) => () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  const codes = [1000, 1006, 1009, 1011, ...Object.values(CLOSE).map(({ code }) => code)];

  it.each(Array.from({ length: 60 }, (_, seed) => seed))(
    'holds one socket and ends clean (seed %d)',
    (seed) => {
      const random = generator(seed);
      const client = new Client(random());
      const live = () => client.network.sockets.filter(({ readyState }) => readyState < 2).length;
      for (let step = 0; step < 200 && client.signaling.snapshot().state !== 'ended'; step += 1) {
        const socket = client.network.sockets[Math.floor(random() * client.count)] ?? client.socket;
        const dice = random();
        if (dice < 0.25 && socket.readyState === 0) socket.accept();
        else if (dice < 0.45 && client.socket.readyState === 1)
          client.welcome({ expiresAt: client.clock.now() + random() * 9000 - 1000 });
        else if (dice < 0.55)
          socket.deliver(random() < 0.5 ? PONG : { kind: 'signal', from: OTHER, data: 'AAAA' });
        else if (dice < 0.65) client.signaling.retry();
        else if (dice < 0.75) client.signaling.send(OTHER, 'AAAA');
        else if (dice < 0.8 && socket.readyState < 3)
          socket.drop(codes[Math.floor(random() * (random() < 0.8 ? 4 : codes.length))] ?? 1006);
        else client.clock.advance(random() * 12_000);
        const { state, endCode } = client.signaling.snapshot();
        expect(live()).toBeLessThanOrEqual(1);
        expect(endCode !== null).toBe(state === 'ended');
        if (state !== 'ended') expect(live() + client.clock.pending).toBeGreaterThan(0);
      }
      client.signaling.close();
      expect(live()).toBe(0);
      expect(client.clock.pending).toBe(0);
    },
  );
});
