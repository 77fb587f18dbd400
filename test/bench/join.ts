/**
 * Section `join`: from pressing Join to the first decoded frame, for two people (the second joins the first) and for
 * four who press at the same moment, until all twelve directed links have decoded one. Owns also the table of phases
 * that says where the time went.
 */
import type { Browser, Page } from 'playwright-core';
import { type Figure, formatNumber, formatTable, median, type SectionResult } from './figures.ts';
import { awaitWidth, type Mark, type MarkName } from './in-page.ts';
import {
  allToAll,
  awaitFrames,
  callBoxes,
  join,
  joinFloor,
  openFloor,
  openLobbies,
  USUAL,
  using,
} from './people.ts';
import { alternate, warmUp } from './rounds.ts';

const ROUNDS_OF_TWO = 7;
const ROUNDS_OF_FOUR = 5;

/** Milliseconds from the first press, by phase. */
type Phases = ReadonlyMap<string, number>;

interface Round {
  readonly totalMs: number;
  /** Until every awaited link decodes pictures as large as the camera's. */
  readonly fullSizeMs: number;
  readonly phases: Phases;
}

/** Marks of all pages of one round, by page. */
type Marks = readonly (readonly Mark[])[];

const PHASES_OF_TWO = [
  'socket made',
  'socket open',
  'welcome',
  'link made by the offerer',
  'offer made',
  'offer sent',
  'offer received',
  'offer being set',
  'offer set',
  'answer made',
  'answer sent',
  'answer received',
  'answer being set',
  'answer set',
  'ICE connected',
  'DTLS connected',
  'first frame',
];

function pressOf(marks: Marks): number {
  return Math.min(...marks.flat().flatMap(({ name, atMs }) => (name === 'press' ? [atMs] : [])));
}

function first(marks: readonly Mark[] | undefined, name: MarkName, fromMs: number): number {
  return marks?.find((mark) => mark.name === name && mark.atMs >= fromMs)?.atMs ?? Number.NaN;
}

/** Follows one offer and its answer through both pages; `joiner` is the page that pressed. */
function phasesOfTwo(marks: Marks, joiner: number): Phases {
  const press = pressOf(marks);
  const own = marks[joiner];
  const offerer = marks.find((page) => page.some(({ name, atMs }) => name === 'offer-made' && atMs >= press));
  const answerer = marks.find((page) => page !== offerer);
  const offerMade = first(offerer, 'offer-made', press);
  const offerSent = first(offerer, 'signal-out', offerMade);
  const offerReceived = first(answerer, 'signal-in', offerSent);
  const answerMade = first(answerer, 'answer-made', offerReceived);
  const answerSent = first(answerer, 'signal-out', answerMade);
  const answerReceived = first(offerer, 'signal-in', answerSent);
  const at: [string, number][] = [
    ['socket made', first(own, 'socket-made', press)],
    ['socket open', first(own, 'socket-open', press)],
    ['welcome', first(own, 'welcome', press)],
    ['link made by the offerer', first(offerer, 'link-made', press)],
    ['offer made', offerMade],
    ['offer sent', offerSent],
    ['offer received', offerReceived],
    ['offer being set', first(answerer, 'offer-in', press)],
    ['offer set', first(answerer, 'offer-set', press)],
    ['answer made', answerMade],
    ['answer sent', answerSent],
    ['answer received', answerReceived],
    ['answer being set', first(offerer, 'answer-in', press)],
    ['answer set', first(offerer, 'answer-set', press)],
    ['ICE connected', first(own, 'ice-connected', press)],
    ['DTLS connected', first(own, 'connected', press)],
    ['first frame', first(own, 'first-frame', press)],
  ];
  return new Map(at.map(([name, atMs]) => [name, atMs - press]));
}

const STEPS: readonly (readonly [MarkName, string])[] = [
  ['socket-open', 'sockets open'],
  ['welcome', 'welcomes'],
  ['link-made', 'links made'],
  ['offer-made', 'offers made'],
  ['offer-set', 'offers set'],
  ['answer-made', 'answers made'],
  ['answer-set', 'answers set'],
  ['ice-connected', 'ICE connected'],
  ['connected', 'DTLS connected'],
  ['first-frame', 'first frames'],
];
const PHASES_OF_FOUR = STEPS.flatMap(([, name]) => [`${name}: first`, `${name}: last`]);

function phasesOfFour(marks: Marks): Phases {
  const press = pressOf(marks);
  const phases = new Map<string, number>();
  for (const [mark, name] of STEPS) {
    const times = marks.flat().flatMap((entry) => (entry.name === mark ? [entry.atMs - press] : []));
    if (times.length === 0) continue;
    phases.set(`${name}: first`, Math.min(...times));
    phases.set(`${name}: last`, Math.max(...times));
  }
  return phases;
}

/** When the last of `pages` has pictures of full size only, by the machine's clock; NaN when one has not. */
async function fullSizeAt(pages: readonly Page[]): Promise<number> {
  const moments = await Promise.all(pages.map((page) => page.evaluate(awaitWidth, USUAL.width)));
  return Math.max(...moments.map((moment) => moment ?? Number.NaN));
}

async function roundOfTwo(pages: readonly Page[]): Promise<Round> {
  const marks = await awaitFrames(pages, 1);
  const phases = phasesOfTwo(marks, 1);
  const fullSizeMs = (await fullSizeAt(pages.slice(1))) - pressOf(marks);
  return { totalMs: phases.get('first frame') ?? Number.NaN, fullSizeMs, phases };
}

async function roundOfFour(pages: readonly Page[]): Promise<Round> {
  const marks = await awaitFrames(pages, 3);
  const press = pressOf(marks);
  const frames = marks.flat().flatMap(({ name, atMs }) => (name === 'first-frame' ? [atMs - press] : []));
  if (frames.length !== 12) throw new Error(`${frames.length} links of twelve decoded a frame`);
  const fullSizeMs = (await fullSizeAt(pages)) - press;
  return { totalMs: Math.max(...frames), fullSizeMs, phases: phasesOfFour(marks) };
}

function oursOfTwo(browser: Browser, origin: string): Promise<Round> {
  return using(openLobbies(browser, origin, 2, USUAL), async ({ pages }) => {
    await join(pages.slice(0, 1));
    await pages[0]?.getByRole('toolbar', { name: 'Call controls' }).waitFor();
    // The first has its welcome and is at rest.
    await pages[0]?.waitForFunction(() => window.parleyBench?.marks.some((mark) => mark.name === 'welcome'));
    await pages[0]?.evaluate(() => window.parleyBench?.marks.splice(0));
    await pages[0]?.waitForTimeout(500);
    await join(pages.slice(1));
    return roundOfTwo(pages);
  });
}

function floorOfTwo(browser: Browser, origin: string): Promise<Round> {
  return using(openFloor(browser, origin, callBoxes(2), USUAL), async (group) => {
    await joinFloor(group, [{ page: 1, to: [0] }]);
    return roundOfTwo(group.pages);
  });
}

function oursOfFour(browser: Browser, origin: string): Promise<Round> {
  return using(openLobbies(browser, origin, 4, USUAL), async ({ pages }) => {
    await join(pages);
    return roundOfFour(pages);
  });
}

function floorOfFour(browser: Browser, origin: string): Promise<Round> {
  return using(openFloor(browser, origin, callBoxes(4), USUAL), async (group) => {
    await joinFloor(group, allToAll(4));
    return roundOfFour(group.pages);
  });
}

function phaseTable(names: readonly string[], ours: readonly Round[], floor: readonly Round[]): string {
  const at = (rounds: readonly Round[], name: string) =>
    median(rounds.flatMap(({ phases }) => phases.get(name) ?? []).filter(Number.isFinite));
  let oursBefore = 0;
  let floorBefore = 0;
  const rows = names.map((name) => {
    const oursAt = at(ours, name);
    const floorAt = at(floor, name);
    const row = [
      name,
      formatNumber(Math.round(oursAt)),
      formatNumber(Math.round(oursAt - oursBefore)),
      formatNumber(Math.round(floorAt)),
      formatNumber(Math.round(floorAt - floorBefore)),
    ];
    if (Number.isFinite(oursAt)) oursBefore = oursAt;
    if (Number.isFinite(floorAt)) floorBefore = floorAt;
    return row;
  });
  return formatTable([['ms since the press, medians', 'ours', 'step', 'floor', 'step'], ...rows]);
}

export async function measureJoin(browser: Browser, origin: string): Promise<SectionResult> {
  await warmUp(
    () => oursOfTwo(browser, origin),
    () => floorOfTwo(browser, origin),
  );
  const two = await alternate(
    'Join, two people',
    ROUNDS_OF_TWO,
    () => oursOfTwo(browser, origin),
    () => floorOfTwo(browser, origin),
  );
  const four = await alternate(
    'Join, four people',
    ROUNDS_OF_FOUR,
    () => oursOfFour(browser, origin),
    () => floorOfFour(browser, origin),
  );
  const totals = (rounds: readonly Round[]) => rounds.map(({ totalMs }) => totalMs);
  const fullSize = (rounds: readonly Round[]) => rounds.map(({ fullSizeMs }) => fullSizeMs);
  const figures: Figure[] = [
    {
      name: 'join to first remote frame, 2 people',
      unit: 'ms',
      ours: totals(two.ours),
      floor: totals(two.floor),
      target: { kind: 'ratio-at-most', bound: 1.5 },
    },
    {
      name: 'join to all 12 first frames, 4 people',
      unit: 'ms',
      ours: totals(four.ours),
      floor: totals(four.floor),
      target: { kind: 'ratio-at-most', bound: 1.3 },
    },
    {
      name: 'join to pictures of full size, 2 people',
      unit: 'ms',
      ours: fullSize(two.ours),
      floor: fullSize(two.floor),
      target: null,
    },
    {
      name: 'join to pictures of full size, 4 people',
      unit: 'ms',
      ours: fullSize(four.ours),
      floor: fullSize(four.floor),
      target: null,
    },
  ];
  return {
    figures,
    notes: [
      ...two.notes,
      ...four.notes,
      `Two people, phase by phase (640x480):\n${phaseTable(PHASES_OF_TWO, two.ours, two.floor)}`,
      `Four people at once, first and last of each phase (640x480):\n${phaseTable(PHASES_OF_FOUR, four.ours, four.floor)}`,
    ],
  };
}
