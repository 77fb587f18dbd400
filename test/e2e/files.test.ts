/** Files between real browsers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  CHUNK_BYTES,
  card,
  completes,
  dropFiles,
  gateChunks,
  hashOfMade,
  letPass,
  press,
  save,
  says,
  taken,
  WINDOW_CHUNKS,
  writeMade,
} from './files-in-page.ts';
import { type Person, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();
const MB = 1_000_000;

const expected = (name: string, sizeBytes: number, seed = 1) => ({
  name,
  sizeBytes,
  hash: hashOfMade({ sizeBytes, seed }),
});

it.each([
  ['directly', false],
  ['through the relay alone', true],
])('two people: a file arrives %s, verified, and is saved under its name', async (_how, relayOnly) => {
  const [alice, bob] = await stage.meet(['Alice', 'Bob'], { relayOnly });
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
    const how = name === 'Dave' ? { init: gateChunks } : {};
    people.push(await stage.join(url, name, { voiceOnly: true, ...how }));
  }
  const [alice, bob, carol, dave] = people as [Person, Person, Person, Person];
  await waitForMedia(people, 3);
  await dropFiles(alice, { name: 'plan.bin', sizeBytes: 12 * MB, seed: 2 });
  await press(carol, 'plan.bin', 'Decline');
  await press(dave, 'plan.bin', 'Accept');
  await press(bob, 'plan.bin', 'Accept');
  await says(bob, 'plan.bin', /complete and verified/);
  await says(dave, 'plan.bin', /of 12\.0 MB from Alice/);
  await letPass(dave, Number.MAX_SAFE_INTEGER);
  expect(await save(bob, 'plan.bin')).toEqual(expected('plan.bin', 12 * MB, 2));
  await says(dave, 'plan.bin', /complete and verified/);
  expect(await save(dave, 'plan.bin')).toEqual(expected('plan.bin', 12 * MB, 2));
  const cards = alice.page.getByRole('article', { name: 'plan.bin' });
  for (const words of ['Bob has all of it', 'Carol did not take it', 'Dave has all of it'])
    await cards.getByText(words).waitFor();
});

it('either side pauses, goes on and cancels, and both say so', async () => {
  const [alice, bob] = await stage.meet(['Alice', 'Bob'], { voiceOnly: true, init: gateChunks });
  let limit = 100;
  await letPass(bob, limit);
  await dropFiles(alice, { name: 'long.bin', sizeBytes: 30 * MB });
  await press(bob, 'long.bin', 'Accept');
  for (const [one, other] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    await expect.poll(() => taken(bob)).toBe(limit);
    await press(one, 'long.bin', 'Pause');
    await says(one, 'long.bin', /, paused$/);
    // What was on its way arrives; then nothing does, though it could.
    await letPass(bob, Number.MAX_SAFE_INTEGER);
    await says(other, 'long.bin', new RegExp(`paused by ${one.name}$`));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await taken(bob)).toBeLessThanOrEqual(limit + WINDOW_CHUNKS);
    limit += 100;
    await letPass(bob, limit);
    await press(one, 'long.bin', 'Resume');
    await card(other, 'long.bin')
      .getByText(/paused/)
      .waitFor({ state: 'detached' });
  }
  await expect.poll(() => taken(bob)).toBe(limit);
  await press(bob, 'long.bin', 'Cancel');
  await says(bob, 'long.bin', 'You did not take it');
  await says(alice, 'long.bin', 'Bob did not take it');

  // Those of the first that were on their way come before it.
  await letPass(bob, limit + 2 * WINDOW_CHUNKS);
  await dropFiles(alice, { name: 'second.bin', sizeBytes: 30 * MB });
  await press(bob, 'second.bin', 'Accept');
  await says(bob, 'second.bin', / of 30/);
  await press(alice, 'second.bin', 'Cancel');
  await letPass(bob, Number.MAX_SAFE_INTEGER);
  await says(bob, 'second.bin', 'Alice took it back');
  await says(alice, 'second.bin', 'You took it back');
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});

async function rejoin(person: Person): Promise<void> {
  await person.page.reload();
  await person.join();
}

it('a transfer goes on where it was after the receiver reloads, and after the sender does and has the file again', async () => {
  const size = 20 * MB;
  const chunks = Math.ceil(size / CHUNK_BYTES);
  const share = Math.ceil(chunks / 5);
  const [alice, bob] = await stage.meet(['Alice', 'Bob'], { voiceOnly: true, init: gateChunks });
  await letPass(bob, share);
  await dropFiles(alice, { name: 'film.bin', sizeBytes: size });
  await press(bob, 'film.bin', 'Accept');
  await expect.poll(() => taken(bob)).toBe(share);
  await rejoin(bob);
  await says(bob, 'film.bin', /of 20\.0 MB from Alice/);
  await letPass(bob, share);
  await expect.poll(() => taken(bob)).toBe(share);
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
    await letPass(bob, chunks);
    await completes(bob, 'film.bin');
  } finally {
    rmSync(folder, { recursive: true });
  }
  // Two interruptions cost a window each, and what the first life of Bob's page had is not sent again.
  expect(await taken(bob)).toBeLessThanOrEqual(chunks - share + 2 * WINDOW_CHUNKS);
  expect(await taken(bob)).toBeGreaterThan(share);
  expect(await save(bob, 'film.bin')).toEqual(expected('film.bin', size));
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});

/** Runs in the page before its scripts: what tells the sender that all is there gets lost, until the page is reloaded. */
function loseDone(): void {
  if (sessionStorage.getItem('parley-test-reloaded')) return;
  const DONE = 21;
  const send = RTCDataChannel.prototype.send as (
    this: RTCDataChannel,
    data: ArrayBufferView<ArrayBuffer>,
  ) => void;
  RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: ArrayBufferView<ArrayBuffer>) {
    const kind = this.label === 'files' ? new Uint8Array(data.buffer, data.byteOffset)[1] : 0;
    if (kind === DONE) sessionStorage.setItem('parley-test-reloaded', 'yes');
    else send.call(this, data);
  } as typeof RTCDataChannel.prototype.send;
}

it('a receiver who reloads before the sender has heard that all is there says so afterwards, and takes nothing twice', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice', { voiceOnly: true });
  const bob = await stage.open(url, 'Bob', { voiceOnly: true });
  await bob.page.addInitScript(loseDone);
  await bob.page.addInitScript(gateChunks);
  await bob.page.reload();
  await bob.join();
  await waitForMedia([alice, bob], 1);
  await letPass(bob, Number.MAX_SAFE_INTEGER);
  await dropFiles(alice, { name: 'late.bin', sizeBytes: 5 * MB, seed: 4 });
  await press(bob, 'late.bin', 'Accept');
  await completes(bob, 'late.bin');
  expect(await card(alice, 'late.bin').getByText('Bob has all of it').count()).toBe(0);
  await rejoin(bob);
  await says(alice, 'late.bin', 'Bob has all of it');
  await completes(bob, 'late.bin');
  expect(await taken(bob)).toBe(0);
  expect(await save(bob, 'late.bin')).toEqual(expected('late.bin', 5 * MB, 4));
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});
