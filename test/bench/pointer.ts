/**
 * Section `pointer`: from a movement of the mouse over a shared screen to the arrow drawn at the sharer, in a call of two. The
 * floor is a bare unordered channel without retransmissions between the same two pages, which draws with the next frame.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { openPerson, waitForMedia } from '../e2e/harness.ts';
import { formatNumber, median, type SectionResult } from './figures.ts';
import { invitation } from './people.ts';

const ROUNDS = 7;
/** Movements of each side in a round, by turns. */
const MOVES = 150;
const SETTLE_MS = 4_000;

declare global {
  interface Window {
    /** By number of the movement: when it was drawn, and for the floor when its message came. */
    parleyDrawn?: { ours: number[]; floor: number[]; arrived: number[]; stop: () => void };
    parleyBareLink?: RTCPeerConnection;
    parleyBareChannel?: RTCDataChannel;
  }
}

interface Round {
  readonly ours: readonly number[];
  readonly floor: readonly number[];
  readonly arrived: readonly number[];
}

/**
 * Runs in a page: makes a bare link beside the call's, offers or answers `remote`, and gives its own description with all
 * candidates.
 */
async function describeBare(remote: RTCSessionDescriptionInit | null): Promise<RTCSessionDescriptionInit> {
  const pc = new RTCPeerConnection();
  const channel = pc.createDataChannel('bare', {
    negotiated: true,
    id: 0,
    ordered: false,
    maxRetransmits: 0,
  });
  channel.binaryType = 'arraybuffer';
  window.parleyBareLink = pc;
  window.parleyBareChannel = channel;
  if (remote) await pc.setRemoteDescription(remote);
  await pc.setLocalDescription();
  await new Promise<void>((settle) => {
    if (pc.iceGatheringState === 'complete') settle();
    pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && settle());
  });
  return { type: pc.localDescription?.type ?? 'offer', sdp: pc.localDescription?.sdp ?? '' };
}

async function linkBare(from: Page, to: Page): Promise<void> {
  const offer = await from.evaluate(describeBare, null);
  const answer = await to.evaluate(describeBare, offer);
  await from.evaluate((remote) => window.parleyBareLink?.setRemoteDescription(remote), answer);
  await from.waitForFunction(() => window.parleyBareChannel?.readyState === 'open');
}

/** Runs in the sharer's page: notes when each movement was drawn, of either side by the same means. */
function watchDrawing(moves: number): void {
  window.parleyDrawn?.stop();
  const gone = new AbortController();
  const drawn = {
    ours: [] as number[],
    floor: [] as number[],
    arrived: [] as number[],
    stop: () => gone.abort(),
  };
  window.parleyDrawn = drawn;
  const now = () => performance.timeOrigin + performance.now();
  const tile = document.querySelector('[role=group][aria-label="Your screen"]');
  const video = tile?.querySelector('video');
  const drawing = tile?.querySelector('.pointer-drawing');
  if (!tile || !video || !drawing) throw new Error('nothing is shared');
  const { width, height } = tile.getBoundingClientRect();
  const aspect = video.videoWidth / video.videoHeight;
  const pictureWidth = Math.min(width, height * aspect);
  const left = (width - pictureWidth) / 2;
  const note = (element: Element, into: number[], offset: number, scale: number) => {
    const observer = new MutationObserver(() => {
      const arrow = element.querySelector<HTMLElement>('[style*="translate"]');
      const x = Number(/translate\(([-\d.]+)px/.exec(arrow?.style.transform ?? '')?.[1]);
      const index = Math.round(((x - offset) / scale) * (moves + 1)) - 1;
      into[index] ??= now();
    });
    observer.observe(element, { subtree: true, attributes: true });
    gone.signal.addEventListener('abort', () => observer.disconnect());
  };
  note(drawing, drawn.ours, left, pictureWidth);

  const floor = document.createElement('div');
  const arrow = document.createElement('div');
  floor.style.cssText = 'position:fixed;top:0;left:0;width:0;height:0';
  floor.append(arrow);
  document.body.append(floor);
  note(floor, drawn.floor, 0, moves + 1);
  gone.signal.addEventListener('abort', () => floor.remove());
  let asked = false;
  let newest = 0;
  const take = ({ data }: MessageEvent<ArrayBuffer>) => {
    newest = new DataView(data).getUint32(0);
    drawn.arrived[newest] ??= now();
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      arrow.style.transform = `translate(${newest + 1}px, 0px)`;
    });
  };
  window.parleyBareChannel?.addEventListener('message', take, { signal: gone.signal });
}

/** Runs in the pointing page: moves by turns with both, at moments that keep no step with the display. */
async function moveByTurns(moves: number): Promise<{ ours: number[]; floor: number[] }> {
  const now = () => performance.timeOrigin + performance.now();
  const layer = document.querySelector('.pointer-layer');
  const video = layer?.closest('.tile')?.querySelector('video');
  if (!layer || !video) throw new Error('there is no screen to point at');
  const { left, top, width, height } = layer.getBoundingClientRect();
  const pictureWidth = Math.min(width, (height * video.videoWidth) / video.videoHeight);
  const sent = { ours: [] as number[], floor: [] as number[] };
  const rest = () => new Promise((settle) => setTimeout(settle, 20 + Math.random() * 15));
  for (let index = 0; index < moves; index += 1) {
    const clientX = left + (width - pictureWidth) / 2 + (pictureWidth * (index + 1)) / (moves + 1);
    sent.ours[index] = now();
    layer.dispatchEvent(
      new PointerEvent('pointermove', { pointerType: 'mouse', clientX, clientY: top + height / 2 }),
    );
    await rest();
    const bytes = new Uint8Array(13);
    new DataView(bytes.buffer).setUint32(0, index);
    sent.floor[index] = now();
    window.parleyBareChannel?.send(bytes);
    await rest();
  }
  layer.dispatchEvent(new PointerEvent('pointerleave', { pointerType: 'mouse' }));
  return sent;
}

async function round(sharer: Page, viewer: Page): Promise<Round> {
  await sharer.evaluate(watchDrawing, MOVES);
  const sent = await viewer.evaluate(moveByTurns, MOVES);
  await sleep(500);
  const drawn = await sharer.evaluate(() => {
    const { ours, floor, arrived } = window.parleyDrawn ?? { ours: [], floor: [], arrived: [] };
    return { ours, floor, arrived };
  });
  // What was lost or overtaken by a newer position has no moment.
  const between = (from: readonly number[], to: readonly (number | null)[]) =>
    from.flatMap((atMs, index) => {
      const end = to[index];
      return typeof end === 'number' ? [end - atMs] : [];
    });
  return {
    ours: between(sent.ours, drawn.ours),
    floor: between(sent.floor, drawn.floor),
    arrived: between(sent.floor, drawn.arrived),
  };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export async function measurePointer(browser: Browser, origin: string): Promise<SectionResult> {
  // A window of its own for each: a browser draws those in front alone at the display's rate.
  const url = invitation(origin);
  const sharing = await openPerson(browser, url, 'Sharer');
  const pointing = await openPerson(browser, url, 'Viewer');
  try {
    const [sharer, viewer] = [sharing.page, pointing.page];
    await sharing.join();
    await pointing.join();
    await waitForMedia([sharing, pointing], 1);
    await sharer.getByRole('button', { name: 'Share screen', exact: true }).click();
    await viewer.locator('.pointer-layer').waitFor();
    await sharer.locator('.pointer-drawing').waitFor({ state: 'attached' });
    await viewer.getByRole('button', { name: 'Pointer', exact: true }).click();
    await linkBare(viewer, sharer);
    await sleep(SETTLE_MS);
    await round(sharer, viewer);
    const rounds: Round[] = [];
    for (let count = 0; count < ROUNDS; count += 1) rounds.push(await round(sharer, viewer));
    const figure = (name: string, share: number) => ({
      name,
      unit: 'ms',
      ours: rounds.map(({ ours }) => percentile(ours, share)),
      floor: rounds.map(({ floor }) => percentile(floor, share)),
      target: null,
    });
    const all = (pick: (round: Round) => readonly number[]) => rounds.flatMap(pick);
    const arrived = all(({ arrived }) => arrived);
    return {
      figures: [figure('pointer moved to drawn, p50', 0.5), figure('pointer moved to drawn, p95', 0.95)],
      notes: [
        `Pointer: ${all(({ ours }) => ours).length} of ${ROUNDS * MOVES} movements were drawn, ` +
          `${all(({ floor }) => floor).length} of the floor's. Messages of the floor arrive after ` +
          `${formatNumber(median(arrived))} ms (p50) and ${formatNumber(percentile(arrived, 0.95))} ms (p95); ` +
          'the rest is the wait for the next frame of the display.',
      ],
    };
  } finally {
    await Promise.all([sharing.close(), pointing.close()]);
  }
}
