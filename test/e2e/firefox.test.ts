/** Firefox beside Chromium: another engine's descriptions, statistics and stores. */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { RESTART_MS } from '../../app/call/recovery.ts';
import { sayPassedOver } from '../fixtures/passed-over.ts';
import { dropFiles, hashOfMade, press, save, says } from './files-in-page.ts';
import { type Fox, useFirefox } from './fox.ts';
import { fakeScreen, type LinkSample, type Person, rolesInPage } from './harness.ts';
import { startRelayGate } from './relay-gate.ts';
import { useStage } from './stage.ts';

const gate = await startRelayGate();
const stage = useStage({ advertisedTurnPort: gate.port });
beforeAll(() => gate.leadTo(stage.system.turnPort ?? 0));
afterAll(() => gate.close());
const firefox = await useFirefox();

declare global {
  interface Window {
    parleyTestSaved?: Blob;
  }
}

const withFirefox = it.skipIf(!firefox.areThere);
if (!firefox.areThere)
  sayPassedOver('what is tried with Firefox', "it cannot be installed here; Debian's package is firefox-esr");

/** What the two drivers do alike, though their types do not say so. */
function inPage<Arg, Result>({ page }: Fox | Person, run: (arg: Arg) => Result, arg: Arg): Promise<Result> {
  return (page as { evaluate(run: (arg: Arg) => Result, arg: Arg): Promise<Result> }).evaluate(run, arg);
}

/** Runs in the page: how many others have proved who they are; media may flow before. */
const provenInPage = () => document.querySelectorAll('button[aria-label^="Connection to "]').length;

/** On a machine that decodes a frame a second each link that is there needs a longer look. */
const FIRST_LOOK_MS = 500;

/** Waits until everybody knows, sees and hears everybody else. */
async function flows(people: readonly (Fox | Person)[]): Promise<void> {
  const look = () => Promise.all(people.map((person) => person.links()));
  const gained = (now: LinkSample, before: LinkSample | undefined) =>
    !!before && now.framesDecoded > before.framesDecoded && now.audioSamples > before.audioSamples;
  let before = await look();
  const others = people.length - 1;
  let lookMs = FIRST_LOOK_MS;
  await expect
    .poll(async () => {
      await new Promise((resolve) => setTimeout(resolve, lookMs));
      const now = await look();
      const ok = now.map((links, person) => links.filter((link, at) => gained(link, before[person]?.[at])));
      before = now;
      const proven = await Promise.all(people.map((person) => inPage(person, provenInPage, null)));
      const areThere = now.every(({ length }, person) => length === others && proven[person] === others);
      lookMs = areThere ? 2 * lookMs : FIRST_LOOK_MS;
      return ok.map(({ length }, person) => [length, proven[person]]);
    })
    .toEqual(people.map(() => [others, others]));
}

/** Waits until nothing comes over any of somebody's links any more. */
async function hearsNothing(person: Fox | Person): Promise<void> {
  const received = () => inPage(person, receivedInPage, null);
  await expect
    .poll(async () => {
      const before = await received();
      await new Promise((resolve) => setTimeout(resolve, 500));
      return (await received()) - before;
    })
    .toBe(0);
}

/** Runs in the page: bytes that came over all its links so far. */
async function receivedInPage(): Promise<number> {
  let bytes = 0;
  for (const { pc } of window.parleyTestLinks ?? [])
    (await pc.getStats()).forEach((entry: Record<string, unknown>) => {
      if (entry.type === 'candidate-pair') bytes += Number(entry.bytesReceived ?? 0);
    });
  return bytes;
}

withFirefox('it calls Chromium and its like, whoever offers first', async () => {
  const url = stage.invitation();
  const ada = await stage.join(url, 'Ada');
  const fox = await firefox.join(url, 'Fox');
  const zoe = await stage.join(url, 'Zoe');
  await flows([fox, ada, zoe]);
  expect((await fox.page.evaluate(rolesInPage)).sort()).toEqual(['answer', 'offer']);
  await zoe.page.getByRole('button', { name: 'Leave' }).click();
  const vixen = await firefox.join(url, 'Vixen');
  await flows([fox, ada, vixen]);
  for (const name of ['Ada', 'Vixen']) await fox.find('group', name);
  expect([...fox.problems, ...vixen.problems, ...ada.problems]).toEqual([]);
});

/** Runs in the page. */
const comesOnline = () => dispatchEvent(new Event('online'));

withFirefox('through the relay alone it goes on without a server, and is not taken for silent', async () => {
  const url = stage.invitation();
  const fox = await firefox.join(url, 'Fox', { relayOnly: true });
  const ada = await stage.join(url, 'Ada', { relayOnly: true });
  await flows([fox, ada]);
  const [link] = await fox.links();
  expect([link?.localType, link?.remoteType]).toEqual(['relay', 'relay']);
  await stage.system.stopServer();
  // A page that comes online looks at its links, and would mend one over which nothing came.
  for (const person of [fox, ada]) await inPage(person, comesOnline, null);
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  await flows([fox, ada]);
  expect((await fox.links()).map(({ descriptions }) => descriptions)).toEqual([link?.descriptions]);
  await stage.system.startServer();
  const ben = await stage.join(url, 'Ben', { relayOnly: true });
  await flows([fox, ada, ben]);
});

/** Runs in the page: from here on, whatever is to happen after so many milliseconds never does. */
function never(ms: number): void {
  const native = window.setTimeout;
  window.setTimeout = ((run: () => void, after?: number) =>
    after === ms ? 0 : native(run, after)) as typeof native;
}

withFirefox('a path silent for moments is mended by an ICE restart, and that is noticed', async () => {
  const url = stage.invitation();
  const fox = await firefox.join(url, 'Fox', { relayOnly: true });
  const ada = await stage.join(url, 'Ada', { relayOnly: true });
  await flows([fox, ada]);
  const [before] = await fox.links();
  for (const person of [fox, ada]) await inPage(person, never, RESTART_MS);
  gate.shut();
  // What was on its way would count as coming over a path that is silent.
  await hearsNothing(fox);
  await inPage(fox, comesOnline, null);
  await fox.says('Reconnecting');
  // Before either side has looked in vain for a relay.
  gate.open();
  await flows([fox, ada]);
  await ada.tile('Fox').getByText('Reconnecting').waitFor({ state: 'detached' });
  await fox.page.waitForFunction('!document.body.textContent.includes("Reconnecting")');
  const links = await fox.links();
  expect(links.length).toBe(1);
  expect(links[0]?.descriptions).toBeGreaterThan(before?.descriptions ?? 0);
});

type Spot = readonly [x: number, y: number];

/** Runs in the page: where in the picture of a shared screen the tip of somebody's pointer is, as parts of its size. */
function spotInPage(name: string): Spot | null {
  const arrow = [...document.querySelectorAll('.pointer-arrow:not([hidden])')].find(
    (one) => one.querySelector('bdi')?.textContent === name,
  );
  const video = arrow?.closest('[role=group]')?.querySelector('video');
  if (!arrow || !video) return null;
  const box = video.getBoundingClientRect();
  const tip = arrow.getBoundingClientRect();
  const scale = Math.min(box.width / video.videoWidth, box.height / video.videoHeight);
  const [width, height] = [video.videoWidth * scale, video.videoHeight * scale];
  return [
    (tip.x - box.x - (box.width - width) / 2) / width,
    (tip.y - box.y - (box.height - height) / 2) / height,
  ];
}

/** Runs in the page: the place of a spot of the only screen that is shared, once its picture is there, of whatever size. */
function placeInPage([x, y]: Spot): { x: number; y: number } | null {
  const video = document.querySelector<HTMLVideoElement>('.screen-tile video');
  // Before its first frame a picture has no size, or one of two pixels.
  if (!video || video.videoWidth <= 2) return null;
  const { videoWidth: width, videoHeight: height } = video;
  const box = video.getBoundingClientRect();
  const scale = Math.min(box.width / width, box.height / height);
  return {
    x: box.x + box.width / 2 + (x - 0.5) * width * scale,
    y: box.y + box.height / 2 + (y - 0.5) * height * scale,
  };
}

/** Has somebody point at a spot of the screen they are shown, until the one who shares it sees it there. */
async function points(from: Fox | Person, name: string, to: Fox | Person, at: Spot): Promise<void> {
  const [x, y] = at;
  await expect.poll(() => inPage(from, placeInPage, at)).not.toBeNull();
  await from.page.keyboard.press('p');
  await expect
    .poll(async () => {
      const place = await inPage(from, placeInPage, at);
      if (place) await from.page.mouse.move(place.x, place.y);
      const seen = await inPage(to, spotInPage, name);
      return seen ? Math.hypot(seen[0] - x, seen[1] - y) : 1;
    })
    .toBeLessThan(0.02);
  await from.page.keyboard.press('p');
}

/** Runs in the page. */
const pageSays = (words: string) => document.body.textContent.includes(words);

/** Runs in the page: keeps what is made to be saved. */
function keepBlobs(): void {
  const native = URL.createObjectURL.bind(URL);
  URL.createObjectURL = (what) => {
    if (what instanceof Blob) window.parleyTestSaved = what;
    return native(what);
  };
}

/** Runs in the page: SHA-256 of what was made to be saved last, in hexadecimal. */
async function hashSaved(): Promise<string> {
  const bytes = (await window.parleyTestSaved?.arrayBuffer()) ?? new ArrayBuffer(0);
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

withFirefox('what people do besides talking goes both ways', async () => {
  const url = stage.invitation();
  const fox = await firefox.join(url, 'Fox');
  const ada = await stage.join(url, 'Ada', { init: fakeScreen });
  await flows([fox, ada]);

  await fox.press('Chat');
  await (await fox.find('textbox', 'Message')).type('From the den\n');
  await ada.page.getByRole('button', { name: /^Chat/ }).click();
  await ada.page.getByRole('log', { name: 'Messages' }).getByText('From the den').waitFor();
  await ada.page.getByRole('textbox', { name: 'Message' }).fill('From the city');
  await ada.page.keyboard.press('Enter');
  await fox.says('From the city');
  for (const person of [ada, fox]) {
    await expect.poll(() => inPage(person, pageSays, 'Delivered')).toBe(true);
    await person.page.keyboard.press('Escape');
  }

  await fox.page.keyboard.press('h');
  await ada.tile('Fox').getByText('Hand raised').waitFor();
  await ada.page.keyboard.press('r');
  await Promise.all([
    fox.page.waitForFunction(() =>
      [...document.querySelectorAll('.reactions')].some(({ textContent }) => textContent?.includes('❤️')),
    ),
    ada.page.getByRole('menuitem', { name: 'Heart' }).click(),
  ]);

  await fox.page.keyboard.press('s');
  await points(ada, 'Ada', fox, [0.6, 0.4]);
  await fox.page.keyboard.press('s');
  await ada.page.getByRole('group', { name: "Fox's screen" }).waitFor({ state: 'detached' });
  await ada.page.keyboard.press('s');
  await points(fox, 'Fox', ada, [0.3, 0.7]);
  await ada.page.keyboard.press('s');

  const file = { sizeBytes: 3_000_000, type: 'application/octet-stream' };
  await dropFiles(fox, { ...file, name: 'den.bin', seed: 3 });
  await press(ada, 'den.bin', 'Accept');
  await says(ada, 'den.bin', /complete and verified/);
  expect((await save(ada, 'den.bin')).hash).toBe(hashOfMade({ ...file, seed: 3 }));
  await fox.says('Ada has all of it');
  await dropFiles(ada, { ...file, name: 'city.bin', seed: 4 });
  await fox.press('Accept');
  await fox.says('complete and verified');
  await fox.page.evaluate(keepBlobs);
  await fox.press('Save');
  expect(await fox.page.evaluate(hashSaved)).toBe(hashOfMade({ ...file, seed: 4 }));
  await says(ada, 'city.bin', 'Fox has all of it');
  expect([...fox.problems, ...ada.problems]).toEqual([]);
});
