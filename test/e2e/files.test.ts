/** Files between real browsers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { card, dropFiles, hashOfMade, press, save, says, writeMade } from './files-in-page.ts';
import { type Person, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();
const MB = 1_000_000;

interface Meeting {
  readonly relayOnly?: boolean;
  readonly init?: () => void;
}

async function meet(names: readonly string[], { relayOnly = false, init }: Meeting = {}): Promise<Person[]> {
  const url = stage.invitation();
  const people: Person[] = [];
  for (const name of names) {
    const person = await stage.open(url, name, init ? { init } : {});
    await person.join({ relayOnly });
    people.push(person);
  }
  await waitForMedia(people, names.length - 1);
  return people;
}

const expected = (name: string, sizeBytes: number, seed = 1) => ({
  name,
  sizeBytes,
  hash: hashOfMade({ sizeBytes, seed }),
});

/** Runs in the page before its scripts: every frame of a file reaches the page late. */
function receiveSlowly(): void {
  const native = RTCDataChannel.prototype.addEventListener;
  RTCDataChannel.prototype.addEventListener = function (
    this: RTCDataChannel,
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ) {
    const slow = (event: Event) =>
      setTimeout(() => (listener as (event: Event) => void).call(this, event), 300);
    native.call(this, type, this.label === 'files' && type === 'message' ? slow : listener, options);
  } as typeof native;
}

/** Runs in the page before its scripts: from the first content of a file on, nothing reaches the page before `parleyTakeOn`. */
function receiveWhenTold(): void {
  const native = RTCDataChannel.prototype.addEventListener;
  const held: (() => void)[] = [];
  let isTold = false;
  window.parleyTakeOn = () => {
    isTold = true;
    for (const take of held.splice(0)) take();
  };
  RTCDataChannel.prototype.addEventListener = function (
    this: RTCDataChannel,
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ) {
    const gate = (event: Event) => {
      const take = () => (listener as (event: Event) => void).call(this, event);
      const isContent = (event as MessageEvent<ArrayBuffer>).data.byteLength > 10_000;
      if (isTold || (held.length === 0 && !isContent)) take();
      else held.push(take);
    };
    native.call(this, type, this.label === 'files' && type === 'message' ? gate : listener, options);
  } as typeof native;
}

it.each([
  ['directly', false],
  ['through the relay alone', true],
])('two people: a file arrives %s, verified, and is saved under its name', async (_how, relayOnly) => {
  const [alice, bob] = (await meet(['Alice', 'Bob'], { relayOnly })) as [Person, Person];
  await dropFiles(alice, { name: 'tune.bin', sizeBytes: 5 * MB });
  await press(bob, 'tune.bin', 'Accept');
  await says(bob, 'tune.bin', '5.0 MB from Alice, complete and verified');
  await says(alice, 'tune.bin', 'Bob has all of it');
  expect(await save(bob, 'tune.bin')).toEqual(expected('tune.bin', 5 * MB));
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});

it('four people: one takes it, one does not, and one who cannot receive for a while holds up nobody', async () => {
  const url = stage.invitation();
  const people: Person[] = [];
  for (const name of ['Alice', 'Bob', 'Carol', 'Dave']) {
    const person = await stage.open(url, name, name === 'Dave' ? { init: receiveWhenTold } : {});
    await person.join();
    people.push(person);
  }
  const [alice, bob, carol, dave] = people as [Person, Person, Person, Person];
  await waitForMedia(people, 3);
  await dropFiles(alice, { name: 'plan.bin', sizeBytes: 12 * MB, seed: 2 });
  await press(carol, 'plan.bin', 'Decline');
  await press(dave, 'plan.bin', 'Accept');
  await press(bob, 'plan.bin', 'Accept');
  await says(bob, 'plan.bin', /complete and verified/);
  await says(dave, 'plan.bin', /of 12\.0 MB from Alice/);
  await dave.page.evaluate(() => window.parleyTakeOn?.());
  expect(await save(bob, 'plan.bin')).toEqual(expected('plan.bin', 12 * MB, 2));
  await says(dave, 'plan.bin', /complete and verified/);
  expect(await save(dave, 'plan.bin')).toEqual(expected('plan.bin', 12 * MB, 2));
  const cards = alice.page.getByRole('article', { name: 'plan.bin' });
  for (const words of ['Bob has all of it', 'Carol did not take it', 'Dave has all of it'])
    await cards.getByText(words).waitFor();
});

it('either side pauses, goes on and cancels, and both say so', async () => {
  const [alice, bob] = (await meet(['Alice', 'Bob'], { init: receiveSlowly })) as [Person, Person];
  await dropFiles(alice, { name: 'long.bin', sizeBytes: 30 * MB });
  await press(bob, 'long.bin', 'Accept');
  await says(alice, 'long.bin', /s left$/);
  await says(bob, 'long.bin', /s left$/);
  for (const [one, other] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    await press(one, 'long.bin', 'Pause');
    await says(one, 'long.bin', /, paused$/);
    await says(other, 'long.bin', new RegExp(`paused by ${one.name}$`));
    // What was on its way arrives; then nothing does.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const before = await card(bob, 'long.bin')
      .getByText(/ of 30/)
      .textContent();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(
      await card(bob, 'long.bin')
        .getByText(/ of 30/)
        .textContent(),
    ).toBe(before);
    await press(one, 'long.bin', 'Resume');
    await says(other, 'long.bin', /s left$/);
  }
  await press(bob, 'long.bin', 'Cancel');
  await says(bob, 'long.bin', 'You did not take it');
  await says(alice, 'long.bin', 'Bob did not take it');
  await dropFiles(alice, { name: 'second.bin', sizeBytes: 30 * MB });
  await press(bob, 'second.bin', 'Accept');
  await says(bob, 'second.bin', / of 30/);
  await press(alice, 'second.bin', 'Cancel');
  await says(bob, 'second.bin', 'Alice took it back');
  await says(alice, 'second.bin', 'You took it back');
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});

async function rejoin(person: Person): Promise<void> {
  await person.page.reload();
  await person.join();
}

/** Runs in the page before its scripts: counts the chunks that it takes. */
function countTaken(): void {
  const native = RTCDataChannel.prototype.addEventListener;
  window.parleyTaken = 0;
  RTCDataChannel.prototype.addEventListener = function (
    this: RTCDataChannel,
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ) {
    const counting = (event: Event) => {
      const { data } = event as MessageEvent<ArrayBuffer>;
      if (new Uint8Array(data)[1] === 5) window.parleyTaken = (window.parleyTaken ?? 0) + 1;
      // Slowly enough to be interrupted.
      setTimeout(() => (listener as (event: Event) => void).call(this, event), 100);
    };
    native.call(this, type, this.label === 'files' && type === 'message' ? counting : listener, options);
  } as typeof native;
}

const chunksTaken = (page: Page) => page.evaluate(() => window.parleyTaken ?? 0);

it('a transfer goes on where it was after the receiver reloads, and after the sender does and has the file again', async () => {
  const size = 40 * MB;
  const chunks = Math.ceil(size / (63 * 1024));
  const [alice, bob] = (await meet(['Alice', 'Bob'], { init: countTaken })) as [Person, Person];
  await dropFiles(alice, { name: 'film.bin', sizeBytes: size });
  await press(bob, 'film.bin', 'Accept');
  await expect.poll(() => chunksTaken(bob.page)).toBeGreaterThan(chunks * 0.2);
  await rejoin(bob);
  await says(bob, 'film.bin', /of 40\.0 MB from Alice/);
  await expect.poll(() => chunksTaken(bob.page)).toBeGreaterThan(chunks * 0.2);
  const before = await chunksTaken(bob.page);
  await rejoin(alice);
  await says(alice, 'film.bin', /Choose the same file again/);
  const folder = mkdtempSync(join(tmpdir(), 'parley-film-'));
  try {
    const path = join(folder, 'film.bin');
    writeFileSync(path, Buffer.alloc(size));
    const choosing = alice.page.waitForEvent('filechooser');
    await press(alice, 'film.bin', 'Choose the file');
    await (await choosing).setFiles(path);
    await says(alice, 'film.bin', 'That is another file, or it has changed since.');
    writeMade(path, { sizeBytes: size });
    await card(alice, 'film.bin').locator('input[type=file]').setInputFiles(path);
    await says(bob, 'film.bin', /complete and verified/);
  } finally {
    rmSync(folder, { recursive: true });
  }
  // Two interruptions cost a window each, and what the first life of Bob's page had is not sent again.
  expect(await chunksTaken(bob.page)).toBeLessThanOrEqual(chunks * 0.8 + 2 * 16);
  expect(await chunksTaken(bob.page)).toBeGreaterThan(before);
  expect(await save(bob, 'film.bin')).toEqual(expected('film.bin', size));
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});
