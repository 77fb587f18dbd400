/**
 * Where files come from and where they go: a picked file, memory, a disk that fills, a folder, a call that was left and
 * joined again. A headless browser has no picker and always private files; what stands in for a browser that differs is
 * said beside each test, and is as small as can be.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import {
  CHUNK_BYTES,
  card,
  dropFiles,
  gateChunks,
  hashOfMade,
  letPass,
  makePiece,
  press,
  save,
  says,
  taken,
  WINDOW_CHUNKS,
} from './files-in-page.ts';
import type { OpenOptions, Person } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage({ turn: false });
const MB = 1_000_000;
declare global {
  interface Window {
    showSaveFilePicker?(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
    /** What the stand-in for the picker does next. */
    parleyPick?: 'dismiss' | 'choose';
  }
}

interface Two {
  readonly alice?: OpenOptions;
  readonly bob?: OpenOptions;
  /** What runs in their workers before the script. */
  readonly alicesWorker?: string;
  readonly bobsWorker?: string;
}

async function two(how: Two = {}): Promise<[Person, Person]> {
  const url = stage.invitation();
  const alice = await stage.open(url, 'Alice', { voiceOnly: true, ...how.alice });
  if (how.alicesWorker) await prefixWorker(alice, how.alicesWorker);
  await alice.join();
  const bob = await stage.open(url, 'Bob', { voiceOnly: true, ...how.bob });
  if (how.bobsWorker) await prefixWorker(bob, how.bobsWorker);
  await bob.join();
  await alice.tile('Bob').waitFor();
  return [alice, bob];
}

/** Whatever a page's script may be told to be without, its worker has a global scope of its own. */
async function prefixWorker({ context }: Person, script: string): Promise<void> {
  await context.route('**/store-worker*.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${script}\n${await response.text()}` });
  });
}

/** Leaves the call and joins it again without a reload. */
async function leaveAndReturn(person: Person): Promise<void> {
  await person.page.getByRole('button', { name: 'Leave', exact: true }).click();
  await person.page.getByRole('button', { name: 'Join again', exact: true }).click();
  const joining = person.page.getByRole('button', { name: 'Join', exact: true });
  const bar = person.page.getByRole('toolbar', { name: 'Call controls' });
  await joining.or(bar).first().waitFor();
  if (await joining.isVisible()) await joining.click();
  await bar.waitFor();
}

/**
 * Runs in the page before its scripts. The picker is the browser's own window, which no script can press: in its place a
 * real file handle comes from the origin-private file system, so that whatever is done with a handle is truly done.
 */
function pickPrivately(): void {
  window.showSaveFilePicker = async ({ suggestedName }) => {
    if (window.parleyPick === 'dismiss') throw new DOMException('dismissed', 'AbortError');
    const root = await navigator.storage.getDirectory();
    return await root.getFileHandle(`picked ${suggestedName}`, { create: true });
  };
}

const hashOfPicked = (page: Page, name: string) =>
  page.evaluate(async (picked) => {
    const root = await navigator.storage.getDirectory();
    const file = await (await root.getFileHandle(`picked ${picked}`)).getFile();
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
    return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }, name);

/**
 * The browser holds a picked file against its quota, and the tests set that. It does not hold private files against it in
 * contexts of the kind that tests have, so these are told that the disk is full, once, as the File System standard says it.
 */
const FILLS_ONCE = `let left = ${12 * MB};
const write = FileSystemSyncAccessHandle.prototype.write;
FileSystemSyncAccessHandle.prototype.write = function (bytes, options) {
  const before = left;
  left -= bytes.byteLength;
  if (before >= 0 && left < 0) throw new DOMException('The disk is full', 'QuotaExceededError');
  return write.call(this, bytes, options);
};`;

it('Save as writes into the picked file; a disk that fills is a sentence on both sides; what comes after works, also when the call is over', async () => {
  const [alice, bob] = await two({ bob: { init: pickPrivately }, bobsWorker: FILLS_ONCE });
  await dropFiles(alice, { name: 'tune.bin', sizeBytes: 5 * MB });
  await bob.page.evaluate(() => {
    window.parleyPick = 'dismiss';
  });
  await press(bob, 'tune.bin', 'Save as');
  await says(bob, 'tune.bin', '5.0 MB, offered by Alice');
  await bob.page.evaluate(() => {
    window.parleyPick = 'choose';
  });
  await press(bob, 'tune.bin', 'Save as');
  await says(bob, 'tune.bin', '5.0 MB from Alice, complete and verified');
  await says(alice, 'tune.bin', 'Bob has all of it');
  expect(await hashOfPicked(bob.page, 'tune.bin')).toBe(hashOfMade({ sizeBytes: 5 * MB }));
  // It lies where Bob wanted it.
  expect(await card(bob, 'tune.bin').getByRole('button', { name: 'Save', exact: true }).count()).toBe(0);

  // The browser's own quota, as it is when a disk has so much left.
  const session = await bob.context.newCDPSession(bob.page);
  const { origin } = new URL(bob.page.url());
  const { usage } = await session.send('Storage.getUsageAndQuota', { origin });
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 4 * MB });
  await dropFiles(alice, { name: 'film.bin', sizeBytes: 20 * MB, seed: 2 });
  await press(bob, 'film.bin', 'Save as');
  await says(bob, 'film.bin', 'The disk is full. Free some space and ask for it again.');
  await says(alice, 'film.bin', 'The disk of Bob is full');
  await session.send('Storage.overrideQuotaForOrigin', { origin });

  await dropFiles(alice, { name: 'again.bin', sizeBytes: 20 * MB, seed: 2 });
  await press(bob, 'again.bin', 'Accept');
  await says(bob, 'again.bin', 'The disk is full. Free some space and ask for it again.');
  await says(alice, 'again.bin', 'The disk of Bob is full');
  // What nobody can go on with takes no room that is needed.
  await expect.poll(() => bob.page.evaluate(leftFiles)).toEqual([]);

  await dropFiles(alice, { name: 'last.bin', sizeBytes: 20 * MB, seed: 2 });
  await press(bob, 'last.bin', 'Accept');
  await says(bob, 'last.bin', /complete and verified/);
  // Out of the way at once, while the browser still reads it.
  await card(bob, 'last.bin')
    .getByRole('button', { name: 'Save', exact: true })
    .evaluate((button) => {
      const remove = () => button.closest('article')?.querySelector<HTMLElement>('.transfer-remove')?.click();
      button.addEventListener('click', () => setTimeout(remove));
    });
  expect(await save(bob, 'last.bin')).toMatchObject({ hash: hashOfMade({ sizeBytes: 20 * MB, seed: 2 }) });
  await card(bob, 'last.bin').waitFor({ state: 'detached' });

  await dropFiles(alice, { name: 'kept.bin', sizeBytes: 2 * MB });
  await press(bob, 'kept.bin', 'Accept');
  await says(bob, 'kept.bin', /complete and verified/);
  await bob.page.getByRole('button', { name: 'Leave', exact: true }).click();
  const after = bob.page.getByRole('region', { name: 'Files you received' });
  await expect.poll(() => after.getByRole('article').count()).toBe(1);
  expect(await save(bob, 'kept.bin')).toMatchObject({ hash: hashOfMade({ sizeBytes: 2 * MB }) });
  await press(bob, 'kept.bin', 'Remove from the list');
  await after.waitFor({ state: 'detached' });
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});

/**
 * Runs in the page before its scripts. What a script drops has no handle: each dropped file is also put into the
 * origin-private file system, whose handle is as good as that of a file from the disk.
 */
function dropWithHandles(): void {
  Object.assign(DataTransferItem.prototype, {
    async getAsFileSystemHandle(this: DataTransferItem) {
      const file = this.getAsFile();
      if (!file) return null;
      const root = await navigator.storage.getDirectory();
      const handle = await root.getFileHandle(file.name, { create: true });
      const writable = await handle.createWritable();
      await file.stream().pipeTo(writable);
      return handle;
    },
  });
}

/** Joins in another tab of somebody's browser. */
async function joinInTab(person: Person, url: string, name: string): Promise<Person> {
  const page = await person.context.newPage();
  await page.goto(url);
  await page.getByRole('textbox', { name: 'Your name' }).fill(name);
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await page.getByRole('toolbar', { name: 'Call controls' }).waitFor();
  const tile = (peer: string) => page.getByRole('group', { name: new RegExp(`^${peer}(, muted)?$`) });
  return { ...person, name, page, tile };
}

/** Sends a note, when whatever this tab took up from before would be there, and looks for `file`. */
async function seesOnlyNotes(person: Person, receiver: Person, file: string): Promise<void> {
  await person.tile(receiver.name).waitFor();
  // Without a chunk: the receiver may take none now.
  await dropFiles(person, { name: 'note.bin', sizeBytes: 0 });
  await press(receiver, 'note.bin', 'Accept');
  await card(person, 'note.bin').getByText(`${receiver.name} has all of it`).waitFor();
  expect(await card(person, file).count()).toBe(0);
}

it('a transfer goes on after either side left and joined again, in the same page and in another, and concerns no other tab or call', async () => {
  const [alice, bob] = await two({ alice: { init: dropWithHandles }, bob: { init: gateChunks } });
  const size = 20 * MB;
  const chunks = Math.ceil(size / CHUNK_BYTES);
  await letPass(bob, 100);
  await dropFiles(alice, { name: 'film.bin', sizeBytes: size });
  await press(bob, 'film.bin', 'Accept');
  await expect.poll(() => taken(bob)).toBe(100);
  await leaveAndReturn(bob);
  await says(bob, 'film.bin', / of 20\.0 MB from Alice/);
  await letPass(bob, 200);
  await expect.poll(() => taken(bob)).toBe(200);

  // The same browser keeps what Alice sends; the tab that sends it goes on, and no other.
  const url = alice.page.url();
  const carol = await joinInTab(alice, url, 'Carol');
  await seesOnlyNotes(carol, bob, 'film.bin');
  await carol.page.close();

  await letPass(bob, 250);
  await leaveAndReturn(alice);
  await says(alice, 'film.bin', / of 20\.0 MB to Bob/);
  await expect.poll(() => taken(bob)).toBe(250);

  // Then in another call, where it is nobody's business, and back.
  await alice.page.close();
  const dave = await stage.join(stage.invitation(), 'Dave', { voiceOnly: true });
  const elsewhere = await joinInTab(alice, dave.page.url(), 'Alice');
  await seesOnlyNotes(elsewhere, dave, 'film.bin');
  await elsewhere.page.close();

  const back = await joinInTab(alice, url, 'Alice');
  await says(back, 'film.bin', 'This page was reloaded. Let it read the file again, and it goes on.');
  await press(back, 'film.bin', 'Read it again');
  await letPass(bob, Number.MAX_SAFE_INTEGER);
  await says(bob, 'film.bin', /complete and verified/);
  await says(back, 'film.bin', 'Bob has all of it');
  // What was on its way when Alice went is lost; what Bob had taken may have been on its way to his disk.
  expect(await taken(bob)).toBeLessThanOrEqual(chunks + 3 * WINDOW_CHUNKS);
  expect(await save(bob, 'film.bin')).toMatchObject({ hash: hashOfMade({ sizeBytes: size }) });
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});

/** As browsers have it that give a page neither a picker nor, in a private window, files of its own. */
const NO_FILES = `StorageManager.prototype.getDirectory = () =>
  Promise.reject(new DOMException('Security error when calling GetDirectory', 'SecurityError'));`;

function withoutPicker(): void {
  Reflect.deleteProperty(window, 'showSaveFilePicker');
}

it('without files of its own a page receives into memory, and says beforehand what is too much', async () => {
  const [alice, bob] = await two({ bob: { init: withoutPicker }, bobsWorker: NO_FILES });
  await dropFiles(alice, { name: 'small.bin', sizeBytes: 3 * MB });
  expect(await card(bob, 'small.bin').getByRole('button', { name: 'Save as' }).count()).toBe(0);
  await press(bob, 'small.bin', 'Accept');
  await says(bob, 'small.bin', /complete and verified/);
  expect(await save(bob, 'small.bin')).toMatchObject({ hash: hashOfMade({ sizeBytes: 3 * MB }) });

  // One piece, 65 times.
  await alice.page.evaluate(() => {
    const piece = new Blob([new Uint8Array(4 * 1024 * 1024)]);
    const data = new DataTransfer();
    data.items.add(new File(Array<Blob>(65).fill(piece), 'large.bin'));
    for (const kind of ['dragover', 'drop'])
      window.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
  });
  await press(bob, 'large.bin', 'Accept');
  await says(
    bob,
    'large.bin',
    'This browser gives this page no files, and memory for 268 MB at a time. Ask for it in smaller parts.',
  );
  await press(bob, 'large.bin', 'Decline');
  await says(alice, 'large.bin', 'Bob did not take it');
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});

/** Runs in the page: what earlier calls left behind, one file whole and one not. */
async function leaveFiles(): Promise<void> {
  localStorage.setItem('parley.files', '1');
  const root = await navigator.storage.getDirectory();
  const dir = await root.getDirectoryHandle('parley-files', { create: true });
  const head = (id: string) => {
    const meta = { id, root: Array<number>(32).fill(0), sizeBytes: 1, name: 'a', type: '' };
    const json = new TextEncoder().encode(JSON.stringify(meta));
    return [new Uint8Array([0, 0, 0, json.length]), json];
  };
  const write = async (name: string, parts: BlobPart[]) => {
    const writable = await (await dir.getFileHandle(name, { create: true })).createWritable();
    await writable.write(new Blob(parts));
    await writable.close();
  };
  for (const [id, bits] of [
    ['unfinished', 0],
    ['whole', 0x80],
  ] as const) {
    await write(`${id}.0`, ['a']);
    await write(`${id}.0.meta`, [...head(id), new Uint8Array([bits])]);
  }
}

async function leftFiles(): Promise<string[]> {
  const root = await navigator.storage.getDirectory();
  const dir = await root.getDirectoryHandle('parley-files', { create: true });
  const names: string[] = [];
  for await (const name of dir.keys()) names.push(name);
  return names.sort();
}

it('a call clears away what nobody will ask for again: what is whole after hours, what is not after a day', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice', { voiceOnly: true });
  const kept: [hours: number, left: string[]][] = [
    [0, ['unfinished.0', 'unfinished.0.meta', 'whole.0', 'whole.0.meta']],
    [2, ['unfinished.0', 'unfinished.0.meta']],
    [25, []],
  ];
  for (const [hours, left] of kept) {
    const bob = await stage.open(url, 'Bob', { voiceOnly: true });
    await bob.page.evaluate(leaveFiles);
    // Files cannot be made old, but the worker that looks at them can be told another time.
    await prefixWorker(bob, `const now = Date.now; Date.now = () => now() + ${hours} * 3600 * 1000;`);
    await bob.join();
    await alice.tile('Bob').waitFor();
    const name = `${hours}.bin`;
    await dropFiles(alice, { name, sizeBytes: 1_000 });
    await press(bob, name, 'Accept');
    await says(bob, name, /complete and verified/);
    await press(bob, name, 'Remove from the list');
    await expect.poll(() => bob.page.evaluate(leftFiles)).toEqual(left);
    await bob.page.getByRole('button', { name: 'Leave', exact: true }).click();
    await alice.tile('Bob').waitFor({ state: 'detached' });
  }
});

it('a receiver who reloads in the middle of Save as can be offered the file again', async () => {
  const [alice, bob] = await two({ bob: { init: pickPrivately } });
  await bob.page.addInitScript(gateChunks);
  await bob.page.reload();
  // Else the tile waited for might be that of the Bob before.
  await alice.tile('Bob').waitFor({ state: 'detached' });
  await bob.join();
  await alice.tile('Bob').waitFor();
  await letPass(bob, 50);
  await dropFiles(alice, { name: 'film.bin', sizeBytes: 10 * MB });
  await press(bob, 'film.bin', 'Save as');
  await expect.poll(() => taken(bob)).toBe(50);
  await bob.page.reload();
  await bob.join();
  await says(alice, 'film.bin', 'Bob has left, and nobody who came since has a part of it');
  expect(await card(bob, 'film.bin').count()).toBe(0);
  await press(alice, 'film.bin', 'Offer to Bob');
  await says(alice, 'film.bin', '10.0 MB, Bob has not answered yet');
  await press(bob, 'film.bin', 'Save as');
  await letPass(bob, Number.MAX_SAFE_INTEGER);
  await says(bob, 'film.bin', /complete and verified/);
  await says(alice, 'film.bin', 'Bob has all of it');
  expect(await hashOfPicked(bob.page, 'film.bin')).toBe(hashOfMade({ sizeBytes: 10 * MB }));
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});

it('a page clears away what is old when it is opened, before anybody joins', async () => {
  const bob = await stage.open(stage.invitation(), 'Bob');
  await prefixWorker(bob, `const now = Date.now; Date.now = () => now() + 2 * 3600 * 1000;`);
  await bob.page.evaluate(leaveFiles);
  await bob.page.reload();
  await expect.poll(() => bob.page.evaluate(leftFiles)).toEqual(['unfinished.0', 'unfinished.0.meta']);
  expect(await bob.page.evaluate(() => localStorage.getItem('parley.files'))).toBe('1');
  expect(bob.problems).toEqual([]);
});

it('what was received and not saved goes with its card after the call, and stays with that screen whatever other pages clear away', async () => {
  const [alice, bob] = await two();
  for (const [seed, name] of ['one.bin', 'two.bin'].entries()) {
    await dropFiles(alice, { name, sizeBytes: 1 * MB, seed });
    await press(bob, name, 'Accept');
    await says(bob, name, /complete and verified/);
  }
  expect(await bob.page.evaluate(leftFiles)).toHaveLength(4);
  await bob.page.getByRole('button', { name: 'Leave', exact: true }).click();
  await press(bob, 'one.bin', 'Remove from the list');
  await card(bob, 'one.bin').waitFor({ state: 'detached' });
  await expect.poll(() => bob.page.evaluate(leftFiles)).toHaveLength(2);

  // Nor does another page of this browser take it away from this screen, however old it is.
  await prefixWorker(bob, `const now = Date.now; Date.now = () => now() + 25 * 3600 * 1000;`);
  const other = await bob.context.newPage();
  await other.goto(stage.system.url);
  await other.evaluate(leaveFiles);
  await other.reload();
  await expect.poll(() => other.evaluate(leftFiles)).toHaveLength(2);
  expect(await save(bob, 'two.bin')).toMatchObject({ hash: hashOfMade({ sizeBytes: 1 * MB }) });
  await other.close();
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});

/** Every file is removed a while after it was asked for. */
const REMOVES_LATE = `const { removeEntry } = FileSystemDirectoryHandle.prototype;
FileSystemDirectoryHandle.prototype.removeEntry = async function (...args) {
  await new Promise((resolve) => setTimeout(resolve, 1500));
  return removeEntry.apply(this, args);
};`;

it('what was received and not saved goes with the screen after the call, however long that takes', async () => {
  const [alice, bob] = await two({ bobsWorker: REMOVES_LATE });
  await dropFiles(alice, { name: 'one.bin', sizeBytes: 1 * MB });
  await press(bob, 'one.bin', 'Accept');
  await says(bob, 'one.bin', /complete and verified/);
  await bob.page.getByRole('button', { name: 'Leave', exact: true }).click();
  await card(bob, 'one.bin').waitFor();
  expect(await bob.page.evaluate(leftFiles)).toHaveLength(2);
  await bob.page.getByRole('button', { name: 'Home', exact: true }).click();
  await expect.poll(() => bob.page.evaluate(leftFiles)).toEqual([]);
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});

/** Hashing waits until the page says that it may go on. */
const HASHES_LATER = `const digest = crypto.subtle.digest.bind(crypto.subtle);
const mayHash = new Promise((resolve) => {
  new BroadcastChannel('parley-hash').onmessage = resolve;
});
crypto.subtle.digest = (...args) => mayHash.then(() => digest(...args));`;

it('a real folder that is dropped is one archive of all that is in it, shown and cancellable while it is made', async () => {
  const [alice, bob] = await two({ alicesWorker: HASHES_LATER });
  const folder = mkdtempSync(join(tmpdir(), 'parley-folder-'));
  try {
    const top = join(folder, 'Holiday');
    const inner = join(top, 'Day 1');
    mkdirSync(inner, { recursive: true });
    writeFileSync(join(top, 'notes.txt'), 'sunny');
    writeFileSync(join(inner, 'beach.bin'), makePiece(3, 0, 3 * MB));
    // More than one answer of the folder's reader.
    for (let index = 0; index < 120; index += 1) writeFileSync(join(inner, `${index}.txt`), `${index}`);
    const { page } = alice;
    const told = page.getByRole('status', { name: 'Notices' }).getByText('Preparing Holiday.zip');
    await Promise.all([told.waitFor(), dropFromDisk(alice, [top])]);
    await says(alice, 'Holiday.zip', 'Preparing for Bob, 50 %');
    const progress = page.getByRole('progressbar', { name: 'Holiday.zip' });
    expect(await progress.evaluate((bar) => (bar as HTMLProgressElement).position)).toBeCloseTo(0.5, 1);
    await card(alice, 'Holiday.zip').getByRole('button', { name: 'Cancel' }).focus();
    await page.keyboard.press('Enter');
    await says(alice, 'Holiday.zip', 'You took it back');
    await press(alice, 'Holiday.zip', 'Remove from the list');
    await page.evaluate(() => new BroadcastChannel('parley-hash').postMessage(''));

    await dropFromDisk(alice, [top]);
    await says(alice, 'Holiday.zip', /Bob has not answered yet$/);
    await press(bob, 'Holiday.zip', 'Accept');
    await says(bob, 'Holiday.zip', /complete and verified/);
    const downloading = bob.page.waitForEvent('download');
    await press(bob, 'Holiday.zip', 'Save');
    execFileSync('python3', ['-c', EXTRACT, await (await downloading).path(), join(folder, 'out')]);
    expect(contentsOf(join(folder, 'out', 'Holiday'))).toEqual(contentsOf(top));
  } finally {
    rmSync(folder, { recursive: true });
  }
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});

const EXTRACT = `import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
z.extractall(sys.argv[2])`;

/** Every file under `folder`, and a hash of what is in it. */
function contentsOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .map(
      (path) => `${relative(folder, path)} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`,
    )
    .sort();
}

/** As somebody drags them from a window of their file manager. */
async function dropFromDisk({ page, context }: Person, files: readonly string[]): Promise<void> {
  const session = await context.newCDPSession(page);
  const at = { x: 200, y: 200, data: { items: [], files: [...files], dragOperationsMask: 1 } };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await session.send('Input.dispatchDragEvent', { type, ...at });
}
