/**
 * What file tests do in pages: make files of any size without reading any, drop them on the call, hold chunks back, and
 * hash what was received. Knows the screens by their accessible names.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, writeFileSync } from 'node:fs';
import type { Locator } from 'playwright-core';
import type { Person } from './harness.ts';

declare global {
  interface Window {
    parleyDrop?: () => void;
    /** Chunks that this page has taken so far, where they are gated. */
    parleyTaken?: number;
    /** Chunks after so many wait before the page. */
    parleyLimit?: number;
    parleyLetPass?: (limit: number) => void;
  }
}

/** Of the protocol: what a chunk holds, and how many may be on their way, sent and not stored. */
export const CHUNK_BYTES = 63 * 1024;
export const WINDOW_CHUNKS = 16;

/** What a page makes at a time. */
const PIECE_BYTES = 4 * 1024 * 1024;

export interface MadeFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** Other bytes for another seed. */
  readonly seed?: number;
  readonly type?: string;
}

/** The bytes of one piece of a made file, from `at` on. Self-contained: pages and tests make the same. */
export function makePiece(seed: number, at: number, length: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed * 0x9e3779b9 + at) | 1;
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** SHA-256 of a made file, in hexadecimal, worked out apart from any page. */
export function hashOfMade({ sizeBytes, seed = 1 }: Pick<MadeFile, 'sizeBytes' | 'seed'>): string {
  const hash = createHash('sha256');
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES)
    hash.update(makePiece(seed, at, Math.min(PIECE_BYTES, sizeBytes - at)));
  return hash.digest('hex');
}

/** Writes a made file to the disk. */
export function writeMade(path: string, { sizeBytes, seed = 1 }: Pick<MadeFile, 'sizeBytes' | 'seed'>): void {
  writeFileSync(path, '');
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES)
    appendFileSync(path, makePiece(seed, at, Math.min(PIECE_BYTES, sizeBytes - at)));
}

/** Runs in the page: files in pieces that the browser keeps outside of the script's heap. */
function makeInPage(files: readonly MadeFile[], pieceBytes: number, make: typeof makePiece): void {
  const data = new DataTransfer();
  for (const { name, sizeBytes, seed = 1, type = 'application/octet-stream' } of files) {
    const parts: Blob[] = [];
    for (let at = 0; at < sizeBytes; at += pieceBytes)
      parts.push(new Blob([make(seed, at, Math.min(pieceBytes, sizeBytes - at))]));
    data.items.add(new File(parts, name, { type }));
  }
  window.parleyDrop = () => {
    for (const kind of ['dragover', 'drop'])
      window.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
  };
}

/** A page of whatever browser. */
interface Evaluates {
  evaluate(code: string): Promise<unknown>;
}

/** Makes files in the page, to be dropped on the call by `parleyDrop`. */
export async function makeFile(page: Evaluates, ...files: readonly MadeFile[]): Promise<void> {
  await page.evaluate(`(${makeInPage})(${JSON.stringify(files)}, ${PIECE_BYTES}, ${makePiece})`);
}

/** Drops made files on the call. */
export async function dropFiles(
  { page }: { readonly page: Evaluates },
  ...files: readonly MadeFile[]
): Promise<void> {
  await makeFile(page, ...files);
  await page.evaluate('parleyDrop()');
}

/** The card of a transfer. */
export function card(person: Person, name: string): Locator {
  return person.page.getByRole('article', { name, exact: true });
}

export const press = (person: Person, file: string, button: string) =>
  card(person, file).getByRole('button', { name: button, exact: true }).click();

/** Waits until the card says so. */
export async function says(person: Person, file: string, words: string | RegExp): Promise<void> {
  await card(person, file).getByText(words).waitFor();
}

/** Waits until all of it is there, for as long as the card has something new to say: a large file takes its time. */
export async function completes(person: Person, file: string): Promise<void> {
  const words = async () => (await card(person, file).textContent()) ?? '';
  for (let said = await words(); !said.includes('complete and verified'); said = await words())
    await card(person, file).filter({ hasNotText: said }).waitFor();
}

/** Runs in the page before its scripts: a receiver that takes no more chunks than it is told to. */
export function gateChunks(): void {
  const native = RTCDataChannel.prototype.addEventListener;
  const held = new Set<() => void>();
  window.parleyTaken = 0;
  window.parleyLetPass = (limit) => {
    window.parleyLimit = limit;
    for (const pass of [...held]) pass();
  };
  RTCDataChannel.prototype.addEventListener = function (
    this: RTCDataChannel,
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ) {
    if (this.label !== 'files' || type !== 'message') {
      native.call(this, type, listener, options);
      return;
    }
    const waiting: Event[] = [];
    const pass = () => {
      for (let event = waiting[0]; event && this.readyState === 'open'; event = waiting[0]) {
        const isChunk = new Uint8Array((event as MessageEvent<ArrayBuffer>).data)[1] === 5;
        if (isChunk && (window.parleyTaken ?? 0) >= (window.parleyLimit ?? 0)) return;
        if (isChunk) window.parleyTaken = (window.parleyTaken ?? 0) + 1;
        waiting.shift();
        (listener as (event: Event) => void).call(this, event);
      }
    };
    held.add(pass);
    native.call(
      this,
      type,
      (event) => {
        waiting.push(event);
        pass();
      },
      options,
    );
  } as typeof native;
}

/** Lets a person's page take chunks until it has taken `limit` in all. */
export const letPass = ({ page }: Person, limit: number) =>
  page.evaluate((count) => window.parleyLetPass?.(count), limit);
/** Chunks that a person's page has taken so far. */
export const taken = ({ page }: Person) => page.evaluate(() => window.parleyTaken ?? 0);

/** Presses Save and hashes what the browser downloads. */
export async function save(
  person: Person,
  file: string,
): Promise<{ name: string; sizeBytes: number; hash: string }> {
  const downloading = person.page.waitForEvent('download');
  await press(person, file, 'Save');
  const download = await downloading;
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const piece of await download.createReadStream()) {
    hash.update(piece as Buffer);
    sizeBytes += (piece as Buffer).length;
  }
  return { name: download.suggestedFilename(), sizeBytes, hash: hash.digest('hex') };
}
