/**
 * Section `share`: from the choice of a screen to its first frame at somebody else, in a call of two that has settled. The
 * floor sends it by `replaceTrack` over a transceiver that was allocated with the link and idle until then.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import type { Figure, SectionResult } from './figures.ts';
import { awaitShown, type Box, type MarkName } from './in-page.ts';
import {
  awaitFrames,
  callBoxes,
  join,
  joinFloor,
  openFloor,
  openLobbies,
  USUAL,
  using,
  VIEWPORT,
} from './people.ts';
import { alternate, warmUp } from './rounds.ts';

const ROUNDS = 7;
/** Bandwidth estimation has found a level by then, and full size is sent. */
const SETTLE_MS = 5_000;

interface Round {
  readonly decodedMs: number;
  readonly shownMs: number;
}

async function markOf(page: Page, name: MarkName): Promise<number> {
  await page.waitForFunction(
    (wanted) => window.parleyBench?.marks.some((mark) => mark.name === wanted),
    name,
  );
  return await page.evaluate(
    (wanted) => window.parleyBench?.marks.find((mark) => mark.name === wanted)?.atMs ?? Number.NaN,
    name,
  );
}

/** `share` makes the first page share; `selector` finds the video that shows it in the second. */
async function round(
  pages: readonly Page[],
  selector: string,
  share: (page: Page) => Promise<void>,
): Promise<Round> {
  await awaitFrames(pages, 1);
  await sleep(SETTLE_MS);
  const [sharer, viewer] = pages;
  if (!sharer || !viewer) throw new Error('two pages are needed');
  void viewer.evaluate(awaitShown, selector).catch(() => undefined);
  await share(sharer);
  const chosen = await markOf(sharer, 'screen-chosen');
  return {
    decodedMs: (await markOf(viewer, 'screen-frame')) - chosen,
    shownMs: (await markOf(viewer, 'screen-shown')) - chosen,
  };
}

function ours(browser: Browser, origin: string): Promise<Round> {
  return using(openLobbies(browser, origin, 2, USUAL), async ({ pages }) => {
    await join(pages);
    return await round(pages, `[role=group][aria-label$="'s screen"] video`, (page) =>
      page.getByRole('button', { name: 'Share screen', exact: true }).click(),
    );
  });
}

function floor(browser: Browser, origin: string): Promise<Round> {
  const { width, height } = VIEWPORT;
  const screen: Box = { x: 0, y: 0, width: width * 0.8, height: height * 0.8, mirrored: false };
  const boxes = callBoxes(2).map((own) => [...own, screen]);
  return using(openFloor(browser, origin, boxes, USUAL, true), async (group) => {
    await joinFloor(group, [{ page: 0, to: [1] }]);
    return await round(group.pages, 'video:nth-of-type(3)', async (page) => {
      // A press, as the browser asks for one.
      await page.evaluate(() =>
        addEventListener('click', () => void window.parleyFloor?.share(), { once: true }),
      );
      await page.mouse.click(10, 10);
    });
  });
}

export async function measureShare(browser: Browser, origin: string): Promise<SectionResult> {
  const sides = [() => ours(browser, origin), () => floor(browser, origin)] as const;
  await warmUp(...sides);
  const results = await alternate('Share', ROUNDS, ...sides);
  const figure = (name: string, value: (round: Round) => number, target: Figure['target']): Figure => ({
    name,
    unit: 'ms',
    ours: results.ours.map(value),
    floor: results.floor.map(value),
    target,
  });
  return {
    figures: [
      figure('screen chosen to first remote frame', ({ decodedMs }) => decodedMs, {
        kind: 'ratio-at-most',
        bound: 1.2,
      }),
      figure('screen chosen to its tile showing it', ({ shownMs }) => shownMs, null),
    ],
    notes: results.notes,
  };
}
