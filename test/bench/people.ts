/**
 * Pages for the bench: people of the real client, and members of the floor. Both kinds are pages of one browser
 * context, of the same origin, with the same recorder in them and the same camera; each page has a renderer process of
 * its own. Knows the client by its screens alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { layoutGrid } from '../../app/ui/grid-layout.ts';
import { type Box, type Capture, installFloor, type Mark, pressFloor, pressJoin, record } from './in-page.ts';

export interface Group {
  readonly context: BrowserContext;
  readonly pages: readonly Page[];
  close(): Promise<void>;
}

export const VIEWPORT = { width: 1280, height: 720 };
/** What a camera is usually asked for, and what many at once are. */
export const USUAL: Capture = { width: 640, height: 480, frameRate: 30 };
export const SMALL: Capture = { width: 320, height: 240, frameRate: 15 };
const MEDIA_TIMEOUT_MS = 60_000;
/** From the last page being ready to the press: everything that a lobby prepares is prepared. */
const SETTLE_MS = 700;
/** From the order to press to the press, so that all pages have the order. */
const PRESS_DELAY_MS = 120;

/** A fresh invitation, as the home screen makes it. */
export function invitation(origin: string): string {
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url');
  return `${origin}/#${secret}`;
}

async function openContext(browser: Browser, capture: Capture): Promise<BrowserContext> {
  const context = await browser.newContext({ permissions: ['camera', 'microphone'], viewport: VIEWPORT });
  await context.addInitScript(record, capture);
  return context;
}

/** `count` people in the lobby of a fresh invitation, cameras on. */
export async function openLobbies(
  browser: Browser,
  origin: string,
  count: number,
  capture: Capture,
): Promise<Group> {
  const context = await openContext(browser, capture);
  const url = invitation(origin);
  const pages: Page[] = [];
  for (let index = 0; index < count; index += 1) {
    const page = await context.newPage();
    await page.goto(url);
    await page.getByRole('textbox', { name: 'Your name' }).fill(`Person ${index + 1}`);
    await page.evaluate(() => window.parleyBench?.media);
    pages.push(page);
  }
  await sleep(SETTLE_MS);
  return { context, pages, close: () => context.close() };
}

/** `count` members of the floor with cameras on, drawing pictures in `boxes[index]`. */
export async function openFloor(
  browser: Browser,
  origin: string,
  boxes: readonly (readonly Box[])[],
  capture: Capture,
  screens = false,
): Promise<Group> {
  const context = await openContext(browser, capture);
  await context.route('**/floor', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>Floor</title><body></body>' }),
  );
  const pages: Page[] = [];
  for (const [self, ownBoxes] of boxes.entries()) {
    const page = await context.newPage();
    await page.goto(`${origin}/floor`);
    await page.evaluate(installFloor, { self, boxes: ownBoxes, screens });
    pages.push(page);
  }
  await sleep(SETTLE_MS);
  return { context, pages, close: () => context.close() };
}

const PICTURE_ASPECT = 4 / 3;
const SELF_BOX = { width: 256, height: 192 };

/** Boxes for `count` members who each draw all of them as the call does: the others large, the own picture small. */
export function callBoxes(count: number): Box[][] {
  const { width, height } = VIEWPORT;
  const others = layoutGrid(Array(count - 1).fill(PICTURE_ASPECT), width, height, 8);
  const self = { ...SELF_BOX, x: width - SELF_BOX.width, y: height - SELF_BOX.height, mirrored: true };
  const boxes = [self, ...others.map((box) => ({ ...box, mirrored: false }))];
  return Array.from({ length: count }, () => boxes);
}

/** Presses Join in all pages at one moment. */
export async function join(pages: readonly Page[]): Promise<void> {
  const atMs = Date.now() + PRESS_DELAY_MS;
  await Promise.all(pages.map((page) => page.evaluate(pressJoin, atMs)));
}

/** At one moment, each of `offers` has that page of the floor offer to those others. */
export async function joinFloor(
  group: Group,
  offers: readonly { readonly page: number; readonly to: readonly number[] }[],
): Promise<void> {
  const atMs = Date.now() + PRESS_DELAY_MS;
  await Promise.all(offers.map(({ page, to }) => group.pages[page]?.evaluate(pressFloor, { atMs, to })));
}

/** Everyone to everyone: the lower index offers. */
export function allToAll(count: number): { page: number; to: number[] }[] {
  const indices = Array.from({ length: count }, (_, index) => index);
  return indices.map((page) => ({ page, to: indices.filter((other) => other > page) }));
}

/** Waits until each page has decoded a frame on each of `links` links, then returns the marks of each page. */
export async function awaitFrames(pages: readonly Page[], links: number): Promise<Mark[][]> {
  return await Promise.all(
    pages.map(async (page) => {
      const decoded = page.evaluate((count) => window.parleyBench?.decoded(count), links);
      const late = sleep(MEDIA_TIMEOUT_MS, 'late' as const, { ref: false });
      if ((await Promise.race([decoded, late])) === 'late')
        throw new Error('No picture arrived in a minute.');
      return await page.evaluate(() => window.parleyBench?.marks ?? []);
    }),
  );
}

/** Hands the group to `work` and closes it afterwards, whatever happened. */
export async function using<T>(opening: Promise<Group>, work: (group: Group) => Promise<T>): Promise<T> {
  const group = await opening;
  try {
    return await work(group);
  } finally {
    await group.close();
  }
}
