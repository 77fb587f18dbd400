/** Reactions and raised hands between real browsers: seen by all alike, said once, and gone with whoever leaves. */
import { expect, it } from 'vitest';
import { type Person, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();

declare global {
  interface Window {
    parleyTestSaid?: string[];
    parleyTestFloated?: string[];
  }
}

const handButton = (person: Person) => person.page.getByRole('button', { name: 'Raise hand', exact: true });
const notices = (person: Person) => person.page.getByRole('status', { name: 'Notices' });

/** Waits until `person` sees exactly these hands, by name and place, on tiles and under People alike. */
async function seesHands(person: Person, places: Readonly<Record<string, number>>): Promise<void> {
  const wanted = Object.entries(places)
    .map(([name, place]) => `${place} ${name === person.name ? 'You' : name}`)
    .sort();
  const read = () =>
    person.page.locator('.stage .tile').evaluateAll((tiles) =>
      tiles
        .flatMap((tile) => {
          const place = /\d+/.exec(tile.querySelector('.hand-mark')?.textContent ?? '')?.[0];
          return place ? [`${place} ${(tile.getAttribute('aria-label') ?? '').replace(', muted', '')}`] : [];
        })
        .sort(),
    );
  await expect.poll(read).toEqual(wanted);
  const people = person.page.getByRole('button', { name: 'People', exact: true });
  await people.click();
  const listed = person.page.locator('.people li .hand-mark');
  await expect.poll(() => listed.count()).toBe(wanted.length);
  await people.click();
}

/** What the notices say from here on, each once. */
async function collectNotices(person: Person): Promise<() => Promise<string[]>> {
  await notices(person).evaluate((region) => {
    const said: string[] = [];
    window.parleyTestSaid = said;
    new MutationObserver((records) => {
      for (const { addedNodes } of records)
        for (const node of addedNodes) if (node.textContent) said.push(node.textContent.trim());
    }).observe(region, { childList: true });
  });
  return () => person.page.evaluate(() => window.parleyTestSaid ?? []);
}

/** What floats over tiles from here on, each after the tile's name. */
async function collectFloats(person: Person): Promise<() => Promise<string[]>> {
  await person.page.locator('.stage').evaluate((stage) => {
    const floated: string[] = [];
    window.parleyTestFloated = floated;
    new MutationObserver((records) => {
      for (const { target, addedNodes } of records)
        if (target instanceof Element && target.matches('.reactions'))
          for (const node of addedNodes)
            floated.push(`${target.closest('.tile')?.getAttribute('aria-label')} ${node.textContent}`);
    }).observe(stage, { childList: true, subtree: true });
  });
  return () => person.page.evaluate(() => window.parleyTestFloated ?? []);
}

it('four people, through the relay alone: one queue in one order, for who joins later too; a hand goes with its owner, and a reaction reaches all', async () => {
  const url = stage.invitation();
  const options = { relayOnly: true, voiceOnly: true };
  const alice = await stage.join(url, 'Alice', options);
  const bob = await stage.join(url, 'Bob', options);
  const carol = await stage.join(url, 'Carol', options);
  const people = [alice, bob, carol];
  for (const person of people)
    for (const other of people) if (other !== person) await person.tile(other.name).waitFor();
  const said = await collectNotices(carol);
  await handButton(bob).click();
  await seesHands(alice, { Bob: 1 });
  await alice.page.keyboard.press('h');
  for (const person of people) await seesHands(person, { Bob: 1, Alice: 2 });
  expect(await handButton(alice).getAttribute('aria-pressed')).toBe('true');

  const dave = await stage.join(url, 'Dave', options);
  await seesHands(dave, { Bob: 1, Alice: 2 });
  await handButton(dave).click();
  for (const person of [...people, dave]) await seesHands(person, { Bob: 1, Alice: 2, Dave: 3 });
  for (const link of (await Promise.all([...people, dave].map((person) => person.links()))).flat())
    expect([link.localType, link.remoteType]).toEqual(['relay', 'relay']);

  const floats = await Promise.all([alice, bob, dave].map(collectFloats));
  await carol.page.keyboard.press('r');
  await carol.page.getByRole('menuitem', { name: 'Heart' }).click();
  for (const floated of floats) await expect.poll(floated).toEqual(['Carol ❤️']);

  await handButton(bob).click();
  for (const person of [...people, dave]) await seesHands(person, { Alice: 1, Dave: 2 });
  await alice.page.getByRole('button', { name: 'Leave' }).click();
  for (const person of [bob, carol, dave]) await seesHands(person, { Dave: 1 });

  await expect
    .poll(async () => (await said()).filter((text) => text.includes('hand')))
    .toEqual([
      'Bob raised a hand',
      'Alice raised a hand, number 2 in the queue',
      'Dave raised a hand, number 3 in the queue',
      'Bob lowered the hand',
    ]);
});

it('a hand keeps its place through a link made anew, and is not announced again', async () => {
  const people = await stage.meet(['Alice', 'Bob'], { voiceOnly: true });
  const [alice, bob] = people;
  await handButton(alice).click();
  await seesHands(bob, { Alice: 1 });
  const said = await collectNotices(bob);
  // A peer connection that is gone on one side is rebuilt from nothing.
  await alice.page.evaluate(() => {
    for (const { pc } of window.parleyTestLinks ?? []) {
      if (pc.remoteDescription && pc.connectionState !== 'closed') pc.close();
    }
  });
  await bob.page.waitForFunction(
    () =>
      (window.parleyTestLinks ?? []).filter(
        ({ pc }) => pc.remoteDescription && pc.connectionState === 'connected',
      ).length > 0 && (window.parleyTestLinks ?? []).filter(({ pc }) => pc.remoteDescription).length > 1,
  );
  await waitForMedia(people, 1);
  await seesHands(bob, { Alice: 1 });
  await seesHands(alice, { Alice: 1 });
  await handButton(bob).click();
  for (const person of people) await seesHands(person, { Alice: 1, Bob: 2 });
  expect((await said()).filter((text) => text.includes('Alice raised'))).toEqual([]);
});

it('reactions float over the sender at everybody, relay alone too, by keyboard, announced once; too many are held back', async () => {
  const [alice, bob] = await stage.meet(['Alice', 'Bob'], { relayOnly: true });
  const said = await collectNotices(bob);
  await alice.page.keyboard.press('r');
  const menu = alice.page.getByRole('menu', { name: 'Reactions' });
  await menu.waitFor();
  await alice.page.keyboard.press('ArrowRight');
  await alice.page.keyboard.press('ArrowRight');
  expect(
    await menu.getByRole('menuitem', { name: 'Laughter' }).evaluate((item) => item.matches(':focus')),
  ).toBe(true);
  // It floats for moments: those who wait for it are there before.
  await Promise.all([
    bob.tile('Alice').locator('.reactions span', { hasText: '😂' }).waitFor(),
    alice.tile('You').locator('.reactions span', { hasText: '😂' }).waitFor(),
    alice.page.keyboard.press('Enter'),
  ]);
  await menu.waitFor({ state: 'hidden' });
  await bob.tile('Alice').locator('.reactions span').waitFor({ state: 'detached' });

  await alice.page.getByRole('button', { name: 'React', exact: true }).click();
  await Promise.all([
    notices(alice).getByText('Too many at once').waitFor(),
    // Faster than a busy machine lets a test move a mouse.
    menu.getByRole('menuitem', { name: 'Applause' }).evaluate((item: HTMLElement) => {
      for (let turn = 0; turn < 12; turn += 1) item.click();
    }),
  ]);
  await expect.poll(said).toEqual(['Alice reacted: Laughter', 'Alice reacted: Applause']);
  await alice.page.keyboard.press('r');
  await alice.page.keyboard.press('Escape');
  await menu.waitFor({ state: 'hidden' });
});
