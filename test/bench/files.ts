/**
 * Section `files`: how fast a file arrives, verified and on the disk, in a call of two with cameras on. The floor is a bare
 * data channel between the same two pages, in messages of 64 KiB that nobody looks at.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { makeFile } from '../e2e/files-in-page.ts';
import { formatNumber, median, type SectionResult } from './figures.ts';
import { awaitFrames, type Group, join, openLobbies, SMALL, using } from './people.ts';
import { alternate } from './rounds.ts';

const ROUNDS = 5;
const SIZE_BYTES = 100_000_000;
/** What is loaded soon after joining is loaded by then, and bandwidth estimation has settled. */
const SETTLE_MS = 9_000;
/** From the making of a file to its sending: what that left behind is cleared away. */
const PAUSE_MS = 1_500;

interface Round {
  readonly bytesPerSecond: number;
  /** From the drop to the offer: the file was read and hashed. */
  readonly prepareMs: number;
}

interface FrameMark {
  readonly kind: number;
  readonly atMs: number;
}

declare global {
  interface Window {
    parleyFileMarks?: FrameMark[];
    parleyBare?: Promise<number>;
  }
}

const KIND = { offer: 1, chunk: 5, accept: 17, stored: 18, done: 21 } as const;

/** Runs in the page: notes when frames about files, but for chunks and their receipts, are sent. */
function markFrames({ chunk, stored }: { chunk: number; stored: number }): void {
  const marks: FrameMark[] = [];
  window.parleyFileMarks = marks;
  const native = RTCDataChannel.prototype.send as (this: RTCDataChannel, data: unknown) => void;
  RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
    native.call(this, data);
    if (this.label !== 'files' || !(data instanceof Uint8Array)) return;
    const kind = data[1] ?? 0;
    if (kind !== chunk && kind !== stored)
      marks.push({ kind, atMs: performance.timeOrigin + performance.now() });
  };
}

/** When the page sends its next frame of this kind. */
async function nextMark(page: Page, kind: number, from: number): Promise<number> {
  const found = await page.waitForFunction(
    ({ wanted, skip }) => window.parleyFileMarks?.slice(skip).find((mark) => mark.kind === wanted)?.atMs,
    { wanted: kind, skip: from },
    { timeout: 120_000 },
  );
  return (await found.jsonValue()) ?? Number.NaN;
}

const countMarks = (page: Page) => page.evaluate(() => window.parleyFileMarks?.length ?? 0);

async function ours([sender, receiver]: readonly [Page, Page], round: number): Promise<Round> {
  const name = `bench ${round}.bin`;
  await makeFile(sender, { name, sizeBytes: SIZE_BYTES, seed: round });
  await sleep(PAUSE_MS);
  const before = [await countMarks(sender), await countMarks(receiver)] as const;
  const droppedMs = await sender.evaluate(() => {
    const dropped = performance.timeOrigin + performance.now();
    window.parleyDrop?.();
    return dropped;
  });
  const offeredMs = await nextMark(sender, KIND.offer, before[0]);
  const card = receiver.getByRole('article', { name, exact: true });
  await card.getByRole('button', { name: 'Accept', exact: true }).click();
  const acceptedMs = await nextMark(receiver, KIND.accept, before[1]);
  const doneMs = await nextMark(receiver, KIND.done, before[1]);
  for (const page of [sender, receiver])
    await page
      .getByRole('article', { name, exact: true })
      .getByRole('button', { name: /^Remove/ })
      .click();
  return {
    bytesPerSecond: (SIZE_BYTES * 1000) / (doneMs - acceptedMs),
    prepareMs: offeredMs - droppedMs,
  };
}

/** Runs in both pages: the sender's resolves to when it began, the receiver's to when it had all. */
function bare({ sends, sizeBytes }: { sends: boolean; sizeBytes: number }): void {
  const MESSAGE_BYTES = 64 * 1024;
  const now = () => performance.timeOrigin + performance.now();
  const pc = new RTCPeerConnection();
  const signalling = new BroadcastChannel('bare');
  const post = (message: unknown) => signalling.postMessage(JSON.stringify(message));
  pc.onicecandidate = ({ candidate }) => candidate && post({ candidate });
  const channel = pc.createDataChannel('bare', { negotiated: true, id: 0 });
  channel.binaryType = 'arraybuffer';
  let chain = Promise.resolve();
  signalling.onmessage = ({ data }) => {
    const { description, candidate } = JSON.parse(String(data)) as {
      description?: RTCSessionDescriptionInit;
      candidate?: RTCIceCandidateInit;
    };
    chain = chain.then(async () => {
      if (candidate) await pc.addIceCandidate(candidate);
      if (!description) return;
      await pc.setRemoteDescription(description);
      if (description.type === 'offer') {
        await pc.setLocalDescription();
        post({ description: pc.localDescription });
      }
    });
  };
  const close = () => {
    signalling.close();
    pc.close();
  };
  window.parleyBare = new Promise((settle) => {
    if (!sends) {
      let received = 0;
      channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        received += data.byteLength;
        if (received < sizeBytes) return;
        settle(now());
        // The sender's page closes first.
        setTimeout(close, 500);
      };
      return;
    }
    channel.bufferedAmountLowThreshold = 1024 * 1024;
    channel.onopen = () => {
      settle(now());
      const message = new Uint8Array(MESSAGE_BYTES);
      let left = sizeBytes;
      const fill = () => {
        while (left > 0 && channel.bufferedAmount < 4 * 1024 * 1024) {
          channel.send(left < MESSAGE_BYTES ? message.subarray(0, left) : message);
          left -= MESSAGE_BYTES;
        }
      };
      channel.onbufferedamountlow = fill;
      channel.onclose = close;
      fill();
    };
    void pc.setLocalDescription().then(() => post({ description: pc.localDescription }));
  });
}

async function floor([sender, receiver]: readonly [Page, Page]): Promise<Round> {
  await receiver.evaluate(bare, { sends: false, sizeBytes: SIZE_BYTES });
  await sender.evaluate(bare, { sends: true, sizeBytes: SIZE_BYTES });
  const began = await sender.evaluate(() => window.parleyBare ?? Number.NaN);
  const ended = await receiver.evaluate(() => window.parleyBare ?? Number.NaN);
  await sleep(PAUSE_MS);
  return { bytesPerSecond: (SIZE_BYTES * 1000) / (ended - began), prepareMs: Number.NaN };
}

function pair({ pages }: Group): readonly [Page, Page] {
  const [first, second] = pages;
  if (!first || !second) throw new Error('two pages are needed');
  return [first, second];
}

export async function measureFiles(browser: Browser, origin: string): Promise<SectionResult> {
  return await using(openLobbies(browser, origin, 2, SMALL), async (group) => {
    const pages = pair(group);
    await Promise.all(
      pages.map((page) => page.evaluate(markFrames, { chunk: KIND.chunk, stored: KIND.stored })),
    );
    await join(pages);
    await awaitFrames(pages, 1);
    await sleep(SETTLE_MS);
    let round = 0;
    const results = await alternate(
      'Files',
      ROUNDS,
      () => ours(pages, ++round),
      () => floor(pages),
    );
    const speeds = (rounds: readonly Round[]) => rounds.map(({ bytesPerSecond }) => bytesPerSecond / 1e6);
    const prepareMs = median(results.ours.map((one) => one.prepareMs));
    return {
      figures: [
        {
          name: 'a file, verified and stored',
          unit: 'MB/s',
          ours: speeds(results.ours),
          floor: speeds(results.floor),
          target: { kind: 'ratio-at-least', bound: 0.9 },
        },
      ],
      notes: [
        ...results.notes,
        `Files: ${SIZE_BYTES / 1e6} MB each; before its offer a file was read and hashed in ${formatNumber(prepareMs)} ms.`,
      ],
    };
  });
}
