/**
 * What file tests do in pages: make files of any size without reading any, drop them on the call, and hash what was
 * received. Knows the screens by their accessible names.
 */
import { createHash } from 'node:crypto';
import type { Locator } from 'playwright-core';
import type { Person } from './harness.ts';

export interface MadeFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** Other bytes for another seed. */
  readonly seed?: number;
  readonly type?: string;
}

/** Runs in the page: bytes that repeat nowhere, in pieces that the browser keeps outside of the script's heap. */
async function dropInPage(files: readonly MadeFile[]): Promise<string[]> {
  const PIECE = 4 * 1024 * 1024;
  const data = new DataTransfer();
  const hashes: string[] = [];
  for (const { name, sizeBytes, seed = 1, type = 'application/octet-stream' } of files) {
    const parts: Blob[] = [];
    for (let at = 0; at < sizeBytes; at += PIECE) {
      const words = new Uint32Array(Math.ceil(Math.min(PIECE, sizeBytes - at) / 4));
      let state = (seed * 0x9e3779b9 + at) | 1;
      for (let index = 0; index < words.length; index += 1) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        words[index] = state;
      }
      parts.push(new Blob([new Uint8Array(words.buffer, 0, Math.min(PIECE, sizeBytes - at))]));
    }
    const file = new File(parts, name, { type });
    data.items.add(file);
    hashes.push(sizeBytes > 64 * 1024 * 1024 ? '' : await hashOf(file));
  }
  for (const kind of ['dragover', 'drop'])
    window.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
  return hashes;

  async function hashOf(blob: Blob): Promise<string> {
    const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }
}

/** Drops made files on the call; resolves to their SHA-256, '' for those too large to hash at once. */
export function dropFiles(person: Person, ...files: readonly MadeFile[]): Promise<string[]> {
  return person.page.evaluate(dropInPage, files);
}

/** The card of a transfer. */
export function card(person: Person, name: string): Locator {
  return person.page.getByRole('article', { name, exact: true });
}

export const press = (person: Person, file: string, button: string) =>
  card(person, file).getByRole('button', { name: button, exact: true }).click();

/** Waits until the card says so. */
export async function says(
  person: Person,
  file: string,
  words: string | RegExp,
  timeout = 60_000,
): Promise<void> {
  await card(person, file).getByText(words).waitFor({ timeout });
}

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
