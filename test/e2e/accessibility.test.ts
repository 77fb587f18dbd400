import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { fakeScreen } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage({ turn: false });
const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Of what `part` selects, or of the whole page. */
async function violations(page: Page, part?: string): Promise<string[]> {
  await settled(page);
  await page.evaluate(source);
  const results = await page.evaluate<AxeResults>(`axe.run(${JSON.stringify(part)})`);
  return results.violations.map((violation) => `${violation.id}: ${violation.nodes[0]?.html}`);
}

/** A colour on its way from one scheme or state to the next has no contrast to judge: axe looks when all have arrived. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const running = document.getAnimations().filter((one) => one instanceof CSSTransition);
    await Promise.allSettled(running.map((transition) => transition.finished));
  });
}

it('axe finds nothing on home, lobby, call and how it works', async () => {
  const visitor = await stage.open(stage.system.url, 'Visitor');
  await visitor.page.getByRole('button', { name: 'Start a call' }).waitFor();
  expect(await violations(visitor.page)).toEqual([]);

  await visitor.page.getByRole('link', { name: 'How it works' }).click();
  await visitor.page.getByRole('heading', { name: 'How it works', level: 1 }).waitFor();
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [390, 1280]) {
      await visitor.page.emulateMedia({ colorScheme });
      await visitor.page.setViewportSize({ width, height: 800 });
      expect(await violations(visitor.page)).toEqual([]);
    }
  }

  const alice = await stage.open(stage.invitation(), 'Alice');
  await alice.page.getByRole('button', { name: 'Join', exact: true }).waitFor();
  expect(await violations(alice.page)).toEqual([]);
  await alice.join();
  expect(await violations(alice.page)).toEqual([]);
});

it.each([
  ['a wide window', 1280, 800],
  ['a phone', 390, 700],
])('axe finds nothing with a panel or a dialog open, in %s', async (_what, width, height) => {
  const url = stage.invitation();
  const alice = await stage.open(url, 'Alice');
  const bob = await stage.open(url, 'Bob');
  await alice.page.setViewportSize({ width, height });
  await alice.join();
  await bob.join();
  const { page } = alice;
  await alice.tile('Bob').waitFor();
  await page.getByRole('button', { name: 'Chat', exact: true }).click();
  const field = page.getByRole('textbox', { name: 'Message' });
  await field.fill('To all: https://example.org');
  await field.press('Enter');
  await page.getByRole('log').getByText('Delivered').waitFor({ state: 'attached' });
  await page.getByRole('combobox', { name: 'To' }).selectOption({ label: 'Bob only' });
  await field.fill('To one');
  await field.press('Enter');
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect(await violations(page)).toEqual([]);
  }
  await page.keyboard.press('Escape');
});

// Each scheme once: what is drawn is the same at every width.
it.each([
  ['a wide window, dark', 1280, 800, 'dark'],
  ['a phone, light', 390, 700, 'light'],
] as const)('axe finds nothing with anything else open, in %s', async (_what, width, height, colorScheme) => {
  const url = stage.invitation();
  const alice = await stage.open(url, 'Alice');
  const bob = await stage.open(url, 'Bob', { init: fakeScreen });
  for (const { page } of [alice, bob]) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
  }
  await alice.join();
  await bob.join();
  await alice.tile('Bob').waitFor();
  const { page } = alice;
  const found: string[] = [];
  const look = async (at: Page, what: string, part?: string) => {
    for (const violation of await violations(at, part)) found.push(`${what}: ${violation}`);
  };
  /** Under More where the bar has no room for it. */
  const press = async (name: string) => {
    const button = page.getByRole('button', { name, exact: true });
    if (!(await button.isVisible())) await page.getByRole('button', { name: 'More' }).click();
    await button.click();
  };

  await press('People');
  await page.getByRole('complementary', { name: 'People' }).getByText('Connected').first().waitFor();
  await look(page, 'People', 'aside');
  await page.keyboard.press('Escape');
  await page.keyboard.press('r');
  await page.getByRole('menu', { name: 'Reactions' }).waitFor();
  await look(page, 'Reactions', '[role=menu]');
  await page.keyboard.press('Enter');
  await page.keyboard.press('h');

  await bob.page.keyboard.press('s');
  await bob.page.getByRole('button', { name: 'Stop sharing' }).waitFor();
  await look(bob.page, 'Sharing');
  const screen = page.getByRole('group', { name: "Bob's screen" });
  await screen.locator('.pointer-layer').waitFor();
  await page.keyboard.press('p');
  await screen.locator('.pointer-layer[data-active]').waitFor();
  await screen.focus();
  await page.keyboard.press('ArrowLeft');
  await screen.locator('.pointer-arrow bdi').waitFor();
  await look(page, 'Pointing');

  for (const [name, opening] of [
    ['Shortcuts', () => page.keyboard.press('?')],
    ['More', () => press('More')],
    ['Invite people', () => press('Invite')],
    ['Connection to Bob', () => page.getByRole('button', { name: 'Connection to Bob' }).click()],
    ['Leave the call?', () => page.evaluate(() => history.back())],
  ] as const) {
    await opening();
    const dialog = page.getByRole('dialog', { name });
    await dialog.waitFor();
    await dialog.getByText('One moment').waitFor({ state: 'detached' });
    await look(page, name, 'dialog[open]');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
  }
  expect(found).toEqual([]);
});
