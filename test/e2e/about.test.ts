/** "How it works" in a browser: its address, the ways to it and back, and that a call does not pay for it. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import type { Person } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage({ turn: false });

const title = (page: Page) => page.getByRole('heading', { name: 'How it works', level: 1 });
const link = (page: Page) => page.getByRole('link', { name: 'How it works' });
const about = () => `${stage.system.url}/about`;
const fetchedAbout = (person: Person) =>
  person.requests.filter((url) => /\/about-[\w-]+\.(js|css)$/.test(url));
const focused = (page: Page) => page.evaluate(() => document.activeElement?.textContent);

function expectNothingForeign(person: Person): void {
  const own = new URL(stage.system.url).host;
  expect(person.requests.filter((url) => new URL(url).host !== own)).toEqual([]);
  expect(person.problems).toEqual([]);
}

it('opens by its address, reloads, and is reached section by section', async () => {
  const reader = await stage.open(about(), 'Reader');
  const { page } = reader;
  await title(page).waitFor();
  await expect.poll(() => focused(page)).toBe('How it works');
  expect(await page.title()).toContain('How it works');
  for (const name of [
    'What there is in a call, which way it goes, and who can read it',
    'Who can see what while everybody keeps to the rules',
    'What somebody gains who takes over a part while a call runs',
  ]) {
    await page.getByRole('table', { name }).waitFor();
  }
  expect(await page.getByRole('img', { name: 'How the parts of a call are connected' }).count()).toBe(1);
  await page.reload();
  await title(page).waitFor();

  // Every entry of the contents leads somewhere.
  const entries = await page.getByRole('navigation', { name: 'Contents' }).getByRole('link').all();
  expect(entries.length).toBeGreaterThan(5);
  for (const entry of entries) {
    const name = (await entry.textContent()) ?? '';
    await entry.click();
    const heading = page.getByRole('heading', { name, level: 2 });
    await expect.poll(() => isAtTop(page, name)).toBe(true);
    await heading.waitFor();
  }
  // The contents say where one is, however one came there.
  await page
    .getByRole('heading', { name: 'Who can see what' })
    .evaluate((element) => element.scrollIntoView());
  const marked = page.locator('nav [aria-current]');
  await expect.poll(() => marked.allTextContents()).toEqual(['Who can see what']);
  await page.goBack();
  await title(page).waitFor();

  await page.goto(`${about()}#credentials`);
  await page.reload();
  await expect.poll(() => focused(page)).toBe('The relay’s credentials');
  expect(await isAtTop(page, 'The relay’s credentials')).toBe(true);
  // No camera was asked for, nobody called.
  expect(reader.requests.filter((url) => url.startsWith('ws'))).toEqual([]);
  expect(await reader.links()).toEqual([]);
  expectNothingForeign(reader);
});

it('from home and back, by link and by button', async () => {
  const reader = await stage.open(stage.system.url, 'Reader');
  const { page } = reader;
  await page.getByRole('button', { name: 'Start a call' }).waitFor();
  expect(fetchedAbout(reader)).toEqual([]);
  await link(page).click();
  await title(page).waitFor();
  expect(page.url()).toBe(about());
  expect(await page.evaluate(() => scrollY)).toBe(0);
  await page.goBack();
  await page.getByRole('button', { name: 'Start a call' }).waitFor();
  await page.goForward();
  await title(page).waitFor();
  await page.getByRole('link', { name: 'Parley' }).click();
  await page.getByRole('button', { name: 'Start a call' }).waitFor();
  expect(page.url()).toBe(`${stage.system.url}/`);
  expectNothingForeign(reader);
});

it('from the lobby, the invitation and what was typed are kept', async () => {
  const url = stage.invitation();
  const reader = await stage.open(url, 'Reader');
  const { page } = reader;
  const back = page.getByRole('link', { name: 'Back to the lobby' });
  const relayOnly = page.getByRole('switch', { name: 'Relay only' });
  await page.getByRole('textbox', { name: 'Your name' }).fill('Reader');
  await relayOnly.check();
  await link(page).click();
  await title(page).waitFor();
  // Whoever passes the address on passes on no key.
  expect(page.url()).toBe(about());
  await page.reload();
  await page.getByRole('link', { name: 'The honest limits' }).click();
  await expect.poll(() => page.url()).toBe(`${about()}#limits`);
  await page.reload();
  await back.click();
  await page.getByRole('button', { name: 'Join', exact: true }).waitFor();
  expect(page.url()).toBe(url);

  await relayOnly.check();
  await link(page).click();
  await title(page).waitFor();
  await page.goBack();
  await page.getByRole('button', { name: 'Join', exact: true }).waitFor();
  expect(page.url()).toBe(url);
  expect(await relayOnly.isChecked()).toBe(true);
  expect(await page.getByRole('textbox', { name: 'Your name' }).inputValue()).toBe('Reader');

  await page.goto(url.replace('/#', '/about#'));
  await back.waitFor();
  expect(page.url()).toBe(about());
  expect(await back.getAttribute('href')).toBe(url);
  expectNothingForeign(reader);
});

it('from a call it opens beside it, without the key, and the call has not fetched it', async () => {
  const alice = await stage.open(stage.invitation(), 'Alice', { voiceOnly: true });
  const bob = await stage.open(alice.page.url(), 'Bob', { voiceOnly: true });
  await alice.join();
  await bob.join();
  await alice.tile('Bob').waitFor();
  await alice.page.getByRole('button', { name: 'More' }).click();
  const opening = alice.context.waitForEvent('page');
  await link(alice.page).click();
  const beside = await opening;
  await title(beside).waitFor();
  expect(beside.url()).toBe(about());
  expect(await beside.evaluate(() => [opener, history.state, history.length])).toEqual([null, null, 1]);
  expect(await beside.getByRole('link', { name: 'Back to the lobby' }).count()).toBe(0);
  await alice.tile('Bob').waitFor();
  expect(fetchedAbout(alice)).toEqual([]);
  expectNothingForeign(alice);
});

it('that it could not be loaded is said, with a way on', async () => {
  const reader = await stage.open(stage.system.url, 'Reader');
  const { page } = reader;
  await page.getByRole('button', { name: 'Start a call' }).waitFor();
  await page.route(/\/about-/, (route) => route.abort());
  await link(page).click();
  await page.getByRole('heading', { name: 'This page could not be loaded' }).waitFor();
  await page.unroute(/\/about-/);
  await page.getByRole('button', { name: 'Reload' }).click();
  await title(page).waitFor();
});

function isAtTop(page: Page, heading: string): Promise<boolean> {
  return page.evaluate((name) => {
    const found = [...document.querySelectorAll('h2')].find(({ textContent }) => textContent === name);
    const top = found?.getBoundingClientRect().top ?? Number.NaN;
    const atEnd = scrollY + innerHeight >= document.documentElement.scrollHeight - 1;
    return top >= 0 && (top < 100 || (atEnd && top < innerHeight));
  }, heading);
}
