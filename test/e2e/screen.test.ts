/** Sharing a screen: decoded frames on its own transceivers, seen by everyone however late they come, and ended cleanly. */
import { expect, it } from 'vitest';
import { type Person, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();

/** What a busy machine may need. */
const PATIENTLY = { timeout: 20_000 };

declare global {
  interface Window {
    parleyTestScreen?: MediaStream;
  }
}

/** Runs in the page: a screen of four colours, with something that moves in its middle, and a tone. */
function fakeScreen(): void {
  navigator.mediaDevices.getDisplayMedia = () => {
    const canvas = document.createElement('canvas');
    canvas.width = 640;
    canvas.height = 400;
    const context = canvas.getContext('2d');
    if (!context) throw new Error('no canvas');
    let drawn = 0;
    const draw = () => {
      for (const [index, colour] of ['#c00000', '#00a000', '#0000c0', '#e0e000'].entries()) {
        context.fillStyle = colour;
        context.fillRect((index % 2) * 320, index > 1 ? 200 : 0, 320, 200);
      }
      context.fillStyle = '#ffffff';
      context.fillRect(300 + (drawn++ % 40), 190, 20, 20);
    };
    draw();
    setInterval(draw, 100);
    const audio = new AudioContext();
    const speaker = audio.createMediaStreamDestination();
    const tone = audio.createOscillator();
    tone.connect(speaker);
    tone.start();
    const stream = new MediaStream([
      ...canvas.captureStream(10).getVideoTracks(),
      ...speaker.stream.getAudioTracks(),
    ]);
    window.parleyTestScreen = stream;
    return Promise.resolve(stream);
  };
}

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

/** Waits until each of `viewers` decodes new frames of a screen on `links` of their links. */
async function waitForScreens(viewers: readonly Person[], links: number): Promise<void> {
  const before = await Promise.all(viewers.map(received));
  await expect
    .poll(async () => {
      const now = await Promise.all(viewers.map(received));
      return now.map(
        (samples, person) =>
          samples.filter(({ screen }, link) => screen > (before[person]?.[link]?.screen ?? 0) + 3).length,
      );
    }, PATIENTLY)
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
  const alice = await stage.open(url, 'Alice', { init: fakeScreen });
  await alice.join();
  const bob = await stage.open(url, 'Bob');
  await bob.join();
  await waitForMedia([alice, bob], 1);
  const descriptions = async () =>
    (await Promise.all([alice, bob].map((person) => person.links()))).flat().map((link) => link.descriptions);
  const before = await descriptions();

  await share(alice).click();
  await screenTile(bob, 'Alice').waitFor();
  await ownTile(alice).waitFor();
  await waitForScreens([bob], 1);
  await expect.poll(() => quarters(bob, 'Alice'), PATIENTLY).toEqual(['r', 'g', 'b', 'rg']);
  await expect.poll(async () => (await received(bob))[0]?.sound, PATIENTLY).toBeGreaterThan(0);
  // The camera goes on beside it.
  await waitForMedia([alice, bob], 1);
  const camera = (await received(bob))[0]?.camera ?? 0;
  await expect.poll(async () => (await received(bob))[0]?.camera, PATIENTLY).toBeGreaterThan(camera);

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
