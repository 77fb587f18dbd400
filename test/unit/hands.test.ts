/** Raised hands: one order everywhere, whatever happens to the links. */
import { describe, expect, it } from 'vitest';
import { createHandQueue, MAX_STAMP_STEP } from '../../app/call/channels/hands.ts';
import { createRaisedHands } from '../../app/call/channels/raised-hands.ts';
import { MAX_HAND_STAMP } from '../../app/wire/control.ts';
import { type FakeLink, fakeLink, fakePort } from '../fakes/link-port.ts';
import { randomOf } from '../fakes/random.ts';

describe('the queue', () => {
  it('puts whoever saw a hand go up behind it, and stays as it is when somebody in front goes down', () => {
    const queue = createHandQueue();
    queue.take('b', 1);
    queue.take('a', 2);
    queue.raise();
    expect(queue.own()).toBe(3);
    expect(queue.order('0')).toEqual(['b', 'a', null]);
    queue.take('b', 0);
    expect(queue.order('0')).toEqual(['a', null]);
    queue.lower();
    queue.raise();
    expect(queue.own()).toBe(4);
  });

  it('orders hands that went up unseen by each other by their keys', () => {
    const queue = createHandQueue();
    queue.take('c', 1);
    queue.take('a', 1);
    queue.raise();
    expect(queue.order('b')).toEqual(['a', 'c', null]);
    const other = createHandQueue();
    other.raise();
    other.take('a', 1);
    expect(other.order('b')).toEqual(['a', null]);
  });

  it('says whether anything is new', () => {
    const queue = createHandQueue();
    expect(queue.take('a', 0)).toBe(false);
    expect(queue.take('a', 5)).toBe(true);
    expect(queue.take('a', 5)).toBe(false);
    expect(queue.retain(new Set(['a']))).toBe(false);
    expect(queue.retain(new Set())).toBe(true);
    expect(queue.order('me')).toEqual([]);
  });

  it('a stamp out of all proportion puts its owner last, and moves nobody else', () => {
    const queue = createHandQueue();
    queue.take('hostile', MAX_HAND_STAMP);
    queue.raise();
    expect(queue.own()).toBeLessThanOrEqual(MAX_STAMP_STEP + 1);
    expect(queue.order('me')).toEqual([null, 'hostile']);
  });

  it('never goes past the highest stamp, however often it is pushed', () => {
    const queue = createHandQueue();
    for (let push = 0; push < 0x1_0010; push += 1) queue.take('hostile', MAX_HAND_STAMP);
    queue.raise();
    expect(queue.own()).toBe(MAX_HAND_STAMP);
    queue.lower();
    queue.raise();
    expect(queue.own()).toBe(MAX_HAND_STAMP);
    expect(queue.order('a')).toEqual([null, 'hostile']);
  });
});

describe('over links', () => {
  function person(key: string) {
    const hands = createRaisedHands(() => key);
    return { key, ...hands, order: () => hands.face.snapshot().map((other) => other ?? key) };
  }

  /** Everybody's own paces are the hands' concern elsewhere: these tests raise few enough. */
  it.each([2, 3, 5, 8])('gives the same order to each of %i people after any interleaving', (count) => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = randomOf(seed * 1_000 + count);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
      const all = Array.from({ length: count }, (_, index) => person(`key-${(index * 7) % count}`));
      const late = all.length > 2 ? all.slice(-1) : [];
      let here = all.filter((one) => !late.includes(one));
      const links = new Map<string, FakeLink>();
      const connect = (a: (typeof all)[number], b: (typeof all)[number]) => {
        links.get(`${a.key}/${b.key}`)?.cut();
        links.set(`${a.key}/${b.key}`, fakeLink(a, b));
      };
      const pairs = () => here.flatMap((a, at) => here.slice(at + 1).map((b) => [a, b] as const));
      for (const [a, b] of pairs()) connect(a, b);

      for (let step = 0; step < 120; step += 1) {
        const what = random();
        if (what < 0.12) {
          const one = pick(here);
          one.face.setRaised(!one.face.snapshot().includes(null));
        } else if (what < 0.9) {
          pick([...links.values()]).deliver(random() < 0.5 ? 'first' : 'second');
        } else if (what < 0.97) {
          connect(...pick(pairs()));
        } else if (late.length > 0) {
          const one = late.pop();
          if (!one) continue;
          here = [...here, one];
          for (const other of here) if (other !== one) connect(other, one);
        }
      }
      for (let round = 0; round < 3; round += 1) for (const link of links.values()) link.deliverAll();
      const [first] = here;
      for (const one of here) expect(one.order(), `seed ${seed}, ${one.key}`).toEqual(first?.order());
      expect(new Set(first?.order()).size).toBe(first?.order().length);
    }
  });

  it('a hand that was seen is in front of every hand raised after, at everybody', () => {
    const [a, b, c] = [person('c'), person('b'), person('a')] as const;
    const ab = fakeLink(a, b);
    const ac = fakeLink(a, c);
    const bc = fakeLink(b, c);
    a.face.setRaised(true);
    ab.deliverAll();
    b.face.setRaised(true);
    // The third hears of the second hand before the first one.
    bc.deliverAll();
    expect(c.order()).toEqual(['b']);
    ac.deliverAll();
    ab.deliverAll();
    for (const one of [a, b, c]) expect(one.order()).toEqual(['c', 'b']);
  });

  it('who comes later sees the same queue, and joins it at its end', () => {
    const [a, b, late] = [person('m'), person('n'), person('a')] as const;
    const ab = fakeLink(a, b);
    b.face.setRaised(true);
    ab.deliverAll();
    a.face.setRaised(true);
    ab.deliverAll();
    const links = [fakeLink(a, late), fakeLink(b, late)];
    for (const link of links) link.deliverAll();
    expect(late.order()).toEqual(['n', 'm']);
    late.face.setRaised(true);
    for (const link of links) link.deliverAll();
    for (const one of [a, b, late]) expect(one.order()).toEqual(['n', 'm', 'a']);
  });

  it('keeps a hand and its place through a link that breaks, and hears what changed meanwhile', () => {
    const [a, b] = [person('a'), person('b')] as const;
    let link = fakeLink(a, b);
    let changes = 0;
    b.face.subscribe(() => {
      changes += 1;
    });
    a.face.setRaised(true);
    link.deliverAll();
    expect(changes).toBe(1);
    link.cut();
    b.feature.present?.(new Set(['a']));
    expect(b.order()).toEqual(['a']);
    link = fakeLink(a, b);
    link.deliverAll();
    expect([b.order(), changes]).toEqual([['a'], 1]);
    link.cut();
    a.face.setRaised(false);
    expect(b.order()).toEqual(['a']);
    fakeLink(a, b).deliverAll();
    expect(b.order()).toEqual([]);
  });

  it('lowers the hand of who left', () => {
    const [a, b] = [person('a'), person('b')] as const;
    const link = fakeLink(a, b);
    a.face.setRaised(true);
    link.deliverAll();
    link.cut();
    b.feature.present?.(new Set());
    expect(b.order()).toEqual([]);
  });

  it('says nothing over a new link when no hand ever went up', () => {
    const port = fakePort('b');
    person('a').feature.linkUp(port);
    expect(port.sent).toEqual([]);
  });

  it('does nothing when one goes up and down too fast, and lets go of a peer far past that', () => {
    const a = person('a');
    const port = fakePort('b');
    a.feature.linkUp(port);
    const done = Array.from({ length: 30 }, (_, turn) => a.face.setRaised(turn % 2 === 0));
    expect(done.slice(0, 8)).not.toContain(false);
    expect(done).toContain(false);
    expect(port.sent.length).toBeLessThan(12);
    for (let stamp = 1; stamp <= 40; stamp += 1) a.feature.control?.(port, { kind: 'hand', stamp });
    expect(port.refused()).toBe(0);
    for (let stamp = 1; stamp <= 40; stamp += 1) a.feature.control?.(port, { kind: 'hand', stamp });
    expect(port.refused()).toBeGreaterThan(0);
  });
});
