/** A file much larger than a page may hold, over a link that is cut, and what it costs the pages. */
import { expect, it } from 'vitest';
import { completes, dropFiles, hashOfMade, press, save, says } from './files-in-page.ts';
import { type Person, waitForMedia } from './harness.ts';
import { type HeapBytes, openHeap } from './script-heap.ts';
import { useStage } from './stage.ts';

const stage = useStage();
const MB = 1_000_000;
const MIB = 1024 * 1024;
const SIZE = 200 * MB;
const CUTS = [0.2, 0.45, 0.7];

declare global {
  interface Window {
    /** Bytes of chunks handed to channels so far. */
    parleyChunkBytes?: number;
  }
}

/** Runs in the page before its scripts: counts chunks where they leave it, whatever the client says of them. */
function countChunks(): void {
  window.parleyChunkBytes = 0;
  const native = RTCDataChannel.prototype.send as (
    this: RTCDataChannel,
    data: Uint8Array<ArrayBuffer>,
  ) => void;
  RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
    native.call(this, data as Uint8Array<ArrayBuffer>);
    if (this.label === 'files' && data instanceof Uint8Array && data[1] === 5)
      window.parleyChunkBytes = (window.parleyChunkBytes ?? 0) + data.length - 10;
  };
}

const inMib = (bytes: number) => (bytes / MIB).toFixed(1);

const sentBytes = (person: Person) => person.page.evaluate(() => window.parleyChunkBytes ?? 0);

/** Waits until a person has sent more than so much, for as long as they send anything. */
async function sends(person: Person, bytes: number): Promise<void> {
  for (let sent = await sentBytes(person); sent <= bytes; sent = await sentBytes(person))
    await expect.poll(() => sentBytes(person)).toBeGreaterThan(sent);
}

/** The most that the page's script held at any look, its workers' included; and what of that the workers held. */
async function watchHeap(person: Person): Promise<() => Promise<HeapBytes>> {
  const heap = await openHeap(person);
  // What the making of the file left behind is the test's.
  await heap.collectGarbage();
  let most: HeapBytes = { page: 0, workers: 0 };
  let watching = true;
  const watched = (async () => {
    while (watching) {
      const now = await heap.look();
      if (now.page + now.workers > most.page + most.workers) most = now;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  return async () => {
    watching = false;
    await watched;
    await heap.close();
    return most;
  };
}

/** Ends the link on this side alone, as a browser does that crashes: nobody says goodbye. */
function cut(person: Person): Promise<void> {
  return person.page.evaluate(() => {
    for (const { pc } of window.parleyTestLinks ?? []) if (pc.connectionState === 'connected') pc.close();
  });
}

it('200 MB arrive over a link cut three times: at most 1 MiB is sent again a cut, and no page holds 64 MiB', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice', { voiceOnly: true, init: countChunks });
  const bob = await stage.join(url, 'Bob', { voiceOnly: true });
  await waitForMedia([alice, bob], 1);
  await dropFiles(alice, { name: 'large.bin', sizeBytes: SIZE });
  await says(bob, 'large.bin', /offered by Alice/);
  const heaps = await Promise.all([alice, bob].map(watchHeap));
  const began = Date.now();
  await press(bob, 'large.bin', 'Accept');
  const marks: string[] = [];
  for (const [index, share] of CUTS.entries()) {
    await sends(alice, share * SIZE);
    await cut(index % 2 === 0 ? bob : alice);
    marks.push(`cut at ${Date.now() - began} ms`);
  }
  await completes(bob, 'large.bin');
  marks.push(`done at ${Date.now() - began} ms`);
  await says(alice, 'large.bin', 'Bob has all of it');
  const held = await Promise.all(heaps.map((end) => end()));
  const again = (await sentBytes(alice)) - SIZE;
  console.info(
    `200 MB: ${marks.join(', ')}; sent again ${Math.round(again / 1024)} KiB in all; heap at most ` +
      `${held.map(({ page, workers }) => `${inMib(page + workers)} MiB (${inMib(workers)} of it the worker's)`).join(' and ')}`,
  );
  expect(again).toBeLessThanOrEqual(CUTS.length * MIB);
  for (const { page, workers } of held) {
    expect(workers).toBeGreaterThan(0);
    expect(page + workers).toBeLessThanOrEqual(64 * MIB);
  }
  const saved = await save(bob, 'large.bin');
  expect(saved.sizeBytes).toBe(SIZE);
  expect(saved.hash).toBe(hashOfMade({ sizeBytes: SIZE }));
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});
