/** File transfers over links that the test makes, cuts and delivers: the order in which things happen is the test's. */
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { CallFeature, LinkPort } from '../../app/call/channels/link-port.ts';
import { seekProof } from '../../app/call/files/file-hash.ts';
import { createFiles } from '../../app/call/files/files.ts';
import type { TransferSnapshot } from '../../app/call/files/files-types.ts';
import { createSession } from '../../app/call/files/session.ts';
import { Scope } from '../../app/call/scope.ts';
import {
  CHUNK_BYTES,
  decodeFile,
  encodeFile,
  type FileFrame,
  MAX_FILE_BYTES,
  type Offer,
} from '../../app/wire/files.ts';
import { type FakeLink, linkFeatures } from '../fakes/channel-link.ts';
import { installPageWorkers, type PageWorkers } from '../fakes/page-worker.ts';

const WINDOW = 16;
/** Of files that are interrupted. */
const CHUNKS = 40;

let workers: PageWorkers;
let links: FakeLink[] = [];
/** What a page would put on its console. */
let errors: unknown[] = [];
beforeEach(() => {
  workers = installPageWorkers();
  links = [];
  errors = [];
  vi.stubGlobal('reportError', (error: unknown) => errors.push(error));
});
afterEach(async () => {
  await workers.close();
  vi.unstubAllGlobals();
  expect(errors).toEqual([]);
});

type Files = ReturnType<typeof createFiles>;

interface Person extends Files {
  /** A new one after a reload. */
  key: string;
}

function person(key: string): Person {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const made: Person = {
    key,
    ...createFiles(
      scope,
      () => made.key,
      () => 'room',
    ),
  };
  return made;
}

/** Somebody who speaks by hand, and remembers what was said to them. */
function stranger(): { heard: FileFrame[]; raw: ArrayBuffer[]; feature: CallFeature } {
  const heard: FileFrame[] = [];
  const raw: ArrayBuffer[] = [];
  const take = (frame: ArrayBuffer) => {
    const read = decodeFile(frame);
    if (read) heard.push(read);
    raw.push(frame);
  };
  return { heard, raw, feature: { linkUp: (port) => port.receive('files', take) } };
}

function link(a: Person, b: Person): FakeLink {
  const made = linkFeatures([a.key, a.feature], [b.key, b.feature]);
  links.push(made);
  return made;
}

function linkStranger(a: Person, key: string, feature: CallFeature): FakeLink {
  const made = linkFeatures([a.key, a.feature], [key, feature]);
  links.push(made);
  return made;
}

const say = (on: FakeLink, key: string, frame: FileFrame) =>
  on.inject(key, 'files', encodeFile(frame).buffer);

/** A guard against waiting for ever. The clock is the machine's also where a test sets the page's. */
const PATIENCE_MS = 60_000;
const clock = performance.now.bind(performance);

/** Has `pass` let something through until `condition` holds. */
async function passUntil(what: string, condition: () => boolean, pass: () => void): Promise<void> {
  for (const deadline = clock() + PATIENCE_MS; clock() < deadline; ) {
    pass();
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`never: ${what}`);
}

/** Lets everything pass until `condition` holds. */
const until = (what: string, condition: () => boolean): Promise<void> =>
  passUntil(what, condition, () => {
    for (const one of links) one.flush();
  });

/** Lets whatever is under way come to rest. */
async function rest(): Promise<void> {
  for (let times = 0; times < 30; times += 1) {
    for (const one of links) one.flush();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function made(name: string, chunks: number): File {
  const bytes = new Uint8Array(chunks * CHUNK_BYTES);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = (at * 7 + (at >> 9)) & 255;
  return new File([bytes], name);
}

const list = ({ face }: Person) => face.snapshot();
function only(of: Person): TransferSnapshot {
  const [first, ...more] = list(of);
  if (!first || more.length > 0) throw new Error(`${list(of).length} transfers`);
  return first;
}
const is = (of: Person, state: TransferSnapshot['state']) => () =>
  list(of).every((one) => one.state === state);
const all =
  (of: Person, state: TransferSnapshot['state'], count = 1) =>
  () =>
    list(of).length === count && is(of, state)();

const send = (from: Person, file: File, ...to: string[]) =>
  from.face.send([{ file, path: file.name }], to.length > 0 ? to : ['bob']);

async function offered(to: Person): Promise<TransferSnapshot> {
  await until(`${to.key} is offered it`, all(to, 'offered'));
  return only(to);
}

async function contentOf(of: Person): Promise<Uint8Array> {
  const { file } = only(of);
  return new Uint8Array((await file?.arrayBuffer()) ?? new ArrayBuffer());
}

/**
 * Lets frames of a transfer pass over `on` until half of its chunks have, and holds that link then. Resolves to how many
 * chunks passed.
 */
async function halfway(on: FakeLink, from: Person, to: Person): Promise<number> {
  links = links.filter((one) => one !== on);
  let passed = 0;
  const half = () => passed >= CHUNKS / 2;
  await passUntil('half of it passes', half, () => {
    passed += chunksWaiting(on, from.key);
    on.deliverFrom(from.key);
    if (!half()) on.deliverFrom(to.key);
  });
  const isGoing = (one: Person) => list(one).some(({ state }) => state === 'going');
  await until('going on both sides', () => isGoing(from) && isGoing(to));
  return passed;
}

/** Chunks among the frames that the end of `key` has sent and that wait. */
const chunksWaiting = (on: FakeLink, key: string) =>
  on.outgoing(key, 'files').filter((frame) => decodeFile(frame)?.kind === 'chunk').length;

function offerOf(changes: Partial<Offer> = {}): Offer {
  const bytes = (length: number, value: number) => new Uint8Array(length).fill(value);
  return { id: bytes(16, 1), root: bytes(32, 2), sizeBytes: 100_000, name: 'x.bin', type: '', ...changes };
}

describe('a file', () => {
  it('is prepared, offered, received and verified', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    link(alice, bob);
    const file = made('a.bin', 40);
    await send(alice, file);
    const { id } = await offered(bob);
    bob.face.accept(id, 'private');
    await until('done', () => is(alice, 'done')() && is(bob, 'done')());
    expect(await contentOf(bob)).toEqual(new Uint8Array(await file.arrayBuffer()));
  });

  it('that is cancelled while it is read is read no further and never offered', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    link(alice, bob);
    workers.hold(({ op }) => op === 'prepare');
    await send(alice, made('a.bin', 4));
    await until('preparing', all(alice, 'preparing'));
    alice.face.cancel(only(alice).id);
    workers.release();
    expect(workers.asked).toContain('cancel');
    await until('ended', all(alice, 'ended'));
    await rest();
    expect(only(alice).reason).toBe('here');
    expect(list(bob)).toEqual([]);
  });

  it('is shown at once while the archive of many is made, and can be cancelled then', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    link(alice, bob);
    const files = Array.from({ length: 3 }, (_, index) => ({
      file: made(`${index}.bin`, 1),
      path: `Photos/${index}.bin`,
    }));
    workers.hold(({ op }) => op === 'archive');
    await alice.face.send(files, ['bob']);
    await until('preparing', all(alice, 'preparing'));
    expect(only(alice)).toMatchObject({ name: 'Photos.zip', sizeBytes: 3 * CHUNK_BYTES, doneBytes: 0 });
    alice.face.cancel(only(alice).id);
    await until('ended', all(alice, 'ended'));
    workers.release();
    await alice.face.send(files, ['bob']);
    expect((await offered(bob)).sizeBytes).toBeGreaterThan(3 * CHUNK_BYTES);
  });

  it('whose link is lost while it is read is offered over the next one, once', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    const first = link(alice, bob);
    workers.hold(({ op }) => op === 'prepare');
    await send(alice, made('a.bin', 1));
    first.cut();
    link(alice, bob);
    workers.release();
    await offered(bob);
    await rest();
    expect(only(bob).state).toBe('offered');
  });

  it('above the largest is said to be too large, and nothing of it is read', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    link(alice, bob);
    const file = made('a.bin', 1);
    Object.defineProperty(file, 'size', { value: MAX_FILE_BYTES + 1 });
    await send(alice, file);
    await until('ended', all(alice, 'ended'));
    expect(only(alice).reason).toBe('too-large');
    expect(workers.asked).not.toContain('prepare');
  });

  it('that shrank after it was offered ends as unreadable on both sides', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    link(alice, bob);
    const file = made('a.bin', 4);
    // What some browsers do; others reject.
    Object.defineProperty(file, 'slice', { value: () => new Blob([new Uint8Array(10)]) });
    await send(alice, file);
    bob.face.accept((await offered(bob)).id, 'private');
    await until('ended', () => is(alice, 'ended')() && is(bob, 'ended')());
    expect([only(alice).reason, only(bob).reason]).toEqual(['unreadable', 'unreadable']);
  });

  it('can be sent again after the worker could not be fetched', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    workers.setReachable(false);
    link(alice, bob);
    await send(alice, made('a.bin', 1));
    await until('ended', all(alice, 'ended'));
    workers.setReachable(true);
    await send(alice, made('b.bin', 1));
    await offered(bob);
  });
});

describe('a link that is lost', () => {
  it('and not made again yet keeps nobody from being offered what is sent meanwhile', async () => {
    const [alice, bob, carol] = [person('alice'), person('bob'), person('carol')];
    const first = link(alice, bob);
    link(alice, carol);
    first.cut();
    alice.feature.present?.(new Set(['bob', 'carol']));
    await send(alice, made('a.bin', 1), 'bob', 'carol');
    await offered(carol);
    await until('both listed', all(alice, 'offered', 2));
    link(alice, bob);
    bob.face.accept((await offered(bob)).id, 'private');
    await until('received', all(bob, 'done'));
  });

  it('in mid-transfer costs a window: the next one goes on from what was stored', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    const first = link(alice, bob);
    const file = made('a.bin', CHUNKS);
    await send(alice, file);
    bob.face.accept((await offered(bob)).id, 'private');
    let passed = await halfway(first, alice, bob);
    first.cut();
    await until('waiting', () => is(alice, 'waiting')() && is(bob, 'waiting')());
    const next = link(alice, bob);
    links = [];
    const isDone = () => is(alice, 'done')() && is(bob, 'done')();
    await passUntil('done', isDone, () => {
      passed += chunksWaiting(next, 'alice');
      next.deliverFrom('alice');
      next.deliverFrom('bob');
    });
    expect(passed).toBeGreaterThanOrEqual(CHUNKS);
    expect(passed).toBeLessThanOrEqual(CHUNKS + WINDOW);
    expect(await contentOf(bob)).toEqual(new Uint8Array(await file.arrayBuffer()));
  });

  it('leaves nobody waiting for what was taken back meanwhile', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    const first = link(alice, bob);
    await send(alice, made('a.bin', CHUNKS));
    bob.face.accept((await offered(bob)).id, 'private');
    await halfway(first, alice, bob);
    first.cut();
    await until('waiting', all(alice, 'waiting'));
    alice.face.cancel(only(alice).id);
    link(alice, bob);
    await until('ended', all(bob, 'ended'));
    expect(only(bob).reason).toBe('person');
  });

  it.each(['done', 'going'] as const)(
    'is never made up for by another receiver of the same file, whose own is %s',
    async (how) => {
      const [alice, bob, carol] = [person('alice'), person('bob'), person('carol')];
      const first = link(alice, bob);
      const other = link(alice, carol);
      await send(alice, made('a.bin', CHUNKS), 'bob', 'carol');
      const bobs = await offered(bob);
      carol.face.accept((await offered(carol)).id, 'private');
      if (how === 'going') await halfway(other, alice, carol);
      else await until('received', all(carol, 'done'));
      bob.face.accept(bobs.id, 'private');
      await halfway(first, alice, bob);
      first.cut();
      await until('lost', all(bob, 'waiting'));
      await rest();
      if (how === 'going') other.flush();
      const states = () => Object.fromEntries(list(alice).map(({ peerKey, state }) => [peerKey, state]));
      await until('told', () => states().bob === 'waiting');
      links.push(other);
      await until('received', all(carol, 'done'));
      await rest();
      expect(states()).toEqual({ bob: 'waiting', carol: 'done' });
      link(alice, bob);
      await until('received', () => is(alice, 'done')() && is(bob, 'done')());
    },
  );

  it('gives way to that of a page that was reloaded before the loss was noticed', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    const first = link(alice, bob);
    await send(alice, made('a.bin', CHUNKS), 'bob');
    bob.face.accept((await offered(bob)).id, 'private');
    // Then nothing passes the first link any more, and nobody knows.
    await halfway(first, alice, bob);
    bob.key = 'bob again';
    link(alice, bob);
    await rest();
    expect(only(alice).state).toBe('going');
    first.cut();
    await until('done', () => is(alice, 'done')() && is(bob, 'done')());
    expect(only(alice).peerKey).toBe('bob again');
  });
});

describe('people who leave', () => {
  it('end offers that were not answered, on both sides, and nothing that was accepted', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    const first = link(alice, bob);
    await send(alice, made('a.bin', CHUNKS));
    bob.face.accept((await offered(bob)).id, 'private');
    await halfway(first, alice, bob);
    await send(alice, made('b.bin', 1));
    await until('offered too', () => {
      first.deliverFrom('alice');
      return list(bob).length === 2;
    });
    first.cut();
    for (const { feature } of [alice, bob]) feature.present?.(new Set());
    await until('told', () => [alice, bob].every((one) => list(one).some(({ state }) => state === 'ended')));
    for (const one of [alice, bob])
      expect(list(one).map(({ state, reason }) => [state, reason])).toEqual([
        ['waiting', null],
        ['ended', 'left'],
      ]);
  });

  it('and come again without what they had can be offered it instead, and who was before them hears of it', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    const first = link(alice, bob);
    const file = made('a.bin', CHUNKS);
    await send(alice, file);
    bob.face.accept((await offered(bob)).id, 'private');
    await halfway(first, alice, bob);
    first.cut();
    await until('waiting', all(alice, 'waiting'));
    expect(only(alice).newcomers).toEqual([]);
    alice.face.offerInstead(only(alice).id, 'again');
    const again = person('again');
    const fresh = link(alice, again);
    await until('answered', () => only(alice).newcomers.length > 0);
    expect(only(alice).newcomers).toEqual(['again']);
    fresh.cut();
    await until('gone', () => only(alice).newcomers.length === 0);
    link(alice, again);
    await until('answered', () => only(alice).newcomers.length > 0);
    // Nobody was offered anything so far.
    expect(list(again)).toEqual([]);
    alice.face.offerInstead(only(alice).id, 'again');
    again.face.accept((await offered(again)).id, 'private');
    await until('done', () => all(alice, 'done')() && is(again, 'done')());
    expect(only(alice).peerKey).toBe('again');
    expect(await contentOf(again)).toEqual(new Uint8Array(await file.arrayBuffer()));
    link(alice, bob);
    await until('told', all(bob, 'ended'));
    expect(only(bob).reason).toBe('person');
  });

  it('while what sends files is fetched are offered nothing', async () => {
    const alice = person('alice');
    alice.feature.present?.(new Set());
    await send(alice, made('a.bin', 1));
    await until('ended', all(alice, 'ended'));
    expect(only(alice).reason).toBe('left');
  });

  it('and had not, as the other side saw it, are offered it again', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    const first = link(alice, bob);
    await send(alice, made('a.bin', 1));
    await offered(bob);
    first.cut();
    bob.feature.present?.(new Set());
    await until('left', all(bob, 'ended'));
    link(alice, bob);
    bob.face.accept((await offered(bob)).id, 'private');
    await until('done', all(alice, 'done'));
  });
});

describe('strangers to a file', () => {
  /** Alice sends to Bob alone, who is lost in the middle; whoever comes then is asked. */
  async function halfSent(): Promise<{ alice: Person; bob: Person }> {
    const [alice, bob] = [person('alice'), person('bob')];
    const first = link(alice, bob);
    await send(alice, made('private.bin', CHUNKS), 'bob');
    bob.face.accept((await offered(bob)).id, 'private');
    await halfway(first, alice, bob);
    first.cut();
    await until('waiting', all(alice, 'waiting'));
    return { alice, bob };
  }

  it('learn of it neither root nor content, whatever they answer', async () => {
    const { alice } = await halfSent();
    const mallory = stranger();
    const on = linkStranger(alice, 'mallory', mallory.feature);
    await until('asked', () => mallory.heard.length > 0);
    const [seek] = mallory.heard;
    if (seek?.kind !== 'seek') throw new Error(`not asked: ${seek?.kind}`);
    const { handle, proof } = seek;
    for (const root of [null, proof]) say(on, 'mallory', { kind: 'accept', handle, root });
    say(on, 'mallory', { kind: 'done', handle, root: proof });
    await rest();
    expect(mallory.heard.map(({ kind }) => kind)).toEqual(['seek']);
    expect(only(alice).state).toBe('waiting');
  });

  it('cannot pass the question on to one who knows the answer', async () => {
    const { alice, bob } = await halfSent();
    const mallory = stranger();
    linkStranger(alice, 'mallory', mallory.feature);
    await until('asked', () => mallory.heard.length > 0);
    const asked = stranger();
    const on = linkStranger(bob, 'mallory', asked.feature);
    const [seek] = mallory.raw;
    if (seek) on.inject('mallory', 'files', seek);
    await until('answered', () => asked.heard.length > 0);
    expect(asked.heard).toMatchObject([{ kind: 'stop', reason: 'unknown' }]);
  });

  it('are none when they were offered it too, but take nobody its place while that one sends', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    const first = link(alice, bob);
    const mallory = stranger();
    linkStranger(alice, 'mallory', mallory.feature);
    await send(alice, made('a.bin', CHUNKS), 'bob', 'mallory');
    bob.face.accept((await offered(bob)).id, 'private');
    await halfway(first, alice, bob);
    const [offer] = mallory.heard;
    if (offer?.kind !== 'offer') throw new Error('not offered');
    const toBob = stranger();
    const on = linkStranger(bob, 'mallory', toBob.feature);
    const proof = await seekProof(offer.root, 'mallory', 'bob');
    say(on, 'mallory', { kind: 'seek', handle: 1, id: offer.id, proof });
    await rest();
    expect(toBob.heard).toEqual([]);
    links.push(first);
    await until('done', all(bob, 'done'));
    expect(only(bob).peerKey).toBe('alice');
    expect(first.refusals('bob')).toBe(0);
    // What Mallory asked is answered when there is nothing to go on with.
    await until('answered', () => toBob.heard.length > 0);
    expect(toBob.heard).toMatchObject([{ kind: 'done' }]);
  });
});

describe('what peers say', () => {
  it('twice has an effect once: offers', async () => {
    const bob = person('bob');
    const mallory = stranger();
    const on = linkStranger(bob, 'mallory', mallory.feature);
    for (const handle of [1, 2]) say(on, 'mallory', { kind: 'offer', handle, ...offerOf() });
    bob.face.accept((await offered(bob)).id, 'private');
    await until('accepted', () => mallory.heard.length > 0);
    await rest();
    expect(mallory.heard).toEqual([{ kind: 'accept', handle: 2, root: null }]);
    // What was on its way under the first handle is no misdeed.
    for (let times = 0; times < 40; times += 1) say(on, 'mallory', { kind: 'sending', handle: 1, on: true });
    expect(on.refusals('bob')).toBe(0);
  });

  it('twice has an effect once: answers', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    const on = link(alice, bob);
    await send(alice, made('a.bin', CHUNKS));
    bob.face.accept((await offered(bob)).id, 'private');
    await halfway(on, alice, bob);
    for (let times = 0; times < 3; times += 1) say(on, 'bob', { kind: 'accept', handle: 1, root: null });
    links.push(on);
    await until('done', () => is(alice, 'done')() && is(bob, 'done')());
    expect(on.refusals('alice')).toBe(0);
  });

  it('as one under the id of another is an offer of their own', async () => {
    const bob = person('bob');
    const mallory = stranger();
    const on = linkStranger(bob, 'mallory', mallory.feature);
    say(on, 'mallory', { kind: 'offer', handle: 1, ...offerOf() });
    await offered(bob);
    const alice = stranger();
    const other = linkStranger(bob, 'alice', alice.feature);
    say(other, 'alice', { kind: 'offer', handle: 1, ...offerOf() });
    await until('two offers', all(bob, 'offered', 2));
    expect(alice.heard).toEqual([]);
  });

  it('in earnest and in great number ends no link: sixty files are offered', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    const on = link(alice, bob);
    const files = Array.from({ length: 60 }, (_, index) => ({
      file: new File(['x'], `${index}`),
      path: `${index}`,
    }));
    for (let at = 0; at < 60; at += 10) await alice.face.send(files.slice(at, at + 10), ['bob']);
    await until('answered', () => list(alice).filter(({ state }) => state === 'ended').length === 28);
    expect(on.refusals('bob')).toBe(0);
    expect(new Set(list(alice).map(({ reason }) => reason))).toEqual(new Set([null, 'too-many']));
    await until('offered', all(bob, 'offered', 32));
  });
});

describe('what somebody offers and takes back', () => {
  let handles = 0;

  function offerAndWithdraw(on: FakeLink, key: string, times: number, changes: Partial<Offer> = {}): void {
    for (let time = 0; time < times; time += 1) {
      handles += 1;
      const id = new Uint8Array(16);
      new DataView(id.buffer).setUint32(0, handles);
      say(on, key, { kind: 'offer', handle: handles, ...offerOf({ id, ...changes }) });
      say(on, key, { kind: 'withdraw', handle: handles, reason: 'person' });
    }
  }

  /** Bob has received all of a file, and not saved it. */
  async function received(): Promise<{ alice: Person; bob: Person; file: File }> {
    const [alice, bob] = [person('alice'), person('bob')];
    link(alice, bob);
    const file = made('a.bin', 4);
    await send(alice, file);
    bob.face.accept((await offered(bob)).id, 'private');
    await until('done', () => is(alice, 'done')() && is(bob, 'done')());
    return { alice, bob, file };
  }

  const of = (one: Person, peerKey: string) => list(one).filter((transfer) => transfer.peerKey === peerKey);

  it('in great number ends with their link, below the pace of frames too', async () => {
    const { bob } = await received();
    const on = linkStranger(bob, 'mallory', stranger().feature);
    offerAndWithdraw(on, 'mallory', 120);
    await rest();
    expect(on.refusals('bob')).toBe(0);
    offerAndWithdraw(on, 'mallory', 180);
    expect(on.refusals('bob')).toBe(1);
  });

  it('leaves a few cards, the newest, and nobody else loses any', async () => {
    const { bob } = await received();
    const on = linkStranger(bob, 'mallory', stranger().feature);
    for (let name = 0; name < 100; name += 1) offerAndWithdraw(on, 'mallory', 1, { name: `${name}.bin` });
    await until('listed', () => of(bob, 'mallory').length > 0);
    const names = of(bob, 'mallory').map(({ name }) => name);
    expect(names.length).toBeLessThan(10);
    expect(names.at(-1)).toBe('99.bin');
    expect(of(bob, 'alice').length).toBe(1);
  });

  it('by whatever number of people costs nobody what they received and have not saved', async () => {
    const { bob, file } = await received();
    for (let count = 0; count < 60; count += 1) {
      const key = `mallory ${count}`;
      offerAndWithdraw(linkStranger(bob, key, stranger().feature), key, 8);
    }
    await until('full', () => list(bob).length === 300);
    await rest();
    const [kept] = of(bob, 'alice');
    expect(new Uint8Array((await kept?.file?.arrayBuffer()) ?? [])).toEqual(
      new Uint8Array(await file.arrayBuffer()),
    );
  });
});

describe('a picture', () => {
  const picture = (id: number) =>
    offerOf({ id: new Uint8Array(16).fill(id), type: 'image/png', name: `${id}.png` });
  const shownAtOnce = (one: Person, peerKey: string) =>
    list(one).filter((transfer) => transfer.isPicture && transfer.peerKey === peerKey).length;

  it('is shown at once whatever others have sent: each person has an allowance of their own', async () => {
    const bob = person('bob');
    for (const key of ['mallory', 'alice']) {
      const on = linkStranger(bob, key, stranger().feature);
      for (let handle = 1; handle <= 10; handle += 1)
        say(on, key, { kind: 'offer', handle, ...picture(handle) });
    }
    await until('listed', () => list(bob).length === 20);
    expect(shownAtOnce(bob, 'mallory')).toBe(6);
    expect(shownAtOnce(bob, 'alice')).toBe(6);
  });

  it('that was taken back leaves its place to another', async () => {
    vi.spyOn(performance, 'now').mockReturnValue(0);
    onTestFinished(() => void vi.restoreAllMocks());
    const bob = person('bob');
    const on = linkStranger(bob, 'mallory', stranger().feature);
    for (let handle = 1; handle <= 30; handle += 1) {
      vi.mocked(performance.now).mockReturnValue(handle * 60_000);
      say(on, 'mallory', { kind: 'offer', handle, ...picture(handle) });
      if (handle === 1) await until('listed', () => list(bob).length === 1);
      if (handle <= 20) say(on, 'mallory', { kind: 'withdraw', handle, reason: 'person' });
    }
    await until('received', () => list(bob).filter(({ state }) => state === 'going').length === 10);
    expect(list(bob).every(({ isPicture }) => isPicture)).toBe(true);
  });
});

describe('one link', () => {
  function stage() {
    const channel = Object.assign(new EventTarget(), {
      readyState: 'open',
      bufferedAmount: 0,
      bufferedAmountLowThreshold: 0,
      send: () => {},
    });
    const controller = new AbortController();
    let refusals = 0;
    const { session, take } = createSession({
      port: {
        key: 'mallory',
        signal: controller.signal,
        channels: { files: channel } as unknown as LinkPort['channels'],
        maxMessageBytes: () => 64 * 1024,
        receive: () => {},
        sendControl: () => false,
        refuse: () => {
          refusals += 1;
        },
      },
      begins: () => {},
      refused: () => {},
    });
    const hear = (frame: FileFrame, times = 1) => {
      for (let time = 0; time < times; time += 1) take(encodeFile(frame).buffer);
    };
    return { channel, session, hear, refusals: () => refusals };
  }

  it('is closed to a peer who reads nothing and asks for ever more', () => {
    const { channel, session, refusals } = stage();
    channel.bufferedAmount = 2 ** 24;
    // From the first one on that fills it.
    session.post({ kind: 'stop', handle: 1, reason: 'unknown' });
    for (let times = 0; times < 1_000; times += 1)
      session.post({ kind: 'stop', handle: 1, reason: 'unknown' });
    expect(refusals()).toBe(0);
    for (let times = 0; times < 100; times += 1) session.post({ kind: 'stop', handle: 1, reason: 'unknown' });
    expect(refusals()).toBe(1);
  });

  it('is closed to a peer who goes on for ever about what is over', () => {
    const { session, hear, refusals } = stage();
    const handle = session.number(() => true);
    session.forgetOwn(handle);
    hear({ kind: 'stored', handle, count: 1 }, 1_000);
    expect(refusals()).toBe(0);
    hear({ kind: 'stored', handle, count: 1 }, 1_000);
    expect(refusals()).toBe(1);
  });

  it('overlooks what was on its way for a handle that ended here: a window of chunks, and what belongs to them', () => {
    const { session, hear, refusals } = stage();
    session.listen(9, () => true);
    session.forget(9);
    const chunk = { kind: 'chunk', handle: 9, chunk: 0, bytes: new Uint8Array(1) } as const;
    hear(chunk, WINDOW);
    hear({ kind: 'withdraw', handle: 9, reason: 'person' }, 100);
    expect(refusals()).toBe(0);
    hear(chunk, 100);
    expect(refusals()).toBe(1);
  });
});

it('memory is received into where there is nothing else, up to one cap for all files', async () => {
  const bob = person('bob');
  const mallory = stranger();
  const on = linkStranger(bob, 'mallory', mallory.feature);
  const MIB = 1024 ** 2;
  for (const [handle, size] of [300, 200, 100].entries()) {
    const id = new Uint8Array(16).fill(handle);
    say(on, 'mallory', { kind: 'offer', handle, ...offerOf({ id, sizeBytes: size * MIB }) });
  }
  await until('offered', all(bob, 'offered', 3));
  const [over, first, second] = list(bob).map(({ id }) => id) as [string, string, string];
  const problemOf = (id: string) => list(bob).find((one) => one.id === id)?.problem;
  const stateOf = (id: string) => list(bob).find((one) => one.id === id)?.state;
  bob.face.accept(over, 'private');
  await until('refused', () => problemOf(over) === 'no-memory');
  bob.face.accept(first, 'private');
  await until('accepted', () => stateOf(first) === 'going');
  bob.face.accept(second, 'private');
  await until('refused', () => problemOf(second) === 'no-memory');
  bob.face.cancel(first);
  bob.face.accept(second, 'private');
  await until('accepted', () => mallory.heard.filter(({ kind }) => kind === 'accept').length === 2);
  expect(stateOf(over)).toBe('offered');
});

it('what sends files is fetched again after it could not be', async () => {
  const alice = person('alice');
  vi.doMock('../../app/call/files/engine.ts', () => Promise.reject(new TypeError('Failed to fetch')));
  expect(await send(alice, made('a.bin', 1))).toBe(false);
  vi.doUnmock('../../app/call/files/engine.ts');
  expect(await send(alice, made('a.bin', 1))).toBe(true);
});
