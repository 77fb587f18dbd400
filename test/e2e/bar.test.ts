/** The bar at every width: nothing is lost, nothing is too small, and it makes way only where it can come back. */
import { expect, it } from 'vitest';
import type { Person } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage({ turn: false });

const NAMES = [
  'Microphone',
  'Camera',
  'Share screen',
  'Pointer',
  'React',
  'Raise hand',
  'Chat',
  'People',
  'Invite',
  'More',
  'Leave',
];

const bar = (person: Person) => person.page.getByRole('toolbar', { name: 'Call controls' });
const button = (person: Person, name: string) => person.page.getByRole('button', { name, exact: true });

/** The names in the bar and under More, at one and the same moment. */
const names = (person: Person) =>
  person.page.evaluate(() =>
    ['.bar', '.bar-rest'].map((selector) =>
      [...document.querySelectorAll(`${selector} .bar-button`)].map(
        (each) => each.getAttribute('aria-label') ?? '',
      ),
    ),
  );

it('what has no room in the bar is under More by the same name, in the same order', async () => {
  const alice = await stage.join(stage.invitation(), 'Alice', { voiceOnly: true });
  for (const width of [320, 390, 768, 1280, 1920]) {
    await alice.page.setViewportSize({ width, height: 700 });
    await alice.page.waitForFunction((wanted) => innerWidth === wanted, width);
    await expect
      .poll(() => bar(alice).evaluate((element) => element.scrollWidth <= element.clientWidth))
      .toBe(true);
    await button(alice, 'More').click();
    const [shown = [], rest = []] = await names(alice);
    await alice.page.keyboard.press('Escape');
    expect(NAMES.filter((name) => shown.includes(name) || rest.includes(name))).toEqual(NAMES);
    expect(shown.filter((name) => rest.includes(name))).toEqual([]);
    for (const list of [shown, rest]) {
      const order = list.filter((name) => NAMES.includes(name));
      expect(order).toEqual(NAMES.filter((name) => order.includes(name)));
    }
    for (const always of ['Microphone', 'Camera', 'Chat', 'More', 'Leave']) expect(shown).toContain(always);
  }
});

it('a button under More does what it does in the bar, and gives the focus where it leads', async () => {
  const alice = await stage.join(stage.invitation(), 'Alice', { voiceOnly: true });
  await alice.page.setViewportSize({ width: 320, height: 640 });
  await button(alice, 'More').click();
  await button(alice, 'People').click();
  const panel = alice.page.getByRole('complementary', { name: 'People' });
  await panel.waitFor();
  expect(await panel.evaluate((element) => element.contains(document.activeElement))).toBe(true);
  await alice.page.keyboard.press('Escape');
  await panel.waitFor({ state: 'detached' });
  expect(await button(alice, 'More').evaluate((element) => element === document.activeElement)).toBe(true);
  await button(alice, 'More').click();
  await button(alice, 'Invite').click();
  await alice.page.getByRole('dialog', { name: 'Invite people' }).waitFor();
});

it('shortcuts are listed under ?, and the arrow keys, Home and End move along the bar', async () => {
  const alice = await stage.join(stage.invitation(), 'Alice', { voiceOnly: true });
  await alice.page.keyboard.press('?');
  const dialog = alice.page.getByRole('dialog', { name: 'Shortcuts' });
  await dialog.locator('kbd').first().waitFor();
  const keys = await dialog.locator('kbd').allTextContents();
  for (const key of ['M', 'V', 'S', 'P', 'R', 'H', 'C', '?', 'Space']) expect(keys).toContain(key);
  await alice.page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });

  await button(alice, 'Microphone').focus();
  const focused = () => alice.page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
  await alice.page.keyboard.press('ArrowLeft');
  expect(await focused()).toBe('Leave');
  await alice.page.keyboard.press('ArrowRight');
  expect(await focused()).toBe('Microphone');
  await alice.page.keyboard.press('End');
  await alice.page.keyboard.press('ArrowLeft');
  expect(await focused()).toBe('More');
  await alice.page.keyboard.press('Home');
  expect(await focused()).toBe('Microphone');
});

it('makes way on a touched screen after a while, for eyes only, and comes back with a touch', async () => {
  const url = stage.invitation();
  await stage.join(url, 'Bob', { voiceOnly: true });
  const alice = await stage.join(url, 'Alice', {
    voiceOnly: true,
    // What a phone says of itself; the rest of its media queries are the browser's.
    init: () => {
      const native = window.matchMedia.bind(window);
      window.matchMedia = (query) => native(query === '(hover: none)' ? 'all' : query);
    },
  });
  await alice.tile('Bob').waitFor();
  const height = () => bar(alice).evaluate((element) => element.getBoundingClientRect().height);
  // While the link formed it may have made way already.
  await alice.tile('Bob').click();
  await expect.poll(height).toBeGreaterThan(44);
  await expect.poll(height).toBe(0);
  expect(await button(alice, 'Leave').count()).toBe(1);
  await alice.tile('Bob').click();
  await expect.poll(height).toBeGreaterThan(44);
  // By a key, which finds it however long it has been there.
  await alice.page.keyboard.press('c');
  await alice.page.getByRole('log', { name: 'Messages' }).waitFor();
  await new Promise((resolve) => setTimeout(resolve, 7_000));
  expect(await height()).toBeGreaterThan(44);
});
