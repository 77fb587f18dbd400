/** The room in a real workerd, rule by rule of PROTOCOL.md. */

import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { mintCredential } from '../../turn-host/credential.ts';
import { type RunningWorker, startWorker } from '../fixtures/miniflare.ts';
import { RoomClient } from './room-client.ts';

const SECRET = 'first secret of the relay';
const TURN_URL = 'turn:127.0.0.1:3478?transport=udp';

let worker: RunningWorker;
const clients: RoomClient[] = [];

beforeAll(async () => {
  worker = await startWorker({
    entry: 'test/fixtures/worker-limits.ts',
    bindings: {
      TURN_URLS: TURN_URL,
      STUN_URLS: 'stun:127.0.0.1:3478',
      TURN_SECRET: `${SECRET},old secret`,
      ALLOWED_ORIGINS: 'https://call.example',
      ROOM_CAPACITY: '4',
    },
  });
});
afterAll(() => worker.close());

/** Whoever opens a socket here may be slow to join: what is tried is something else. */
const LONG_MS = 600_000;
beforeAll(() => setJoinDeadline(LONG_MS));

/** Of rooms that come into memory from here on; null is the limit as deployed. */
async function setJoinDeadline(ms: number | null): Promise<void> {
  await fetch(`${worker.url}/limits${ms === null ? '' : `?joinDeadlineMs=${ms}`}`);
}

afterEach(() => {
  for (const client of clients.splice(0)) client.end();
});

const newRoom = () => randomBytes(16).toString('base64url');

async function open(roomId: string, options: Parameters<typeof RoomClient.open>[2] = {}) {
  const client = await RoomClient.open(worker.url, roomId, options);
  clients.push(client);
  return client;
}

async function member(roomId: string, hello: string) {
  const client = await open(roomId);
  return { client, welcome: await client.join(hello) };
}

const absent = 'AAAAAAAA.AAAAAAAAAAAAAAAA';

describe('joining', () => {
  it('[J1] [J2] welcomes a member with the others, and tells the others', async () => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    expect(alice.welcome.peers).toEqual([]);
    const bob = await member(room, 'bob-hello123');
    expect(bob.welcome.peers).toEqual([{ id: alice.welcome.peerId, hello: 'alice-hello1' }]);
    await alice.client.until(() => alice.client.heard.length === 2);
    expect(alice.client.heard[1]).toEqual({
      kind: 'peer-joined',
      id: bob.welcome.peerId,
      hello: 'bob-hello123',
    });
    expect(bob.welcome.peerId.slice(0, 9)).toBe(alice.welcome.peerId.slice(0, 9));
  });

  it('[J3] mints credentials of the TURN REST form into the welcome', async () => {
    const beforeMs = Date.now();
    const { welcome } = await member(newRoom(), 'hello123');
    const expiry = welcome.expiresAt / 1000;
    const mintedMs = welcome.expiresAt - 3_600_000;
    // In whole seconds, as TURN REST has them.
    expect(mintedMs).toBeGreaterThan(beforeMs - 1_000);
    expect(mintedMs).toBeLessThanOrEqual(Date.now());
    expect(welcome.iceServers).toEqual([
      { urls: ['stun:127.0.0.1:3478'] },
      { urls: [TURN_URL], ...(await mintCredential(SECRET, welcome.peerId, expiry)) },
    ]);
  });

  it('[J4] renews on a second join, unheard by the others, and not too often', async () => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    const bob = await member(room, 'bob-hello123');
    const renewed = await bob.client.join('bob-hello123');
    expect(renewed.peerId).toBe(bob.welcome.peerId);
    await alice.client.hears(bob.client, alice.welcome.peerId, 'after-renewals');
    expect(alice.client.heard.map(({ kind }) => kind)).toEqual(['welcome', 'peer-joined', 'signal']);
    for (let i = 0; i < 8; i++) bob.client.send('{"kind":"join","v":1,"hello":"bob-hello123"}');
    expect(await bob.client.closed).toEqual({ code: 4008, reason: 'pace' });
  });

  it('[J4] a renewal with another hello keeps the id, and the others hear of it', async () => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    const bob = await member(room, 'bob-hello123');
    const renewed = await bob.client.join('bob-renamed1');
    expect(renewed).toMatchObject({
      peerId: bob.welcome.peerId,
      peers: [{ id: alice.welcome.peerId, hello: 'alice-hello1' }],
    });
    await alice.client.until(() => alice.client.heard.length === 3);
    expect(alice.client.heard[2]).toEqual({
      kind: 'peer-joined',
      id: bob.welcome.peerId,
      hello: 'bob-renamed1',
    });
    expect(bob.client.heard.map(({ kind }) => kind)).toEqual(['welcome', 'welcome']);
    await worker.evict(room);
    const carol = await member(room, 'carol-hello1');
    expect(carol.welcome.peers.map(({ hello }) => hello)).toEqual(['alice-hello1', 'bob-renamed1']);
  });

  it('[C1] refuses the fifth of four, and concurrent joins do not slip past', async () => {
    const room = newRoom();
    const sockets = await Promise.all(Array.from({ length: 7 }, () => open(room)));
    const outcomes = await Promise.all(
      sockets.map((socket) =>
        socket.join('hello123').then(
          () => 'welcome',
          (error: Error) => error.message,
        ),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'welcome')).toHaveLength(4);
    expect(outcomes.filter((outcome) => outcome === 'The socket closed: 4009 full')).toHaveLength(3);
  });

  it('[O1] a frame does not overtake the join before it', async () => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    const bob = await open(room);
    bob.send('{"kind":"join","v":1,"hello":"bob-hello123"}');
    bob.signal(alice.welcome.peerId, 'first123');
    bob.signal(alice.welcome.peerId, 'second12');
    await alice.client.until(() => alice.client.heard.length >= 4);
    expect(alice.client.heard.map(({ kind }) => kind)).toEqual([
      'welcome',
      'peer-joined',
      'signal',
      'signal',
    ]);
  });
});

describe('resuming', () => {
  it('[T1] [T2] a ticket takes the id over; the old socket is replaced and nobody else hears', async () => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    const bob = await member(room, 'bob-hello123');
    const again = await open(room);
    const { peerId, ticket } = bob.welcome;
    const resumed = await again.join('bob-hello123', { peerId, ticket });
    expect(resumed.peerId).toBe(peerId);
    expect(await bob.client.closed).toEqual({ code: 4001, reason: 'replaced' });
    await alice.client.hears(again, alice.welcome.peerId, 'still-me');
    expect(alice.client.heard.map(({ kind }) => kind)).toEqual(['welcome', 'peer-joined', 'signal']);
  });

  it('[T1] a ticket gives the id back to a member that has left', async () => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    const bob = await member(room, 'bob-hello123');
    bob.client.end();
    await alice.client.until(() => alice.client.heard.length === 3);
    const { peerId, ticket } = bob.welcome;
    const again = await open(room);
    expect(await again.join('bob-hello123', { peerId, ticket })).toMatchObject({
      peerId,
      ticket,
      peers: [{ id: alice.welcome.peerId, hello: 'alice-hello1' }],
    });
    await again.hears(alice.client, peerId, 'welcome-back');
    await alice.client.until(() => alice.client.heard.length === 4);
    expect(alice.client.heard.slice(1)).toEqual([
      { kind: 'peer-joined', id: peerId, hello: 'bob-hello123' },
      { kind: 'peer-left', id: peerId },
      { kind: 'peer-joined', id: peerId, hello: 'bob-hello123' },
    ]);
  });

  it('[T3] another hello under the same id is announced', async () => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    const { welcome } = await member(room, 'bob-hello123');
    const again = await open(room);
    await again.join('bob-reloaded', { peerId: welcome.peerId, ticket: welcome.ticket });
    await alice.client.until(() => alice.client.heard.length === 3);
    expect(alice.client.heard[2]).toEqual({ kind: 'peer-joined', id: welcome.peerId, hello: 'bob-reloaded' });
  });

  it('[T4] a ticket of another room or another id is refused', async () => {
    const elsewhere = await member(newRoom(), 'mallory1');
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    for (const peerId of [elsewhere.welcome.peerId, alice.welcome.peerId]) {
      const thief = await open(room);
      const { ticket } = elsewhere.welcome;
      thief.send(JSON.stringify({ kind: 'join', v: 1, hello: 'mallory1', resume: { peerId, ticket } }));
      expect(await thief.closed).toEqual({ code: 4003, reason: 'forbidden' });
    }
    expect(alice.client.heard).toHaveLength(1);
  });

  it('[C2] a resume fits into a full room', async () => {
    const room = newRoom();
    const members = [];
    for (let i = 0; i < 4; i++) members.push(await member(room, `hello-${i}-`));
    const [first] = members;
    if (first === undefined) throw new Error('No member');
    const again = await open(room);
    const { peerId, ticket } = first.welcome;
    expect((await again.join('hello-0-', { peerId, ticket })).peers).toHaveLength(3);
  });
});

describe('refusals', () => {
  const join = (fields: string) => `{"kind":"join","v":1,"hello":"mallory1"${fields}}`;
  const badFrames: readonly (readonly [string, (aliceId: string) => string | Buffer, number])[] = [
    ['malformed JSON', () => '{"kind":', 4000],
    ['an array', () => '[]', 4000],
    ['null', () => 'null', 4000],
    ['an unknown kind', () => '{"kind":"shout","data":"x"}', 4000],
    ['a server message', () => `{"kind":"peer-left","id":"${absent}"}`, 4000],
    ['an inherited kind', () => '{"kind":"constructor"}', 4000],
    ['__proto__', () => join(',"__proto__":{"resume":1}'), 4000],
    ['constructor', () => join(',"constructor":1'), 4000],
    ['no hello', () => '{"kind":"join","v":1}', 4000],
    ['a hello with a stranger in it', () => '{"kind":"join","v":1,"hello":"a b="}', 4000],
    ['a hello too long', () => `{"kind":"join","v":1,"hello":"${'a'.repeat(1028)}"}`, 4000],
    ['a version of text', () => '{"kind":"join","v":"1","hello":"mallory1"}', 4000],
    ['another version', () => '{"kind":"join","v":2,"greeting":"x"}', 4010],
    ['a resume of text', () => join(',"resume":"x"'), 4000],
    ['a short ticket', () => join(`,"resume":{"peerId":"${absent}","ticket":"x"}`), 4000],
    ['a binary frame', () => Buffer.from(join('')), 4000],
    ['a frame over 16 KiB', () => join(`,"x":"${'a'.repeat(16 * 1024)}"`), 4000],
    ['a signal before joining', (alice) => `{"kind":"signal","to":"${alice}","data":"mall"}`, 4000],
  ];

  it.each(badFrames)('[F1] [F2] %s ends its sender alone', async (_name, frame, code) => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    const mallory = await open(room);
    mallory.send(frame(alice.welcome.peerId));
    expect((await mallory.closed).code).toBe(code);
    const bob = await member(room, 'bob-hello123');
    await alice.client.hears(bob.client, alice.welcome.peerId, 'unharmed');
    expect(alice.client.heard.map(({ kind }) => kind)).toEqual(['welcome', 'peer-joined', 'signal']);
  });

  it('[S2] [S3] a signal to oneself or to no id is an offence, to one who left it is not', async () => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    const bob = await member(room, 'bob-hello123');
    const carol = await member(room, 'carol-hello1');
    alice.client.signal(absent, 'nobody12');
    bob.client.signal(bob.welcome.peerId, 'myself12');
    carol.client.signal('__proto__', 'nobody12');
    expect((await bob.client.closed).code).toBe(4000);
    expect((await carol.client.closed).code).toBe(4000);
    await alice.client.until(() => alice.client.heard.length === 5);
    expect(alice.client.heard.filter(({ kind }) => kind === 'peer-left')).toHaveLength(2);
  });

  it('[P1] a flood is ended, the others are not', async () => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    const bob = await member(room, 'bob-hello123');
    for (let i = 0; i < 400; i++) bob.client.signal(absent, 'flood123');
    expect(await bob.client.closed).toEqual({ code: 4008, reason: 'pace' });
    await alice.client.until(() => alice.client.heard.some(({ kind }) => kind === 'peer-left'));
  });

  it('[P2] the sixty-fifth pending socket is refused, until one of them joins', async () => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    const [first] = await Promise.all(Array.from({ length: 64 }, () => open(room)));
    const refused = await open(room);
    expect(await refused.closed).toEqual({ code: 4008, reason: 'pace' });
    const welcome = await first?.join('bob-hello123');
    expect(welcome?.peers.map(({ id }) => id)).toEqual([alice.welcome.peerId]);
    const carol = await member(room, 'carol-hello1');
    await alice.client.hears(carol.client, alice.welcome.peerId, 'unharmed');
    expect(alice.client.heard.some(({ kind }) => kind === 'peer-left')).toBe(false);
  });

  it('[L1] a frame over the runtime limit takes its sender out of the room', async () => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    const bob = await member(room, 'bob-hello123');
    bob.client.send('a'.repeat(40 * 1024 * 1024));
    // RFC 6455 s7.4.1: 1009 is a message too big to process. It is the runtime's word, not the room's.
    expect((await bob.client.closed).code).toBe(1009);
    await alice.client.until(() => alice.client.heard.some(({ kind }) => kind === 'peer-left'));
    const carol = await member(room, 'carol-hello1');
    await alice.client.hears(carol.client, alice.welcome.peerId, 'unharmed');
    expect(alice.client.heard.filter(({ kind }) => kind === 'peer-left')).toHaveLength(1);
  });

  it('[D1] a socket that does not join within five seconds is ended', async () => {
    await setJoinDeadline(null);
    onTestFinished(() => setJoinDeadline(LONG_MS));
    const started = Date.now();
    const idle = await open(newRoom());
    expect(await idle.closed).toEqual({ code: 4008, reason: 'pace' });
    expect(Date.now() - started).toBeGreaterThan(4_500);
  });

  it('[U1] only an allowed origin gets in', async () => {
    const room = newRoom();
    for (const origin of ['https://evil.example', 'null', `${worker.url}.evil.example`, null]) {
      const stranger = await open(room, { origin });
      expect(await stranger.closed).toEqual({ code: 4003, reason: 'forbidden' });
    }
    const friend = await open(room, { origin: 'https://call.example' });
    expect((await friend.join('hello123')).peers).toEqual([]);
    const plain = await fetch(`${worker.url}/room`, { headers: { origin: 'https://evil.example' } });
    expect(plain.status).toBe(403);
  });

  it('[U2] the subprotocols name one well-formed room', async () => {
    const room = newRoom();
    for (const protocols of [
      ['parley.v1'],
      [`room.${room}`],
      ['parley.v1', 'room.short'],
      ['parley.v2', room],
    ]) {
      const stranger = await open(room, { protocols });
      expect(await stranger.closed).toEqual({ code: 4000, reason: 'bad-message' });
    }
  });
});

describe('hibernation', () => {
  it('[H1] a hundred evictions while people join and signal lose nothing', async () => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    const bob = await member(room, 'bob-hello123');
    let visitors = 0;
    let evictions = 0;
    for (let round = 0; round < 100; round++) {
      const pending = round % 10 === 0 ? await open(room) : null;
      const data = `round-${String(round).padStart(4, '0')}ab`;
      if (await worker.evict(room)) evictions++;
      await bob.client.hears(alice.client, bob.welcome.peerId, data);
      if (pending !== null) {
        const welcome = await pending.join('visitor1');
        expect(welcome.peers.map(({ id }) => id)).toEqual([alice.welcome.peerId, bob.welcome.peerId]);
        pending.end();
        visitors++;
        await alice.client.until(
          () => alice.client.heard.filter(({ kind }) => kind === 'peer-left').length === visitors,
        );
      }
    }
    // Each round leaves it in memory; the runtime alone may have been quicker.
    expect(evictions).toBeGreaterThan(50);
    const signals = bob.client.heard.filter((message) => message.kind === 'signal');
    expect(signals).toHaveLength(100);
    expect(new Set(signals.map((message) => message.from))).toEqual(new Set([alice.welcome.peerId]));
    expect((await alice.client.join('alice-hello1')).peerId).toBe(alice.welcome.peerId);
  });

  it('[H1] [O1] evictions in the middle of a burst of signals lose none and keep their order', async () => {
    const room = newRoom();
    const alice = await member(room, 'alice-hello1');
    const bob = await member(room, 'bob-hello123');
    const nth = (n: number) => `signal-${String(n).padStart(5, '0')}`;
    const heardBy = ({ client }: typeof alice) =>
      client.heard.flatMap((message) => (message.kind === 'signal' ? [message.data] : []));
    const both = (from: number, end: number) => {
      for (let n = from; n < end; n++) {
        alice.client.signal(bob.welcome.peerId, nth(n));
        bob.client.signal(alice.welcome.peerId, nth(n));
      }
    };
    let evictions = 0;
    for (let n = 0; n < 90; n += 10) {
      both(n, n + 5);
      // The room is in memory again, whatever was thrown out before.
      await alice.client.until(() => heardBy(alice).includes(nth(n)));
      const evicted = worker.evict(room);
      both(n + 5, n + 10);
      if (await evicted) evictions++;
    }
    expect(evictions).toBeGreaterThan(0);
    for (const person of [alice, bob]) {
      await person.client.until(() => heardBy(person).includes(nth(89)));
      expect(heardBy(person)).toEqual(Array.from({ length: 90 }, (_, n) => nth(n)));
    }
  });

  it('[H2] pings are answered by the runtime', async () => {
    const { client } = await member(newRoom(), 'hello123');
    client.send('ping');
    await client.until(() => client.pongs.length === 1);
  });
});
