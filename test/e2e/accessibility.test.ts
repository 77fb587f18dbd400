import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { useStage } from './stage.ts';

const stage = useStage({ turn: false });
const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function violations(page: Page): Promise<string[]> {
  await settled(page);
  await page.evaluate(source);
  const results = await page.evaluate<AxeResults>('axe.run()');
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
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Shortcuts' }).waitFor();
  expect(await violations(page)).toEqual([]);
});
