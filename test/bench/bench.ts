/**
 * Owns `npm run bench`: runs the sections asked for, all by default (`npm run bench -- join room`), and prints every
 * figure beside its floor in one table. Says what was measured and judges nothing by itself: the exit code is 0 when
 * everything could be measured, whether or not targets are reached.
 */
import type { Browser } from 'playwright-core';
import { ensureChromium } from '../../scripts/lib/chromium.ts';
import { StartError } from '../../scripts/lib/ports.ts';
import { startParley } from '../../scripts/lib/start-parley.ts';
import { launchBrowser } from '../e2e/harness.ts';
import { measureCpu } from './cpu.ts';
import { type Figure, formatFigures, type SectionResult } from './figures.ts';
import { measureFiles } from './files.ts';
import { measureJoin } from './join.ts';
import { measurePointer } from './pointer.ts';
import { measureRoom } from './room.ts';
import { measureShare } from './share.ts';
import { measureIdle, measureSignalling } from './signalling.ts';
import { measureWeight } from './weight.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);
const complain = (line: string) => process.stderr.write(`${line}\n`);

type Section = (origin: string) => Promise<SectionResult>;

function inBrowser(measure: (browser: Browser, origin: string) => Promise<SectionResult>): Section {
  return async (origin) => {
    const browser = await launchBrowser();
    try {
      return await measure(browser, origin);
    } finally {
      await browser.close();
    }
  };
}

const SECTIONS: ReadonlyMap<string, Section> = new Map([
  ['join', inBrowser(measureJoin)],
  ['signalling', inBrowser(measureSignalling)],
  ['idle', inBrowser(measureIdle)],
  ['share', inBrowser(measureShare)],
  ['files', inBrowser(measureFiles)],
  ['pointer', inBrowser(measurePointer)],
  ['weight', inBrowser(measureWeight)],
  ['room', () => measureRoom()],
  ['cpu', measureCpu],
]);

async function run(names: readonly string[]): Promise<void> {
  const figures: Figure[] = [];
  const notes: string[] = [];
  const parley = await startParley({ announce: complain });
  try {
    for (const name of names) {
      complain(`Measuring ${name} ...`);
      const result = await SECTIONS.get(name)?.(parley.url);
      figures.push(...(result?.figures ?? []));
      notes.push(...(result?.notes ?? []));
    }
  } finally {
    await parley.close();
  }
  say(`\n${formatFigures(figures)}\n`);
  for (const note of notes) say(`${note}\n`);
}

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !SECTIONS.has(name));
const chromium = await ensureChromium();
if (unknown !== undefined) {
  complain(`There is no section "${unknown}"; there are ${[...SECTIONS.keys()].join(', ')}.`);
  process.exitCode = 1;
} else if (chromium.status === 'missing') {
  complain(chromium.sentence);
  process.exitCode = 1;
} else {
  process.env.CHROMIUM = chromium.path;
  try {
    await run(asked.length > 0 ? asked : [...SECTIONS.keys()]);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    complain(error.message);
    process.exitCode = 1;
  }
}
