import { afterAll, beforeAll, expect, it } from 'vitest';
import { CONNECT_MS, HEAR_MS } from '../../app/call/recovery.ts';
import type { ServerMessage } from '../../rooms/protocol/messages.ts';
import { type Lie, type LyingServer, startLyingServer } from '../fakes/lying-server.ts';
import { NEVER_MS, type Person, setTimes, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage({ turn: false });
let liar: LyingServer;

beforeAll(async () => {
  liar = await startLyingServer(stage.system.url);
});

afterAll(async () => {
  await liar?.close();
});

/** Another character at `index`, still base64url. */
function flip(text: string, index: number): string {
  const at = ((index % text.length) + text.length) % text.length;
  return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
}

function inSignals(change: (data: string) => string): Lie {
  return (message) => [message.kind === 'signal' ? { ...message, data: change(message.data) } : message];
}

function inHellos(change: (hello: string) => string): Lie {
  return (message) => {
    if (message.kind === 'peer-joined') return [{ ...message, hello: change(message.hello) }];
    if (message.kind !== 'welcome') return [message];
    return [{ ...message, peers: message.peers.map((peer) => ({ ...peer, hello: change(peer.hello) })) }];
  };
}

async function strangersTo(url: string, ...names: string[]): Promise<Person[]> {
  const people: Person[] = [];
  for (const name of names) people.push(await stage.join(url, name));
  return people;
}

const tiles = (person: Person) => person.page.locator('[role=group][aria-label]').count();

async function expectNothingAccepted(alice: Person, bob: Person): Promise<void> {
  for (const person of [alice, bob]) {
    for (const link of await person.links()) {
      expect(link.framesDecoded).toBe(0);
      expect(link.connection).not.toBe('connected');
    }
    // The own one.
    expect(await tiles(person)).toBe(1);
  }
  expect(await alice.tile('Bob').count()).toBe(0);
  expect(await bob.tile('Alice').count()).toBe(0);
}

it.each<[string, Lie]>([
  ['flips the counter of every signal', inSignals((data) => flip(data, 3))],
  ['flips a byte in the middle of every signal', inSignals((data) => flip(data, data.length >> 1))],
  ['flips the end of every signal', inSignals((data) => flip(data, -3))],
])('nothing is accepted from a server that %s', async (_, lie) => {
  liar.lie(lie);
  const [alice, bob] = (await strangersTo(stage.invitation(liar.url), 'Alice', 'Bob')) as [Person, Person];
  for (const { page } of [alice, bob]) await page.getByText('Connecting to').waitFor();
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  await expectNothingAccepted(alice, bob);
});

it.each<[string, Lie]>([
  ['flips a byte of every hello', inHellos((hello) => flip(hello, hello.length >> 1))],
  ['cuts every hello short', inHellos((hello) => hello.slice(0, hello.length - 4))],
])('nobody is known from a server that %s', async (_, lie) => {
  liar.lie(lie);
  const [alice, bob] = (await strangersTo(stage.invitation(liar.url), 'Alice', 'Bob')) as [Person, Person];
  // Both have judged the other's by then.
  for (const { page } of [alice, bob])
    await page.getByRole('heading', { name: 'Your key does not open this room' }).waitFor();
  await expectNothingAccepted(alice, bob);
});

/** Keeps one signal back for each browser, so that every pair of them arrives in the wrong order. */
function outOfOrder(): Lie {
  const kept = new Map<number, ServerMessage>();
  return (message, victim) => {
    if (message.kind !== 'signal') return [message];
    const earlier = kept.get(victim);
    if (!earlier) {
      kept.set(victim, message);
      return [];
    }
    kept.delete(victim);
    return [message, earlier];
  };
}

/** Tells everybody that each peer's hello is another's: fingerprints and keys change hands. */
function swappedHellos(): Lie {
  const hellos: string[] = [];
  const other = (hello: string): string => {
    if (!hellos.includes(hello)) hellos.push(hello);
    return hellos.find((known) => known !== hello) ?? hello;
  };
  return (message) => {
    if (message.kind === 'peer-joined') return [{ ...message, hello: other(message.hello) }];
    if (message.kind !== 'welcome') return [message];
    return [{ ...message, peers: message.peers.map((peer) => ({ ...peer, hello: other(peer.hello) })) }];
  };
}

it('a server that swaps the hellos of three people puts nobody behind another name', async () => {
  liar.lie(swappedHellos());
  const people = await strangersTo(stage.invitation(liar.url), 'Alice', 'Bob', 'Carol');
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  for (const person of people) {
    for (const link of await person.links())
      expect(link.connection === 'connected' && link.framesDecoded > 0).toBe(false);
  }
});

it('a server that reorders signals delays a call at most, and never shows an unproven tile', async () => {
  liar.lie(outOfOrder());
  const [alice, bob] = (await strangersTo(stage.invitation(liar.url), 'Alice', 'Bob')) as [Person, Person];
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  for (const [person, name] of [
    [alice, 'Bob'],
    [bob, 'Alice'],
  ] as const) {
    // In this order: a link that comes up in between shows a tile afterwards.
    const isShown = (await person.tile(name).count()) > 0;
    const connected = (await person.links()).some((link) => link.connection === 'connected');
    if (isShown) expect(connected).toBe(true);
  }
  liar.lie(null);
  await waitForMedia([alice, bob], 1);
});

it('a running call is not hurt by replays, reflections, inventions and false farewells', async () => {
  liar.lie(null);
  const before = victimsSoFar();
  const [alice, bob] = await stage.meet(['Alice', 'Bob'], { url: stage.invitation(liar.url) });
  const shown = [await tiles(alice), await tiles(bob)];
  const descriptions = (await alice.links())[0]?.descriptions;

  liar.invent((victim) => {
    const own = liar.heard(victim);
    const other = liar.heard(victim === before ? before + 1 : before);
    const signals = own.filter((message) => message.kind === 'signal');
    const peer = signals[0]?.from ?? '';
    const hello = own.find((message) => message.kind === 'peer-joined')?.hello;
    const invented = `${peer.split('.')[0]}.AAAAAAAAAAAAAAAA`;
    const said: ServerMessage[] = [...signals, ...[...signals].reverse()];
    // Reflection: what this browser's own words look like when they come back as the peer's.
    for (const message of other) if (message.kind === 'signal') said.push({ ...message, from: peer });
    if (hello) said.push({ kind: 'peer-joined', id: invented, hello: flip(hello, 40) });
    said.push({ kind: 'peer-joined', id: `${invented.slice(0, -1)}B`, hello: 'A'.repeat(300) });
    said.push({ kind: 'peer-left', id: peer });
    return said;
  });
  await new Promise((resolve) => setTimeout(resolve, 4_000));

  await waitForMedia([alice, bob], 1);
  expect([await tiles(alice), await tiles(bob)]).toEqual(shown);
  expect((await alice.links())[0]?.descriptions).toBe(descriptions);
});

it('a welcome with ICE servers that no browser takes still leads to a call', async () => {
  const broken = [
    { urls: ['turn:127.0.0.1:3478'] },
    { urls: ['stun:127.0.0.1:99999999'] },
    { urls: ['stun:127.0.0.1?transport=carrier-pigeon'] },
  ];
  liar.lie((message) => [message.kind === 'welcome' ? { ...message, iceServers: broken } : message]);
  await stage.meet(['Alice', 'Bob'], { url: stage.invitation(liar.url), voiceOnly: true });
});

it('a hello repeated under other ids, and many hellos under one id, neither hide its owner nor fill the call', async () => {
  let hello = '';
  liar.lie((message) => {
    if (message.kind === 'peer-joined') hello = message.hello;
    if (message.kind !== 'peer-joined') return [message];
    const letters = [...'ABCDEFGHIJKLMNOPQRST'].filter((letter) => !message.id.endsWith(letter));
    const copies = letters.map((letter) => ({ ...message, id: message.id.slice(0, -1) + letter }));
    return [...copies.slice(0, 2), message, ...copies.slice(2)];
  });
  const before = victimsSoFar();
  const options = { url: stage.invitation(liar.url), voiceOnly: true };
  const [alice, bob] = await stage.meet(['Alice', 'Bob'], options);
  expect(await alice.tile('Bob').count()).toBe(1);
  // Neither was closed for answering all of them too fast, and came back.
  expect(victimsSoFar()).toBe(before + 2);
  liar.lie(null);

  const carol = await stage.join(stage.invitation(liar.url), 'Carol', { voiceOnly: true });
  const id = `${'A'.repeat(8)}.${'A'.repeat(16)}`;
  liar.invent(() => Array.from({ length: 50 }, () => ({ kind: 'peer-joined' as const, id, hello })));
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  for (const person of [alice, bob, carol]) expect((await person.links()).length).toBeLessThanOrEqual(1);
  await waitForMedia([alice, bob], 1);
});

const seesNobody = ({ page }: Person) =>
  page.getByRole('heading', { name: 'Nobody else is here yet' }).waitFor();

/**
 * Alice is alone in a room and loses it; Bob, who waits for an answer as long as it takes, joins, and when `meanwhile` is done
 * she is back.
 */
async function absence(
  away: 'heard' | 'unheard',
  meanwhile: (alice: Person, bob: Person) => Promise<void>,
): Promise<readonly [Person, Person]> {
  liar.lie(null);
  const url = stage.invitation(liar.url);
  const alice = await stage.join(url, 'Alice', { voiceOnly: true });
  await seesNobody(alice);
  liar.setAway(away);
  const bob = await stage.open(url.replace(liar.url, stage.system.url), 'Bob', { voiceOnly: true });
  await setTimes([bob], [[CONNECT_MS, NEVER_MS]]);
  await bob.join();
  await meanwhile(alice, bob);
  liar.setAway(false);
  await alice.page.evaluate(() => dispatchEvent(new Event('online')));
  await waitForMedia([alice, bob], 1);
  return [alice, bob] as const;
}

it('who was away unnoticed, and returns, meets who joined meanwhile, over the offer of then', async () => {
  const described = (person: Person) => person.page.evaluate(() => window.parleyTestLinks?.length);
  // His offer goes to a socket that nobody reads.
  const [, bob] = await absence('unheard', (_, bob) => expect.poll(() => described(bob)).toBe(1));
  // The offer of then was answered, before there was a reason to make another connection.
  expect(await described(bob)).toBe(1);
});

it('who was away, and returns after somebody joined, hears one offer of theirs and no second', async () => {
  // Whoever asks for an offer at once asks while one is on its way.
  liar.setLate(true);
  const people = await absence('heard', async (alice, bob) => {
    await seesNobody(bob);
    // However slow this machine is, nothing is asked for because it was long in coming.
    await setTimes([alice], [[HEAR_MS, NEVER_MS]]);
  });
  liar.setLate(false);
  // An offer and its answer.
  for (const person of people) expect((await person.links()).map((link) => link.descriptions)).toEqual([2]);
});

it('a call in silence and darkness survives a false farewell', async () => {
  liar.lie(null);
  const before = victimsSoFar();
  const [alice, bob] = await stage.meet(['Alice', 'Bob'], { url: stage.invitation(liar.url) });
  for (const person of [alice, bob]) {
    for (const name of ['Microphone', 'Camera']) {
      await person.page.getByRole('toolbar').getByRole('button', { name, exact: true }).click();
    }
  }
  await alice.tile('Bob, muted').waitFor();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  liar.invent((victim) => {
    const signal = victim >= before && liar.heard(victim).find((message) => message.kind === 'signal');
    return signal ? [{ kind: 'peer-left', id: signal.from }] : [];
  });
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  expect(await alice.tile('Bob').count()).toBe(1);
  expect(await bob.tile('Alice').count()).toBe(1);
});

function victimsSoFar(): number {
  let count = 0;
  while (liar.heard(count).length > 0) count += 1;
  return count;
}
