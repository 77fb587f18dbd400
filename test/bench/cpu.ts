/**
 * Section `cpu`: CPU seconds a second of all processes of a browser that holds a call of four, 320x240 at 15 frames,
 * beside bare peer connections in pages that draw the same pictures at the same places and sizes. Every measurement
 * has a browser of its own, so that nothing of the one before is left running in it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../e2e/harness.ts';
import { formatNumber, median, type SectionResult } from './figures.ts';
import { type Box, readBoxes, readLinks } from './in-page.ts';
import {
  allToAll,
  awaitFrames,
  callBoxes,
  type Group,
  join,
  joinFloor,
  openFloor,
  openLobbies,
  SMALL,
  using,
} from './people.ts';
import { cpuSeconds, ownChildren } from './process-tree.ts';
import { alternate } from './rounds.ts';

const PEOPLE = 4;
const ROUNDS = 3;
/** Bandwidth estimation has found its level by then, and encoders send full size at full rate. */
const SETTLE_MS = 8_000;
const MEASURE_MS = 10_000;

interface Load {
  readonly cpu: number;
  /** Frames a second of all twelve links together, and their usual size: proof that both sides did the same work. */
  readonly frameRate: number;
  readonly size: string;
}

async function decoded(group: Group): Promise<{ frames: number; sizes: string[] }> {
  const links = (await Promise.all(group.pages.map((page) => page.evaluate(readLinks)))).flat();
  return {
    frames: links.reduce((sum, { framesDecoded }) => sum + framesDecoded, 0),
    sizes: links.map(({ frameWidth, frameHeight }) => `${frameWidth}x${frameHeight}`),
  };
}

async function observe(group: Group, processes: ReadonlySet<number>): Promise<Load> {
  await awaitFrames(group.pages, PEOPLE - 1);
  await sleep(SETTLE_MS);
  const framesBefore = await decoded(group);
  const cpuBefore = cpuSeconds(processes);
  const beganMs = performance.now();
  await sleep(MEASURE_MS);
  const cpuAfter = cpuSeconds(processes);
  const seconds = (performance.now() - beganMs) / 1000;
  const framesAfter = await decoded(group);
  return {
    cpu: (cpuAfter - cpuBefore) / seconds,
    frameRate: (framesAfter.frames - framesBefore.frames) / seconds,
    size: [...new Set(framesAfter.sizes)].sort().join(' '),
  };
}

async function withBrowser<T>(
  work: (browser: Browser, processes: ReadonlySet<number>) => Promise<T>,
): Promise<T> {
  const before = ownChildren();
  const browser = await launchBrowser();
  const processes = new Set([...ownChildren()].filter((pid) => !before.has(pid)));
  try {
    return await work(browser, processes);
  } finally {
    await browser.close();
  }
}

export async function measureCpu(origin: string): Promise<SectionResult> {
  // Where ours draws its pictures; until a first round of ours has told, an even grid.
  let boxes: Box[][] = callBoxes(PEOPLE);
  const ours = () =>
    withBrowser((browser, processes) =>
      using(openLobbies(browser, origin, PEOPLE, SMALL), async (group) => {
        await join(group.pages);
        const load = await observe(group, processes);
        boxes = await Promise.all(group.pages.map((page) => page.evaluate(readBoxes)));
        return load;
      }),
    );
  const floor = () =>
    withBrowser((browser, processes) =>
      using(openFloor(browser, origin, boxes, SMALL), async (group) => {
        await joinFloor(group, allToAll(PEOPLE));
        return await observe(group, processes);
      }),
    );
  const results = await alternate('CPU', ROUNDS, ours, floor);
  const work = (loads: readonly Load[]) => {
    const sizes = [...new Set(loads.map(({ size }) => size))].join(' or ');
    return `${formatNumber(median(loads.map(({ frameRate }) => frameRate)))} frames a second of ${sizes}`;
  };
  return {
    figures: [
      {
        name: 'CPU, 4 people at 320x240, 15 frames',
        unit: 's/s',
        ours: results.ours.map(({ cpu }) => cpu),
        floor: results.floor.map(({ cpu }) => cpu),
        target: { kind: 'ratio-at-most', bound: 1.15 },
      },
    ],
    notes: [
      ...results.notes,
      `CPU: the twelve links decoded ${work(results.ours)} with ours, ${work(results.floor)} on the floor; ` +
        `a page of ours draws ${boxes[0]?.length ?? 0} pictures.`,
    ],
  };
}
