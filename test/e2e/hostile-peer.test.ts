/**
 * A hostile peer: somebody with the link who speaks the wire format and keeps to none of its rules. Mallory joins with the
 * real client, whose handshake and crypto are good, and then speaks over its channels by hand.
 */
import { expect, it } from 'vitest';
import { encodeControl } from '../../app/wire/control.ts';
import { decodeFile, encodeChunk, encodeFile, type FileFrame } from '../../app/wire/files.ts';
import { press, says } from './files-in-page.ts';
import { type Person, waitForMedia } from './harness.ts';
import { openHeap, type ScriptHeap } from './script-heap.ts';
import { useStage } from './stage.ts';

const stage = useStage({ turn: false });
const MIB = 1024 * 1024;
/** What a page under attack may hold more than before. */
const MOST_GROWTH_BYTES = 48 * MIB;

declare global {
  interface Window {
    parleyChannels?: RTCDataChannel[];
    /** What came over the channels of files, frame by frame. */
    parleyHeard?: ArrayBuffer[];
    /** Set by whatever of a peer's text should run as script. */
    parleyHacked?: boolean;
  }
}

/**
 * Runs in the page before its scripts: keeps the channels at hand, and from the page what they bring of files. The page offered
 * nothing of what is answered there: honest as it is it would close the link before the other side does.
 */
function keepChannels(): void {
  const channels: RTCDataChannel[] = [];
  const heard: ArrayBuffer[] = [];
  window.parleyChannels = channels;
  window.parleyHeard = heard;
  const native = RTCPeerConnection.prototype.createDataChannel;
  RTCPeerConnection.prototype.createDataChannel = function (...args) {
    const channel = native.apply(this, args);
    channels.push(channel);
    if (channel.label === 'files')
      channel.addEventListener('message', (event) => {
        event.stopImmediatePropagation();
        if (event.data instanceof ArrayBuffer) heard.push(event.data);
      });
    return channel;
  };
}

interface Orders {
  readonly label: string;
  readonly frames: readonly string[];
  /** How often all of them are sent, one after the other. */
  readonly times: number;
}

/** Runs in the page: sends until all is sent or nobody listens; resolves to how many frames left. */
async function attack({ label, frames, times }: Orders): Promise<number> {
  const bytes = frames.map((text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
  const channels = (window.parleyChannels ?? []).filter(
    (channel) => channel.label === label && channel.readyState === 'open',
  );
  const open = () => channels.filter(({ readyState }) => readyState === 'open');
  let sent = 0;
  for (let time = 0; time < times && open().length > 0; time += 1) {
    for (const channel of open())
      for (const frame of bytes) {
        while (channel.bufferedAmount > 4 * 1024 * 1024 && channel.readyState === 'open')
          await new Promise((resolve) => setTimeout(resolve, 5));
        if (channel.readyState !== 'open') break;
        channel.send(frame);
        sent += 1;
      }
  }
  return sent;
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

/** Everybody who is linked to Mallory is a victim of every order. */
function order(mallory: Person, frames: readonly Uint8Array[], times = 1, label = 'files'): Promise<number> {
  return mallory.page.evaluate(attack, { label, frames: frames.map(base64), times });
}

/** Waits until an offer of Mallory's was accepted; what is sent of a file before that goes unheard. */
async function accepted(mallory: Person, handle: number): Promise<void> {
  const frames = () =>
    mallory.page.evaluate(() => (window.parleyHeard ?? []).map((data) => [...new Uint8Array(data)]));
  await expect
    .poll(async () => (await frames()).map((bytes) => decodeFile(Uint8Array.from(bytes).buffer)))
    .toContainEqual(expect.objectContaining({ kind: 'accept', handle }));
}

const bytesOf = (length: number, value: number) => new Uint8Array(length).fill(value);

function offer(handle: number, changes: Partial<Extract<FileFrame, { kind: 'offer' }>> = {}): Uint8Array {
  return encodeFile({
    kind: 'offer',
    handle,
    id: Uint8Array.from({ length: 16 }, (_, index) => (index < 4 ? handle >> (8 * index) : 1)),
    root: bytesOf(32, 9),
    sizeBytes: 100_000,
    name: `file ${handle}.bin`,
    type: '',
    ...changes,
  });
}

/** An offer whose name the encoder would have cleaned. */
function rawOffer(handle: number, name: string): Uint8Array {
  const bare = offer(handle, { name: 'x' });
  const text = new TextEncoder().encode(name);
  const nameAt = 6 + 16 + 32 + 8;
  return Uint8Array.from([...bare.subarray(0, nameAt), text.length, ...text]);
}

/** What the page and its workers hold that is of use to them. */
async function held(heap: ScriptHeap): Promise<number> {
  await heap.collectGarbage();
  const { page, workers } = await heap.look();
  return page + workers;
}

const cards = (person: Person) => person.page.getByRole('article');

it('names, lengths, hashes and orders that lie are shown as text, thrown away, or cost their sender the link', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice');
  const mallory = await stage.join(url, 'Mallory', { init: keepChannels });
  await waitForMedia([alice, mallory], 1);

  await order(mallory, [
    rawOffer(1, '<img src=x onerror="parleyHacked=true">'),
    rawOffer(2, 'gpj.\u202Eexe.\u2066photo'),
    rawOffer(3, '../../.ssh/authorized_keys'),
    rawOffer(4, '\u0000'.repeat(200)),
  ]);
  await expect.poll(() => cards(alice).count()).toBe(4);
  const shown = await alice.page.locator('.transfer-name').allTextContents();
  expect(shown).toEqual([
    '_img src=x onerror=_parleyHacked=true__',
    'gpj.exe.photo',
    '_.._.ssh_authorized_keys',
    'file',
  ]);
  expect(await alice.page.locator('.file-shelf img, .notices img').count()).toBe(0);

  // An outline that is not what the root commits to.
  await order(mallory, [offer(5)]);
  await press(alice, 'file 5.bin', 'Accept');
  await accepted(mallory, 5);
  await order(mallory, [encodeFile({ kind: 'outline', handle: 5, hashes: bytesOf(32, 1) })]);
  await says(alice, 'file 5.bin', 'It was not what had been offered, and was thrown away');
  // A size that is another than that of what comes, and chunks before their hashes.
  await order(mallory, [offer(6, { sizeBytes: 1000 })]);
  await press(alice, 'file 6.bin', 'Accept');
  await accepted(mallory, 6);
  await order(mallory, [
    encodeChunk(6, 0, bytesOf(1001, 1)),
    encodeChunk(6, 1, bytesOf(1000, 1)),
    encodeFile({ kind: 'page', handle: 6, page: 0, hashes: bytesOf(32, 1) }),
    encodeChunk(6, 0, bytesOf(1000, 1)),
  ]);
  await says(alice, 'file 6.bin', 'It was not what had been offered, and was thrown away');
  // More than this browser's share of any disk that tests run on.
  await order(mallory, [offer(7, { sizeBytes: 60 * 1024 ** 3 })]);
  await press(alice, 'file 7.bin', 'Accept');
  await says(alice, 'file 7.bin', /This browser has no room for it/);
  // So far it may all have been an accident.
  await waitForMedia([alice, mallory], 1);
  await order(mallory, [Uint8Array.of(1, 99, 0, 0, 0, 0)], 25);
  await alice.tile('Mallory').waitFor({ state: 'detached' });
  await alice.page.getByRole('button', { name: 'People', exact: true }).click();
  await alice.page.getByText('Cut off: their page sent what no honest one sends').waitFor();
  expect(await alice.page.evaluate(() => window.parleyHacked)).toBeUndefined();
  expect(alice.problems).toEqual([]);
});

/** What a flood consists of, repeated; each is more than any page may send. */
const FLOODS: readonly (readonly [
  what: string,
  label: string,
  frames: readonly Uint8Array[],
  times: number,
])[] = [
  ['a million chunks nobody asked for', 'files', [encodeChunk(7, 0, bytesOf(63 * 1024, 1))], 1_000_000],
  ['frames above every cap', 'files', [bytesOf(256 * 1024, 1)], 100_000],
  ['ten thousand offers', 'files', Array.from({ length: 100 }, (_, index) => offer(index + 1)), 100],
  ['what no version knows, about the link itself', 'control', [Uint8Array.of(1, 99)], 10_000],
  [
    'a screen that is shared and is not',
    'control',
    [true, false].map((sharing) =>
      encodeControl({ kind: 'screen-state', sharing, sound: false, held: false }),
    ),
    5_000,
  ],
  [
    'offers that are taken back at once, fewer than there may be frames',
    'files',
    Array.from({ length: 300 }, (_, index) => [
      offer(index + 1),
      encodeFile({ kind: 'withdraw', handle: index + 1, reason: 'person' }),
    ]).flat(),
    1,
  ],
  [
    'questions for files of every id',
    'files',
    Array.from({ length: 2000 }, (_, index) =>
      encodeFile({ kind: 'seek', handle: index + 1, id: bytesOf(16, index), proof: bytesOf(32, index) }),
    ),
    5,
  ],
  [
    'answers to what was never offered',
    'files',
    [
      encodeFile({ kind: 'accept', handle: 1, root: null }),
      encodeFile({ kind: 'stored', handle: 1, count: 9 }),
      encodeFile({ kind: 'done', handle: 1, root: bytesOf(32, 3) }),
    ],
    10_000,
  ],
];

it('a flood of any kind ends with the link of its sender; memory stays bounded and the others talk on', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice');
  const bob = await stage.join(url, 'Bob');
  let mallory = await stage.join(url, 'Mallory', { init: keepChannels });
  await waitForMedia([alice, bob, mallory], 2);
  const heap = await openHeap(alice);
  // It is started soon after joining, and no growth.
  await expect.poll(async () => (await heap.look()).workers).toBeGreaterThan(0);
  const before = await held(heap);
  const told: string[] = [];
  for (const [what, label, frames, times] of FLOODS) {
    const sent = await order(mallory, frames, times, label);
    // At Bob's too, else the next Mallory might be the second of that name to him.
    for (const { tile } of [alice, bob]) await tile('Mallory').waitFor({ state: 'detached' });
    const grown = (await held(heap)) - before;
    told.push(`${what}: cut off after ${sent} frames, heap ${(grown / MIB).toFixed(1)} MiB more`);
    // Small frames fit into buffers on their way before anybody can object.
    if (times * (frames[0]?.length ?? 0) > 1024 * MIB) expect(sent, what).toBeLessThan(times);
    expect(grown, what).toBeLessThan(MOST_GROWTH_BYTES);
    expect(await cards(alice).count()).toBeLessThanOrEqual(64);
    await mallory.close();
    mallory = await stage.join(url, 'Mallory', { init: keepChannels });
    await alice.tile('Mallory').waitFor();
    await bob.tile('Mallory').waitFor();
  }
  console.info(told.join('\n'));
  await mallory.close();
  await waitForMedia([alice, bob], 1);
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});
