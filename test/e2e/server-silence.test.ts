/**
 * What people do in a call passes between their browsers: while they do all of it, no byte passes the WebSocket and nothing
 * is asked of the server. Whoever adds a feature adds its use to USES.
 */
import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { messageBytes, watchSockets } from '../bench/socket-traffic.ts';
import { dropFiles, press, says } from './files-in-page.ts';
import { fakeScreen, type Person, SCREEN, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();

type Use = (alice: Person, bob: Person) => Promise<void>;

const button = (person: Person, name: string) =>
  person.page.getByRole('toolbar', { name: 'Call controls' }).getByRole('button', { name, exact: true });

const USES: readonly (readonly [what: string, use: Use])[] = [
  [
    'a file',
    async (alice, bob) => {
      await dropFiles(alice, { name: 'quiet.bin', sizeBytes: 3_000_000 });
      await press(bob, 'quiet.bin', 'Accept');
      await says(alice, 'quiet.bin', 'Bob has all of it');
    },
  ],
  [
    'a raised hand',
    async (alice, bob) => {
      await button(alice, 'Raise hand').click();
      await bob.tile('Alice').locator('.hand-mark').waitFor();
      await button(alice, 'Raise hand').click();
    },
  ],
  [
    'a message',
    async (alice, bob) => {
      for (const person of [alice, bob]) await button(person, 'Chat').click();
      const field = alice.page.getByRole('textbox', { name: 'Message', exact: true });
      await field.fill('Between us');
      await field.press('Enter');
      await bob.page.getByRole('log', { name: 'Messages' }).getByText('Between us').waitFor();
    },
  ],
  [
    'a private message',
    async (alice, bob) => {
      await alice.page.getByRole('combobox', { name: 'To' }).selectOption({ label: 'Bob only' });
      const field = alice.page.getByRole('textbox', { name: 'Message', exact: true });
      await field.fill('For you alone');
      await field.press('Enter');
      await bob.page.getByRole('log', { name: 'Messages' }).getByText('For you alone').waitFor();
    },
  ],
  [
    'a reaction',
    async (alice, bob) => {
      const told = bob.page.getByRole('status', { name: 'Notices' }).getByText('reacted: Applause');
      await button(alice, 'React').click();
      await Promise.all([
        told.waitFor({ state: 'attached' }),
        alice.page.getByRole('menuitem', { name: 'Applause' }).click(),
      ]);
    },
  ],
  [
    'a shared screen, and a pointer over it',
    async (alice, bob) => {
      await button(alice, 'Share screen').click();
      const shown = bob.page.getByRole('group', { name: "Alice's screen", exact: true });
      await expect
        .poll(() => shown.locator('video').evaluate((video: HTMLVideoElement) => video.videoWidth))
        .toBe(SCREEN.width);
      await button(bob, 'Pointer').click();
      await shown.locator('.pointer-layer[data-active]').waitFor();
      await shown.focus();
      await bob.page.keyboard.press('ArrowDown');
      const own = alice.page.getByRole('group', { name: 'Your screen', exact: true });
      await own.locator('.pointer-arrow:not([hidden]) bdi', { hasText: 'Bob' }).waitFor();
      await button(bob, 'Pointer').click();
      await alice.page.getByRole('button', { name: 'Stop sharing' }).click();
      await shown.waitFor({ state: 'detached' });
    },
  ],
  [
    'muting',
    async (alice, bob) => {
      await button(alice, 'Microphone').click();
      await bob.tile('Alice, muted').waitFor();
      await button(alice, 'Microphone').click();
    },
  ],
];

/** What is loaded soon after joining is asked for by then, and has come once nothing more is asked for so long. */
const ASKED_MS = 9_000;
const QUIET_MS = 3_000;

it('nothing passes the server while files, hands and all the rest are used', async () => {
  const url = stage.invitation();
  const people: Person[] = [];
  for (const name of ['Alice', 'Bob']) people.push(await stage.open(url, name, { init: fakeScreen }));
  const [alice, bob] = people as [Person, Person];
  const traffic = await Promise.all(people.map(({ page }) => watchSockets(page)));
  for (const person of people) await person.join();
  await waitForMedia(people, 1);
  await new Promise((resolve) => setTimeout(resolve, ASKED_MS));
  const bytes = () => traffic.map(messageBytes);
  const asked = () => people.map((person) => person.requests.length);
  await expect
    .poll(async () => {
      const earlier = [bytes(), asked()];
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      return isDeepStrictEqual([bytes(), asked()], earlier);
    })
    .toBe(true);
  const before = bytes();
  for (const joined of before) expect(joined).toBeGreaterThan(0);
  const requests = asked();
  for (const [what, use] of USES) {
    await use(alice, bob);
    expect(bytes(), `bytes on the WebSockets after ${what}`).toEqual(before);
    expect(
      people.map((person, index) =>
        person.requests.slice(requests[index]).filter((url) => !url.startsWith('blob:')),
      ),
      `asked of the server after ${what}`,
    ).toEqual([[], []]);
  }
});
