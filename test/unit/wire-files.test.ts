/** Frames of the files channel, and names of files. */
import { describe, expect, it } from 'vitest';
import { cleanFileName, cleanRelativePath } from '../../app/wire/file-name.ts';
import {
  CHUNK_BYTES,
  chunkCount,
  chunkLength,
  cleanType,
  decodeFile,
  encodeChunk,
  encodeFile,
  type FileFrame,
  MAX_FILE_BYTES,
  MAX_HAVE_BYTES,
  PAGE_CHUNKS,
} from '../../app/wire/files.ts';

const fill = (bytes: number, value = 7) => new Uint8Array(bytes).fill(value);
const OFFER = {
  id: fill(16, 1),
  root: fill(32, 2),
  sizeBytes: 5_000_000_000,
  name: 'Grüße.pdf',
  type: 'application/pdf',
};

const FRAMES: readonly FileFrame[] = [
  { kind: 'offer', handle: 0, ...OFFER },
  { kind: 'offer', handle: 0xffff_ffff, ...OFFER, sizeBytes: 0, name: 'file', type: '' },
  { kind: 'seek', handle: 1, id: OFFER.id, proof: OFFER.root },
  { kind: 'outline', handle: 2, hashes: fill(64) },
  { kind: 'outline', handle: 2, hashes: fill(0) },
  { kind: 'page', handle: 3, page: 9, hashes: fill(32 * PAGE_CHUNKS) },
  { kind: 'chunk', handle: 4, chunk: 77, bytes: fill(CHUNK_BYTES) },
  { kind: 'chunk', handle: 4, chunk: 0, bytes: fill(1) },
  { kind: 'sending', handle: 5, on: true },
  { kind: 'withdraw', handle: 6, reason: 'unreadable' },
  { kind: 'have', handle: 7, fromChunk: 8, bits: fill(MAX_HAVE_BYTES) },
  { kind: 'accept', handle: 8, root: null },
  { kind: 'accept', handle: 8, root: OFFER.root },
  { kind: 'recall', handle: 0, id: OFFER.id },
  { kind: 'stored', handle: 9, count: 12 },
  { kind: 'receiving', handle: 10, on: false },
  { kind: 'stop', handle: 11, reason: 'no-room' },
  { kind: 'done', handle: 12, root: fill(32) },
];

const frameOf = (...bytes: readonly (number | Uint8Array)[]) =>
  Uint8Array.from(bytes.flatMap((part) => (typeof part === 'number' ? [part] : [...part])));

/** A seeded generator of numbers from 0 to 1 (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('file frames', () => {
  it.each(FRAMES)('round trip: $kind $handle', (frame) => {
    expect(decodeFile(encodeFile(frame).buffer)).toEqual(frame);
  });

  it('pins the bytes of the short frames', () => {
    expect([...encodeFile({ kind: 'accept', handle: 258, root: null })]).toEqual([1, 17, 0, 0, 1, 2]);
    expect([...encodeFile({ kind: 'stored', handle: 1, count: 3 })]).toEqual([1, 18, 0, 0, 0, 1, 0, 0, 0, 3]);
    expect([...encodeFile({ kind: 'stop', handle: 1, reason: 'person' })]).toEqual([1, 20, 0, 0, 0, 1, 0]);
    expect(encodeChunk(4, 5, fill(3))).toEqual(
      encodeFile({ kind: 'chunk', handle: 4, chunk: 5, bytes: fill(3) }),
    );
  });

  it.each<[string, Uint8Array<ArrayBuffer>]>([
    ['nothing', frameOf()],
    ['a head without a body', frameOf(1, 5, 0, 0, 0, 1)],
    ['another version', frameOf(2, 17, 0, 0, 0, 1)],
    ['an unknown kind', frameOf(1, 9, 0, 0, 0, 1)],
    ['an accept with half a root', frameOf(1, 17, 0, 0, 0, 1, fill(16))],
    ['a long id', frameOf(1, 8, 0, 0, 0, 0, fill(17))],
    ['a third position of a switch', frameOf(1, 6, 0, 0, 0, 1, 2)],
    ['an unknown reason', frameOf(1, 20, 0, 0, 0, 1, 200)],
    ['a chunk without bytes', frameOf(1, 5, 0, 0, 0, 1, 0, 0, 0, 0)],
    ['a chunk that is too long', frameOf(1, 5, 0, 0, 0, 1, 0, 0, 0, 0, fill(CHUNK_BYTES + 1))],
    ['a chunk beyond any file', frameOf(1, 5, 0, 0, 0, 1, 255, 0, 0, 0, 9)],
    ['half a hash', frameOf(1, 3, 0, 0, 0, 1, fill(33))],
    ['a page of no hashes', frameOf(1, 4, 0, 0, 0, 1, 0, 0, 0, 0)],
    ['a page of too many hashes', frameOf(1, 4, 0, 0, 0, 1, 0, 0, 0, 0, fill(32 * (PAGE_CHUNKS + 1)))],
    ['bits from the middle of a byte', frameOf(1, 16, 0, 0, 0, 1, 0, 0, 0, 3, 255)],
    ['more stored than any file has', frameOf(1, 18, 0, 0, 0, 1, 255, 255, 255, 255)],
    ['a short root', frameOf(1, 21, 0, 0, 0, 1, fill(31))],
    ['an offer of 2^64-1 bytes', frameOf(1, 1, 0, 0, 0, 1, fill(48), fill(8, 255), 1, 97)],
    ['an offer whose name ends beyond it', frameOf(1, 1, 0, 0, 0, 1, fill(48), fill(8, 0), 9, 97)],
    ['an offer whose name is not UTF-8', frameOf(1, 1, 0, 0, 0, 1, fill(48), fill(8, 0), 1, 255)],
    ['a frame above the cap', frameOf(1, 3, 0, 0, 0, 1, new Uint8Array(64 * 1024))],
  ])('refuses %s', (_what, bytes) => {
    expect(decodeFile(bytes.buffer)).toBeNull();
  });

  it('does not encode what it would not decode', () => {
    expect(() => encodeFile({ kind: 'offer', handle: 1, ...OFFER, sizeBytes: MAX_FILE_BYTES + 1 })).toThrow(
      RangeError,
    );
    expect(() => encodeFile({ kind: 'offer', handle: 1, ...OFFER, name: 'x'.repeat(256) })).toThrow(
      RangeError,
    );
    expect(() => encodeFile({ kind: 'accept', handle: -1, root: null })).toThrow(RangeError);
    expect(() => encodeFile({ kind: 'done', handle: 1, root: fill(31) })).toThrow(RangeError);
  });

  it('survives mutated frames, and what it accepts it can write again', () => {
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
    console.info(`files fuzz: FUZZ_SEED=${seed}`);
    const random = randomOf(seed);
    const short = FRAMES.map((frame) => encodeFile(frame)).filter((bytes) => bytes.length < 1000);
    for (let round = 0; round < 6000; round += 1) {
      const bytes = [...(short[Math.floor(random() * short.length)] ?? [])];
      for (let count = 1 + Math.floor(random() * 4); count > 0; count -= 1) {
        const at = Math.floor(random() * (bytes.length + 1));
        const how = Math.floor(random() * 4);
        if (how === 0) bytes[at] = Math.floor(random() * 256);
        else if (how === 1) bytes.splice(at, 1);
        else if (how === 2) bytes.splice(at, 0, Math.floor(random() * 256));
        else bytes.length = at;
      }
      const read = decodeFile(Uint8Array.from(bytes).buffer);
      if (read !== null) expect(decodeFile(encodeFile(read).buffer)).toEqual(read);
    }
  });

  it('counts chunks and their bytes', () => {
    expect([0, 1, CHUNK_BYTES, CHUNK_BYTES + 1].map(chunkCount)).toEqual([0, 1, 1, 2]);
    expect(chunkLength(CHUNK_BYTES + 1, 0)).toBe(CHUNK_BYTES);
    expect(chunkLength(CHUNK_BYTES + 1, 1)).toBe(1);
  });
});

describe('names of files', () => {
  it.each([
    ['report.pdf', 'report.pdf'],
    ['../../etc/passwd', '_.._etc_passwd'],
    ['C:\\Windows\\system.ini', 'C__Windows_system.ini'],
    ['invoice\u202Efdp.exe', 'invoicefdp.exe'],
    ['a\u0000b\nc.txt', 'ab c.txt'],
    ['.bashrc', 'bashrc'],
    ['name. . .', 'name'],
    ['', 'file'],
    ['....', 'file'],
    ['\u200b\u2066', 'file'],
    ['CON', '_CON'],
    ['nul.txt', '_nul.txt'],
    ['console.log', 'console.log'],
    ['<img src=x onerror=alert(1)>', '_img src=x onerror=alert(1)_'],
    ['Zoë 👩‍👩‍👧.png', 'Zoë 👩‍👩‍👧.png'],
  ])('%j becomes %j', (from, to) => {
    expect(cleanFileName(from)).toBe(to);
    expect(cleanFileName(to)).toBe(to);
  });

  it('keeps the extension of a long name, and fits a file system', () => {
    const long = cleanFileName(`${'名'.repeat(300)}.tar.gz`);
    expect(long.endsWith('.gz')).toBe(true);
    expect([...long]).toHaveLength(60);
    expect(new TextEncoder().encode(cleanFileName('👩'.repeat(300))).length).toBeLessThanOrEqual(255);
  });

  it('lets no path lead out of its folder', () => {
    expect(cleanRelativePath('../a/./b/../../c.txt')).toBe('a/b/c.txt');
    expect(cleanRelativePath('/etc\\passwd')).toBe('etc/passwd');
    expect(cleanRelativePath('C:/x/nul')).toBe('C_/x/_nul');
  });
});

it('takes only types that are types', () => {
  expect(cleanType('Text/HTML; charset=utf-8')).toBe('text/html');
  expect(cleanType('image/svg+xml')).toBe('image/svg+xml');
  for (const bad of ['', 'html', 'a/b/c', 'text/<b>', `a/${'b'.repeat(100)}`])
    expect(cleanType(bad)).toBe('');
});
