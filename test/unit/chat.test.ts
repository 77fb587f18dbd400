/** The chat over links that the test makes, cuts and delivers. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ChatEntry, createChat } from '../../app/call/channels/chat.ts';
import { Scope } from '../../app/call/scope.ts';
import { encodeChat } from '../../app/wire/chat.ts';
import { type FakeLink, linkFeatures } from '../fakes/channel-link.ts';

type Person = [string, ReturnType<typeof createChat>];

let clockMs = 0;
beforeEach(() => {
  clockMs = 1_790_000_000_000;
});
afterEach(() => void vi.useRealTimers());

const person = (name: string): Person => [
  name,
  createChat({ scope: new Scope(), nameOf: (key) => `${key}!`, now: () => clockMs }),
];
const texts = ([, chat]: Person) => chat.snapshot().entries.map(textOf);

function textOf(entry: ChatEntry): string {
  if (entry.kind !== 'message') return `${entry.person.name} ${entry.kind}`;
  const whom = entry.from ? `${entry.from.name} ` : '';
  return `${whom}${entry.privateWith ? 'privately ' : ''}${entry.text}`;
}

function states([, chat]: Person): string[] {
  return [...chat.snapshot().deliveries.values()].map((list) =>
    list.map(({ to, state }) => `${to.key} ${state}`).join(', '),
  );
}

/** The state changes that follow a promise of flow control. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

function everyone(): { alice: Person; bob: Person; carol: Person; links: FakeLink[]; flush(): void } {
  const [alice, bob, carol] = [person('alice'), person('bob'), person('carol')];
  const links = [linkFeatures(alice, bob), linkFeatures(alice, carol), linkFeatures(bob, carol)];
  return {
    alice,
    bob,
    carol,
    links,
    flush() {
      for (const link of links) link.flush();
    },
  };
}

describe('a message', () => {
  it('to everyone reaches everyone, and is delivered when each said so', async () => {
    const { alice, bob, carol, links, flush } = everyone();
    expect(alice[1].send('hello', null)).toBe('taken');
    expect(states(alice)).toEqual(['bob waiting, carol waiting']);
    await settled();
    expect(states(alice)).toEqual(['bob sent, carol sent']);
    links[0]?.flush();
    expect(states(alice)).toEqual(['bob delivered, carol sent']);
    flush();
    expect(states(alice)).toEqual(['bob delivered, carol delivered']);
    expect([texts(alice), texts(bob), texts(carol)]).toEqual([['hello'], ['alice! hello'], ['alice! hello']]);
    expect([alice, bob].map(([, chat]) => chat.snapshot().received)).toEqual([0, 1]);
  });

  it('to one reaches nobody else', () => {
    const { alice, bob, carol, links, flush } = everyone();
    expect(alice[1].send('psst', 'carol')).toBe('taken');
    expect(links[0]?.outgoing('alice', 'chat')).toEqual([]);
    flush();
    expect([texts(bob), texts(carol), texts(alice)]).toEqual([
      [],
      ['alice! privately psst'],
      ['privately psst'],
    ]);
    expect(states(alice)).toEqual(['carol delivered']);
  });

  it.each([
    ['empty', ' \n', null],
    ['too-long', 'x'.repeat(4_001), null],
    ['nobody', 'x', 'dave'],
  ] as const)('is not taken: %s', (outcome, text, to) => {
    const { alice } = everyone();
    expect(alice[1].send(text, to)).toBe(outcome);
    expect(texts(alice)).toEqual([]);
  });

  it('is not taken where nobody is, so that it is not lost unread', () => {
    expect(person('alice')[1].send('hello', null)).toBe('nobody');
  });

  it('may be 4000 emoji long, and no longer', () => {
    const { alice, bob, flush } = everyone();
    expect(alice[1].send('\u{1f600}'.repeat(4_000), null)).toBe('taken');
    expect(alice[1].send('\u{1f600}'.repeat(4_001), null)).toBe('too-long');
    flush();
    expect(texts(bob)[0]).toBe(`alice! ${'\u{1f600}'.repeat(4_000)}`);
  });

  it('is refused kindly where somebody writes faster than the others take', () => {
    const { alice } = everyone();
    const outcomes = Array.from({ length: 40 }, () => alice[1].send('x', null));
    expect(outcomes.slice(0, 30)).toEqual(Array(30).fill('taken'));
    expect(outcomes.at(-1)).toBe('too-fast');
  });
});

describe('a link that breaks', () => {
  it('loses nothing: what was not acknowledged is sent again in order, and shown once', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    let link = linkFeatures(alice, bob);
    alice[1].send('arrives', null);
    link.flush();
    alice[1].send('arrives, and its ack is lost', null);
    link.deliverFrom('alice');
    alice[1].send('is lost', null);
    await settled();
    link.cut();
    expect(states(alice)).toEqual(['bob delivered', 'bob waiting', 'bob waiting']);
    alice[1].send('written meanwhile', null);
    bob[1].send('answered meanwhile', null);
    link = linkFeatures(alice, bob);
    link.flush();
    expect(states(alice)).toEqual(Array(4).fill('bob delivered'));
    expect(texts(bob)).toEqual([
      'alice! arrives',
      'alice! arrives, and its ack is lost',
      'answered meanwhile',
      'alice! is lost',
      'alice! written meanwhile',
    ]);
    expect(texts(alice).at(-1)).toBe('bob! answered meanwhile');
  });

  it('channel first shows as waiting at once what was not delivered', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    const link = linkFeatures(alice, bob);
    alice[1].send('is lost', null);
    await settled();
    expect(states(alice)).toEqual(['bob sent']);
    link.endChannel('alice', 'chat');
    expect(states(alice)).toEqual(['bob waiting']);
    alice[1].send('written meanwhile', null);
    await settled();
    expect(states(alice)).toEqual(['bob waiting', 'bob waiting']);
    link.cut();
    linkFeatures(alice, bob).flush();
    expect(states(alice)).toEqual(['bob delivered', 'bob delivered']);
    expect(texts(bob)).toEqual(['alice! is lost', 'alice! written meanwhile']);
  });

  it('for good, because the person left, leaves what they did not get undelivered', () => {
    const { alice, links } = everyone();
    links[0]?.cut();
    alice[1].send('hello', null);
    alice[1].present(new Set(['bob', 'carol']));
    expect(states(alice)).toEqual(['bob waiting, carol waiting']);
    links[1]?.flush();
    vi.useFakeTimers();
    alice[1].present(new Set(['carol']));
    expect(states(alice)).toEqual(['bob waiting, carol delivered']);
    vi.advanceTimersByTime(20_000);
    vi.useRealTimers();
    expect(states(alice)).toEqual(['bob failed, carol delivered']);
    expect(alice[1].snapshot().people).toEqual([{ key: 'carol', name: 'carol!' }]);
    expect(texts(alice)).toEqual(['hello', 'bob! left']);
    expect(alice[1].send('hello?', 'bob')).toBe('nobody');
  });

  it('for good, as it seems, and heals after all, still loses nothing', () => {
    const { alice, bob, links, flush } = everyone();
    links[0]?.cut();
    alice[1].send('hello', null);
    alice[1].present(new Set(['carol']));
    linkFeatures(alice, bob).flush();
    flush();
    expect(states(alice)).toEqual(['bob delivered, carol delivered']);
    expect(texts(alice)).toEqual(['hello', 'bob! left', 'bob! back']);
    expect(texts(bob)).toEqual(['alice! hello']);
  });

  it('takes no more for one person than a bound, and the others still get theirs', () => {
    vi.useFakeTimers();
    const { alice, bob, links } = everyone();
    links[0]?.cut();
    for (let n = 0; n < 60; n += 1) {
      expect(alice[1].send(`${n}`, null)).toBe('taken');
      links[1]?.flush();
      vi.advanceTimersByTime(500);
    }
    vi.useRealTimers();
    expect(states(alice).slice(0, 50)).toEqual(Array(50).fill('bob waiting, carol delivered'));
    expect(states(alice).slice(50)).toEqual(Array(10).fill('bob failed, carol delivered'));
    linkFeatures(alice, bob).flush();
    expect(texts(bob)).toEqual(Array.from({ length: 50 }, (_, n) => `alice! ${n}`));
  });

  it('and comes back later than anybody would wait is sent what had failed, in order', () => {
    vi.useFakeTimers();
    const { alice, bob, links } = everyone();
    links[0]?.cut();
    alice[1].send('one', null);
    alice[1].send('two, between us', 'bob');
    alice[1].present(new Set(['carol']));
    vi.advanceTimersByTime(20_000);
    vi.useRealTimers();
    expect(states(alice)).toEqual(['bob failed, carol waiting', 'bob failed']);
    const link = linkFeatures(alice, bob);
    expect(states(alice)).toEqual(['bob waiting, carol waiting', 'bob waiting']);
    link.flush();
    expect(texts(bob)).toEqual(['alice! one', 'alice! privately two, between us']);
    expect(states(alice)).toEqual(['bob delivered, carol waiting', 'bob delivered']);
  });

  it('leaves what was too much for it to be sent again by a press, once and to those alone who lack it', () => {
    vi.useFakeTimers();
    const { alice, bob, carol, links } = everyone();
    links[0]?.cut();
    for (let n = 0; n < 51; n += 1) {
      alice[1].send(`${n}`, null);
      links[1]?.flush();
      vi.advanceTimersByTime(500);
    }
    const id = [...alice[1].snapshot().deliveries.keys()].at(-1) ?? '';
    const last = () => states(alice).at(-1);
    expect(last()).toBe('bob failed, carol delivered');
    // There still is no room.
    expect(alice[1].sendAgain(id)).toBe('too-fast');
    const link = linkFeatures(alice, bob);
    link.flush();
    expect(last()).toBe('bob failed, carol delivered');
    expect(alice[1].sendAgain(id)).toBe('taken');
    link.flush();
    links[1]?.flush();
    expect(last()).toBe('bob delivered, carol delivered');
    expect(texts(bob).at(-1)).toBe('alice! 50');
    expect(texts(carol)).toHaveLength(51);
    expect([alice[1].sendAgain(id), alice[1].sendAgain('no such message')]).toEqual(['nobody', 'nobody']);
  });

  it('and comes again many times never makes an honest peer look hostile', () => {
    const [alice, bob] = [person('alice'), person('bob')];
    let link = linkFeatures(alice, bob);
    for (let n = 0; n < 30; n += 1) alice[1].send(`${n}`, null);
    for (let round = 0; round < 20; round += 1) {
      link.deliverFrom('alice');
      expect(link.refusals('bob')).toBe(0);
      link.cut();
      link = linkFeatures(alice, bob);
    }
    link.flush();
    expect(texts(bob)).toEqual(Array.from({ length: 30 }, (_, n) => `alice! ${n}`));
  });
});

describe('people who come and go', () => {
  it('see nothing of what was said before, and the others are told from where on they do', () => {
    const [alice, bob, carol] = [person('alice'), person('bob'), person('carol')];
    linkFeatures(alice, bob).flush();
    alice[1].send('before', null);
    const late = [linkFeatures(alice, carol), linkFeatures(bob, carol)];
    for (const link of late) link.flush();
    expect(texts(carol)).toEqual([]);
    expect(texts(alice)).toEqual(['before', 'carol! came']);
    alice[1].send('after', null);
    for (const link of late) link.flush();
    expect(texts(carol)).toEqual(['alice! after']);
  });

  it('are not announced again by a link that was mended', () => {
    const [alice, bob] = [person('alice'), person('bob')];
    const link = linkFeatures(alice, bob);
    alice[1].send('x', null);
    link.cut();
    linkFeatures(alice, bob);
    expect(texts(alice)).toEqual(['x']);
  });
});

it('says when a message was written that was long on its way, whatever the clocks say', () => {
  const alice: Person = [
    'alice',
    createChat({ scope: new Scope(), nameOf: (key) => key, now: () => clockMs + 7 * 3_600_000 }),
  ];
  const bob = person('bob');
  const link = linkFeatures(alice, bob);
  alice[1].send('in time', null);
  link.flush();
  link.cut();
  clockMs += 60_000;
  alice[1].send('late', null);
  clockMs += 180_000;
  linkFeatures(alice, bob).flush();
  const lags = bob[1]
    .snapshot()
    .entries.map((entry) => entry.kind === 'message' && entry.atMs - entry.writtenAtMs);
  expect(lags).toEqual([0, 180_000]);
});

describe('a hostile peer', () => {
  const message = (n: number, text = `${n}`) =>
    encodeChat({
      kind: 'message',
      id: n.toString(16).padStart(16, '0'),
      isPrivate: false,
      writtenAtMs: 0,
      text,
    }).buffer;

  it.each([
    ['messages', (n: number) => message(n)],
    ['one message again and again', () => message(1)],
    [
      'acks of nothing',
      (n: number) => encodeChat({ kind: 'ack', id: n.toString(16).padStart(16, '0') }).buffer,
    ],
    ['frames of nothing', () => new ArrayBuffer(3)],
    ['frames of 100 KB', () => new ArrayBuffer(100 * 1024)],
  ])('that floods with %s is refused, and costs the others nothing', (_what, frame) => {
    const { bob, carol, links, flush } = everyone();
    const [toBob] = links;
    for (let n = 0; n < 2_000 && toBob?.refusals('bob') === 0; n += 1)
      toBob.inject('alice', 'chat', frame(n));
    expect(toBob?.refusals('bob')).toBe(1);
    expect(bob[1].snapshot().entries.length).toBeLessThanOrEqual(100);
    bob[1].send('still here', null);
    flush();
    expect(texts(carol)).toEqual(['bob! still here']);
  });

  it('keeps the log within its bound, and what is dropped takes its marks along', () => {
    const bob = person('bob');
    for (let round = 0; round < 10; round += 1) {
      const link = linkFeatures(['mallory', person('mallory')[1]], bob);
      if (round === 0) bob[1].send('first', null);
      for (let n = 0; n < 99; n += 1) link.inject('mallory', 'chat', message(round * 100 + n));
      link.cut();
    }
    expect(bob[1].snapshot().entries).toHaveLength(500);
    expect(bob[1].snapshot().deliveries.size).toBe(0);
    expect(new Set(bob[1].snapshot().entries.map(({ id }) => id)).size).toBe(500);
  });

  it('cannot acknowledge for another', async () => {
    const { alice, links } = everyone();
    alice[1].send('hello', null);
    await settled();
    const [entry] = alice[1].snapshot().entries;
    const ack = encodeChat({ kind: 'ack', id: entry?.id ?? '' }).buffer;
    links[1]?.inject('carol', 'chat', ack);
    links[1]?.inject('carol', 'chat', ack);
    expect(states(alice)).toEqual(['bob sent, carol delivered']);
  });
});
