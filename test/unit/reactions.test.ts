/** Reactions: to everybody, at a bounded pace in both directions. */
import { expect, it } from 'vitest';
import { createReactions } from '../../app/call/channels/reactions.ts';
import { fakePort } from '../fakes/link-port.ts';

function stage() {
  let nowMs = 0;
  const { face, feature } = createReactions(() => nowMs);
  const shown: [string | null, number][] = [];
  const pass = (ms: number) => {
    nowMs += ms;
  };
  const end = face.listen((key, reaction) => shown.push([key, reaction]));
  return { face, feature, shown, end, pass };
}

it('goes to every link there is, and shows here at once', () => {
  const { face, feature, shown } = stage();
  const [b, c] = [fakePort('b'), fakePort('c')];
  feature.linkUp(b);
  feature.linkUp(c);
  c.end();
  expect(face.send(2)).toBe(true);
  expect(b.sent).toEqual([{ kind: 'reaction', reaction: 2 }]);
  expect(c.sent).toEqual([]);
  expect(shown).toEqual([[null, 2]]);
});

it('holds this person back past a few at once, says so, and lets them go on', () => {
  const { face, feature, shown, pass } = stage();
  const port = fakePort('b');
  feature.linkUp(port);
  const sent = Array.from({ length: 20 }, () => face.send(0)).filter(Boolean).length;
  expect(sent).toBeLessThan(10);
  expect([port.sent.length, shown.length]).toEqual([sent, sent]);
  pass(1_000);
  expect(face.send(0)).toBe(true);
});

it('shows all that an honest peer sends, however the network bunches it', () => {
  const sender = stage();
  const receiver = stage();
  const out = fakePort('receiver');
  const into = fakePort('sender');
  sender.feature.linkUp(out);
  receiver.feature.linkUp(into);
  for (let turn = 0; turn < 200; turn += 1) {
    sender.face.send(turn % 6);
    sender.pass(150);
    receiver.pass(150);
    if (turn % 8 === 7) for (const frame of out.sent.splice(0)) receiver.feature.control?.(into, frame);
  }
  expect(receiver.shown.length).toBe(sender.shown.length);
});

it('drops what a peer sends too fast, keeps the others apart, and lets go of it past a limit', () => {
  const { feature, shown } = stage();
  const [flood, calm] = [fakePort('flood'), fakePort('calm')];
  feature.linkUp(flood);
  feature.linkUp(calm);
  for (let sent = 0; sent < 60; sent += 1) feature.control?.(flood, { kind: 'reaction', reaction: 1 });
  const drawn = shown.length;
  expect(drawn).toBeLessThan(15);
  expect(flood.refused()).toBe(0);
  feature.control?.(calm, { kind: 'reaction', reaction: 3 });
  expect(shown.at(-1)).toEqual(['calm', 3]);
  for (let sent = 0; sent < 10_000; sent += 1) feature.control?.(flood, { kind: 'reaction', reaction: 1 });
  expect(flood.refused()).toBeGreaterThan(0);
  expect(shown.length).toBe(drawn + 1);
  expect(calm.refused()).toBe(0);
});

it('tells nobody who stopped listening', () => {
  const { face, shown, end } = stage();
  end();
  face.send(0);
  expect(shown).toEqual([]);
});
