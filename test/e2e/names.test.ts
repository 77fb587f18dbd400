/** People who call themselves the same, or what the screens call this person, are told apart wherever they are named. */
import { expect, it } from 'vitest';
import type { Person } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage({ turn: false });

const open = (person: Person, name: string) => person.page.getByRole('button', { name, exact: true }).click();

it('two of one name and one who calls himself You: in tiles, among people, in the chat and in what is announced', async () => {
  const url = stage.invitation();
  // Without pictures: four people and one browser.
  const join = (name: string) => stage.join(url, name, { permissions: [] });
  const notices = (person: Person) => person.page.getByRole('status', { name: 'Notices' });
  const alice = await join('Alice');
  const bob = await join('Bob');
  await alice.tile('Bob').waitFor();
  const [other] = await Promise.all([join('Bob'), notices(alice).getByText('Bob 2 joined').waitFor()]);
  await join('You');
  const shown = ['Bob', 'Bob 2', 'Guest “You”'];
  for (const name of [...shown, 'You']) await alice.tile(name).waitFor();

  await open(alice, 'People');
  const listed = alice.page.getByRole('complementary', { name: 'People' }).locator('bdi');
  await expect.poll(() => listed.allTextContents()).toEqual(['Alice', ...shown]);
  await open(alice, 'Chat');
  const to = alice.page.getByRole('combobox', { name: 'To' });
  await expect
    .poll(() => to.locator('option').allTextContents())
    .toEqual(['Everyone', ...shown.map((name) => `${name} only`)]);
  await to.selectOption({ label: 'Bob 2 only' });
  const message = alice.page.getByRole('textbox', { name: 'Message' });
  await message.fill('Between us');
  await Promise.all([notices(other).getByText('wrote to you only').waitFor(), message.press('Enter')]);
  await alice.page.getByRole('log').getByText('You to Bob 2 only').waitFor();
  expect(await bob.page.getByText('wrote to you only').count()).toBe(0);
});
