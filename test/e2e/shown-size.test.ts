/** What is sent follows what is seen: pictures no larger than they are shown, and none that nobody sees. */
import { expect, it } from 'vitest';
import { type Person, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage({ turn: false });

/** Width of the picture of `name` as it arrives, and of the tile it is shown in. */
const widths = (person: Person, name: string) =>
  person
    .tile(name)
    .locator('video')
    .evaluate((video: HTMLVideoElement) => ({ sent: video.videoWidth, shown: video.clientWidth }));

const sentWidth = async (person: Person, name: string) => (await widths(person, name)).sent;

/** Whether this person's camera is sent over their newest link. */
const isSending = ({ page }: Person) =>
  page.evaluate(() => {
    const { pc } =
      (window.parleyTestLinks ?? []).findLast(({ pc }) => pc.connectionState === 'connected') ?? {};
    return pc?.getSenders()[1]?.getParameters().encodings[0]?.active;
  });

/** What each audio sender of this person was given precedence by. */
const voicePriorities = ({ page }: Person) =>
  page.evaluate(() =>
    (window.parleyTestLinks ?? [])
      .filter(({ pc }) => pc.connectionState === 'connected')
      .map(({ pc }) => pc.getSenders()[0]?.getParameters().encodings[0]?.priority),
  );

/** The page is told what a browser tells one whose tab is put behind another; a browser that is driven has none behind. */
const setHidden = ({ page }: Person, isHidden: boolean) =>
  page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, value: hidden });
    Object.defineProperty(document, 'visibilityState', {
      configurable: true,
      value: hidden ? 'hidden' : 'visible',
    });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);

async function media(person: Person) {
  const [link] = await person.links();
  return { frames: link?.framesDecoded ?? 0, samples: link?.audioSamples ?? 0 };
}

it('a picture is sent in the size it is shown, not at all while its page is hidden, and again as soon as it is seen', async () => {
  const [alice, bob] = await stage.meet(['Alice', 'Bob']);
  // Of a phone, where small tiles are small.
  await bob.page.setViewportSize({ width: 390, height: 844 });
  await expect.poll(() => sentWidth(bob, 'Alice')).toBe(320);
  for (const person of [alice, bob]) await expect.poll(() => voicePriorities(person)).toEqual(['high']);
  await expect.poll(() => sentWidth(alice, 'Bob')).toBe(320);
  const descriptions = async () => (await alice.links()).map((link) => link.descriptions);
  const before = await descriptions();

  await bob.page.getByRole('button', { name: 'Pin yourself' }).click();
  await expect.poll(() => sentWidth(bob, 'Alice')).toBeLessThan(320);
  const { sent, shown } = await widths(bob, 'Alice');
  expect(sent).toBeGreaterThanOrEqual(shown);
  expect(await sentWidth(alice, 'Bob')).toBe(320);
  await bob.page.getByRole('button', { name: 'Pin yourself' }).click();
  await expect.poll(() => sentWidth(bob, 'Alice')).toBe(320);

  await setHidden(bob, true);
  await expect.poll(() => isSending(alice)).toBe(false);
  expect(await isSending(bob)).toBe(true);
  // What was on its way arrives; then voices are all there is.
  await expect
    .poll(async () => {
      const then = await media(bob);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const now = await media(bob);
      return [now.frames - then.frames, now.samples > then.samples];
    })
    .toEqual([0, true]);
  expect(await descriptions()).toEqual(before);

  // The next link hears of it too.
  await alice.page.evaluate(() => {
    for (const { pc } of window.parleyTestLinks ?? []) if (pc.connectionState === 'connected') pc.close();
  });
  await expect.poll(() => isSending(alice)).toBe(false);
  await setHidden(bob, false);
  await expect.poll(() => isSending(alice)).toBe(true);
  await waitForMedia([alice, bob], 1);
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});
