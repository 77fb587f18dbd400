/** Sharing a screen: decoded frames on its own transceivers, seen by everyone however late they come, and ended cleanly. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { expect, it } from 'vitest';
import { fakeScreen, type Person, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();

declare global {
  interface Window {
    parleyTestHandle?: string;
  }
}

/** Runs in the page: gives the screen four colours, something that moves in its middle, and a tone. */
function drawScreen(): void {
  let drawn = 0;
  window.parleyTestDraw = (context) => {
    for (const [index, colour] of ['#c00000', '#00a000', '#0000c0', '#e0e000'].entries()) {
      context.fillStyle = colour;
      context.fillRect((index % 2) * 320, index > 1 ? 200 : 0, 320, 200);
    }
    context.fillStyle = '#ffffff';
    context.fillRect(300 + (drawn++ % 40), 190, 20, 20);
  };
  const { mediaDevices } = navigator;
  const silent = mediaDevices.getDisplayMedia.bind(mediaDevices);
  mediaDevices.getDisplayMedia = async () => {
    const stream = await silent();
    const audio = new AudioContext();
    const speaker = audio.createMediaStreamDestination();
    const tone = audio.createOscillator();
    tone.connect(speaker);
    tone.start();
    for (const track of speaker.stream.getAudioTracks()) stream.addTrack(track);
    return stream;
  };
}

/** A screen to share that can be told from any other picture. */
const SHARES = { init: [fakeScreen, drawScreen] };

interface Received {
  readonly camera: number;
  readonly screen: number;
  /** Energy of the screen's sound so far. */
  readonly sound: number;
}

/** Frames decoded on each link of the page, by transceiver. */
async function received(person: Person): Promise<Received[]> {
  return await person.page.evaluate(async () => {
    const all: Received[] = [];
    for (const { pc } of window.parleyTestLinks ?? []) {
      if (pc.connectionState !== 'connected') continue;
      const [, camera, screen, sound] = pc.getTransceivers().map(({ mid }) => mid);
      const byMid = new Map<unknown, Record<string, unknown>>();
      (await pc.getStats()).forEach((entry: Record<string, unknown>) => {
        if (entry.type === 'inbound-rtp') byMid.set(entry.mid, entry);
      });
      const frames = (mid: unknown) => Number(byMid.get(mid)?.framesDecoded ?? 0);
      all.push({
        camera: frames(camera),
        screen: frames(screen),
        sound: Number(byMid.get(sound)?.totalAudioEnergy ?? 0),
      });
    }
    return all;
  });
}

/** The first look at what is decoded; on a busy machine each screen may need a longer one. */
const FIRST_LOOK_MS = 1_000;

/** Waits until each of `viewers` goes on decoding a screen on `links` of their links, and on no other. */
async function waitForScreens(viewers: readonly Person[], links: number): Promise<void> {
  let lookMs = FIRST_LOOK_MS;
  await expect
    .poll(async () => {
      const before = await Promise.all(viewers.map(received));
      await new Promise((settle) => setTimeout(settle, lookMs));
      lookMs *= 2;
      const now = await Promise.all(viewers.map(received));
      return now.map(
        (samples, person) =>
          samples.filter(({ screen }, link) => screen > (before[person]?.[link]?.screen ?? 0)).length,
      );
    })
    .toEqual(viewers.map(() => links));
}

const share = (person: Person) => person.page.getByRole('button', { name: 'Share screen', exact: true });
const screenTile = (person: Person, name: string) =>
  person.page.getByRole('group', { name: `${name}'s screen`, exact: true });
const ownTile = (person: Person) => person.page.getByRole('group', { name: 'Your screen', exact: true });

/** The colours that a viewer sees in the middle of each quarter of a screen, as whichever of the four is nearest. */
async function quarters(person: Person, name: string): Promise<string[]> {
  return await screenTile(person, name)
    .locator('video')
    .evaluate((video: HTMLVideoElement) => {
      const canvas = document.createElement('canvas');
      canvas.width = 40;
      canvas.height = 40;
      const context = canvas.getContext('2d');
      context?.drawImage(video, 0, 0, 40, 40);
      return [10, 30].flatMap((y) =>
        [10, 30].map((x) => {
          const [red = 0, green = 0, blue = 0] = context?.getImageData(x, y, 1, 1).data ?? [];
          return `${red > 100 ? 'r' : ''}${green > 100 ? 'g' : ''}${blue > 100 ? 'b' : ''}`;
        }),
      );
    });
}

it('two people: a screen with its sound beside the camera, no renegotiation, and both ways to stop it', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice', SHARES);
  const bob = await stage.join(url, 'Bob');
  await waitForMedia([alice, bob], 1);
  const descriptions = async () =>
    (await Promise.all([alice, bob].map((person) => person.links()))).flat().map((link) => link.descriptions);
  const before = await descriptions();

  await share(alice).click();
  await screenTile(bob, 'Alice').waitFor();
  await ownTile(alice).waitFor();
  await waitForScreens([bob], 1);
  await expect.poll(() => quarters(bob, 'Alice')).toEqual(['r', 'g', 'b', 'rg']);
  await expect.poll(async () => (await received(bob))[0]?.sound).toBeGreaterThan(0);
  // The camera goes on beside it.
  await waitForMedia([alice, bob], 1);
  const camera = (await received(bob))[0]?.camera ?? 0;
  await expect.poll(async () => (await received(bob))[0]?.camera).toBeGreaterThan(camera);

  // The browser's own bar: the track has ended when the page hears of it.
  await alice.page.evaluate(() => {
    for (const track of window.parleyTestScreen?.getTracks() ?? []) {
      track.stop();
      track.dispatchEvent(new Event('ended'));
    }
  });
  await screenTile(bob, 'Alice').waitFor({ state: 'detached' });
  await ownTile(alice).waitFor({ state: 'detached' });
  expect(await share(alice).getAttribute('aria-pressed')).toBe('false');

  await alice.page.keyboard.press('s');
  await screenTile(bob, 'Alice').waitFor();
  await waitForScreens([bob], 1);
  await ownTile(alice).getByRole('button', { name: 'Stop' }).click();
  await screenTile(bob, 'Alice').waitFor({ state: 'detached' });
  expect(await alice.page.evaluate(() => window.parleyTestScreen?.active)).toBe(false);
  expect(await descriptions()).toEqual(before);
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});

it('four people over the relay: two share at once, one without camera and microphone; who comes late sees both', async () => {
  const url = stage.invitation();
  const options = { relayOnly: true, voiceOnly: true };
  const alice = await stage.join(url, 'Alice', { ...SHARES, permissions: [], relayOnly: true });
  const bob = await stage.join(url, 'Bob', { ...SHARES, ...options });
  const carol = await stage.join(url, 'Carol', options);
  for (const name of ['Alice', 'Bob']) await carol.tile(name).waitFor();
  await alice.tile('Bob').waitFor();
  await share(alice).click();
  await share(bob).click();
  await waitForScreens([carol], 2);
  const dave = await stage.join(url, 'Dave', options);
  for (const name of ['Alice', 'Bob']) {
    await screenTile(dave, name).waitFor();
    await expect.poll(() => quarters(dave, name)).toEqual(['r', 'g', 'b', 'rg']);
  }
  await waitForScreens([dave, carol], 2);
  await waitForScreens([alice, bob], 1);
  await carol.tile('Dave').waitFor();
  await dave.tile('Carol').waitFor();
  for (const link of (await Promise.all([alice, bob, carol, dave].map((person) => person.links()))).flat())
    expect([link.localType, link.remoteType]).toEqual(['relay', 'relay']);
  expect([...alice.problems, ...dave.problems]).toEqual([]);

  await bob.page.getByRole('button', { name: 'Stop sharing' }).click();
  await screenTile(dave, 'Bob').waitFor({ state: 'detached' });
  await waitForScreens([dave, carol], 1);
});

it('the browser’s own capture: whole screen with its sound, for text and for motion', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice', { voiceOnly: true });
  const bob = await stage.join(url, 'Bob', { voiceOnly: true });
  await alice.tile('Bob').waitFor();
  await alice.page.keyboard.press('s');
  await waitForScreens([bob], 1);
  await alice.page.getByText('The others see your whole screen').waitFor();
  await screenTile(bob, 'Alice').getByRole('img', { name: 'with sound' }).waitFor();
  const sent = () =>
    alice.page.evaluate(() => {
      const [pc] = (window.parleyTestLinks ?? [])
        .map((link) => link.pc)
        .filter((link) => link.connectionState === 'connected');
      const sender = pc?.getTransceivers()[2]?.sender;
      const { degradationPreference, encodings = [] } = sender?.getParameters() ?? {};
      return [sender?.track?.contentHint, degradationPreference, encodings[0]?.maxFramerate];
    });
  await expect.poll(sent).toEqual(['detail', 'maintain-resolution', 15]);
  await alice.page.getByRole('switch', { name: 'Smooth motion' }).check();
  await expect.poll(sent).toEqual(['motion', 'maintain-framerate', 30]);
  await waitForScreens([bob], 1);
});

/** Where the picture lies within its tile: left, top and width, as shares of the tile's width. */
async function view(person: Person, name: string): Promise<number[]> {
  return await screenTile(person, name).evaluate((tile) => {
    const [outer, inner] = [tile, tile.querySelector('video')].map((element) =>
      element?.getBoundingClientRect(),
    );
    if (!outer || !inner) throw new Error('no tile');
    return [inner.left - outer.left, inner.top - outer.top, inner.width].map(
      (length) => Math.round((length / outer.width) * 100) / 100 + 0,
    );
  });
}

it('a viewer zooms and moves a screen by keys alone, by wheel and by buttons, pins it, and axe finds nothing', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice', { ...SHARES, voiceOnly: true });
  const bob = await stage.join(url, 'Bob', { voiceOnly: true });
  await bob.tile('Alice').waitFor();
  await share(alice).click();
  await expect.poll(() => quarters(bob, 'Alice')).toEqual(['r', 'g', 'b', 'rg']);
  const tile = screenTile(bob, 'Alice');
  const { keyboard } = bob.page;

  // By Tab, as far as it takes.
  for (let presses = 0; presses < 20; presses += 1) {
    if (await tile.evaluate((element) => element === document.activeElement)) break;
    await keyboard.press('Tab');
  }
  expect(await tile.evaluate((element) => element === document.activeElement)).toBe(true);
  expect(await view(bob, 'Alice')).toEqual([0, 0, 1]);
  await keyboard.press('+');
  await keyboard.press('+');
  const zoomed = await view(bob, 'Alice');
  expect(zoomed[2]).toBeCloseTo(1.56, 1);
  for (let presses = 0; presses < 10; presses += 1) await keyboard.press('ArrowRight');
  for (let presses = 0; presses < 10; presses += 1) await keyboard.press('ArrowUp');
  const [left = 0, top] = await view(bob, 'Alice');
  expect([left, top]).toEqual([expect.closeTo(-0.56, 1), 0]);
  await keyboard.press('-');
  await keyboard.press('0');
  expect(await view(bob, 'Alice')).toEqual([0, 0, 1]);

  // The point under the wheel stays: from the right lower corner nothing moves there.
  const box = await tile.boundingBox();
  if (!box) throw new Error('no tile');
  await bob.page.mouse.move(box.x + box.width - 16, box.y + box.height - 16);
  await bob.page.mouse.wheel(0, -400);
  await expect.poll(async () => (await view(bob, 'Alice'))[2]).toBeGreaterThan(1.5);
  const [wheelLeft = 0, , wheelWidth = 0] = await view(bob, 'Alice');
  expect(wheelLeft + wheelWidth).toBeCloseTo(1, 1);
  await bob.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await bob.page.mouse.down();
  await bob.page.mouse.move(box.x + box.width, box.y + box.height / 2, { steps: 4 });
  await bob.page.mouse.up();
  expect((await view(bob, 'Alice'))[0]).toBeGreaterThan(wheelLeft);
  await tile.getByRole('button', { name: /^Reset zoom/ }).click();
  expect(await view(bob, 'Alice')).toEqual([0, 0, 1]);
  await bob.page.mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);
  expect((await view(bob, 'Alice'))[2]).toBe(2.5);
  await bob.page.mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);

  // Two fingers that part, then one that moves.
  const touch = await bob.context.newCDPSession(bob.page);
  const [middleX, middleY] = [box.x + box.width / 2, box.y + box.height / 2];
  const fingers = (type: 'touchStart' | 'touchMove' | 'touchEnd', apart: readonly number[]) =>
    touch.send('Input.dispatchTouchEvent', {
      type,
      touchPoints: apart.map((x, id) => ({ x: middleX + x, y: middleY, id })),
    });
  await fingers('touchStart', [-40, 40]);
  for (const apart of [60, 80, 100]) await fingers('touchMove', [-apart, apart]);
  await fingers('touchEnd', []);
  await expect.poll(async () => (await view(bob, 'Alice'))[2]).toBeGreaterThan(2);
  const [pinched = 0] = await view(bob, 'Alice');
  await fingers('touchStart', [0]);
  for (const x of [30, 60, 90]) await fingers('touchMove', [x]);
  await fingers('touchEnd', []);
  await expect.poll(async () => (await view(bob, 'Alice'))[0]).toBeGreaterThan(pinched);
  await tile.getByRole('button', { name: /^Reset zoom/ }).click();

  // Large beside the others; a pin makes a person large instead.
  const width = async (element: ReturnType<Person['tile']>) => (await element.boundingBox())?.width ?? 0;
  expect(await width(tile)).toBeGreaterThan(2 * (await width(bob.tile('Alice'))));
  await bob.page.getByRole('button', { name: 'Pin Alice', exact: true }).click();
  expect(await width(bob.tile('Alice'))).toBeGreaterThan(2 * (await width(tile)));
  await bob.page.getByRole('button', { name: 'Pin Alice', exact: true }).click();

  await tile.getByRole('button', { name: 'Full screen' }).click();
  await expect.poll(() => tile.evaluate((element) => element === document.fullscreenElement)).toBe(true);
  const viewport = bob.page.viewportSize();
  await expect.poll(async () => (await tile.boundingBox())?.width).toBe(viewport?.width);
  await tile.getByRole('button', { name: 'Full screen' }).click();
  await expect.poll(() => bob.page.evaluate(() => document.fullscreenElement)).toBe(null);

  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  for (const { page } of [alice, bob]) {
    await page.evaluate(axe);
    const { violations } = await page.evaluate<AxeResults>('axe.run()');
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
  }
});

it('every failure says why, and sharing the call itself is warned about', async () => {
  const alice = await stage.join(stage.invitation(), 'Alice', {
    voiceOnly: true,
    init: () => {
      const answers: (() => Promise<MediaStream>)[] = [
        () => Promise.reject(new DOMException('Permission denied', 'NotAllowedError')),
        () => Promise.reject(new DOMException('Permission denied by system', 'NotAllowedError')),
        () => {
          const [track] = document.createElement('canvas').captureStream(5).getVideoTracks();
          if (!track) throw new Error('no track');
          const own = { getCaptureHandle: () => ({ handle: window.parleyTestHandle }) };
          return Promise.resolve(new MediaStream([Object.assign(track, own)]));
        },
      ];
      navigator.mediaDevices.getDisplayMedia = () => answers.shift()?.() ?? Promise.reject(new TypeError());
      Object.assign(navigator.mediaDevices, {
        setCaptureHandleConfig: ({ handle }: { handle: string }) => {
          window.parleyTestHandle = handle;
        },
      });
    },
  });
  const says = (text: string) => alice.page.getByText(text).waitFor();
  await share(alice).click();
  await says('Nothing is shared.');
  await alice.page.getByRole('button', { name: 'Try again' }).click();
  await says('Your system does not hand out the screen.');
  await alice.page.getByRole('button', { name: 'Dismiss: share screen' }).click();
  await alice.page.getByText('Your system does not hand out').waitFor({ state: 'detached' });
  await share(alice).click();
  await says('You are sharing this call itself');
  await alice.page.getByRole('button', { name: 'Stop sharing' }).click();
  await share(alice).click();
  await says('Sharing did not start.');

  await alice.page.evaluate(() => {
    Object.defineProperty(navigator, 'mediaDevices', { value: new EventTarget() });
  });
  await alice.page.getByRole('button', { name: 'Leave' }).click();
  await alice.page.getByRole('button', { name: 'Join again' }).click();
  await share(alice).click();
  await says('This browser cannot share a screen.');
});
