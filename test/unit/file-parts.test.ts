/** The pure parts of file transfers: sets of chunks, hashes under one root, archives, heads of pictures, speeds. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, crc32 as nodeCrc32 } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { crc32, createArchive } from '../../app/call/files/archive.ts';
import { createChunkSet } from '../../app/call/files/chunk-set.ts';
import { hashFile, pageOf, rootOf, sha256 } from '../../app/call/files/file-hash.ts';
import type { TransferState } from '../../app/call/files/files-types.ts';
import type { Incoming } from '../../app/call/files/incoming.ts';
import { createMeter } from '../../app/call/files/meter.ts';
import { createTransferList } from '../../app/call/files/transfer-list.ts';
import { readPictureSize } from '../../app/ui/picture.ts';
import { CHUNK_BYTES, HASH_BYTES, PAGE_CHUNKS } from '../../app/wire/files.ts';

describe('sets of chunks', () => {
  it('count each chunk once, and none beyond the file', () => {
    const set = createChunkSet(10);
    expect([set.add(0), set.add(9), set.add(9), set.add(10)]).toEqual([true, true, false, false]);
    expect([...set.bits]).toEqual([0b1000_0000, 0b0100_0000]);
    expect(set.count()).toBe(2);
  });

  it('take bits from outside without believing those beyond the file', () => {
    const set = createChunkSet(10, Uint8Array.of(0, 0xff, 0xff));
    expect(set.count()).toBe(2);
    expect([...createChunkSet(10).with(8, Uint8Array.of(0xff, 0xff)).bits]).toEqual([0, 0b1100_0000]);
    expect(createChunkSet(10).with(800, Uint8Array.of(0xff)).count()).toBe(0);
  });

  it('are copied, not shared', () => {
    const set = createChunkSet(3);
    set.copy().add(1);
    expect(set.has(1)).toBe(false);
  });
});

describe('the root of a file', () => {
  const bytes = (length: number) =>
    Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 255);

  it.each([0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 17 * CHUNK_BYTES + 5])(
    'commits to every chunk of %i bytes',
    async (size) => {
      const content = bytes(size);
      const progress: number[] = [];
      const { root, outline, chunkHashes } = await hashFile(new Blob([content]), (done) =>
        progress.push(done),
      );
      expect(progress.at(-1) ?? 0).toBe(size);
      expect(chunkHashes).toHaveLength(Math.ceil(size / CHUNK_BYTES) * HASH_BYTES);
      for (let chunk = 0; chunk * CHUNK_BYTES < size; chunk += 1)
        expect(chunkHashes.subarray(chunk * HASH_BYTES, (chunk + 1) * HASH_BYTES)).toEqual(
          await sha256(content.slice(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES)),
        );
      if (size > 0) expect(outline).toEqual(await sha256(pageOf(chunkHashes, 0)));
      expect(root).toEqual(await rootOf(size, outline));
      expect(root).not.toEqual(await rootOf(size + 1, outline));
    },
  );

  it('is of pages of 1024 chunks', () => {
    const hashes = new Uint8Array((PAGE_CHUNKS + 1) * HASH_BYTES);
    expect(pageOf(hashes, 0)).toHaveLength(PAGE_CHUNKS * HASH_BYTES);
    expect(pageOf(hashes, 1)).toHaveLength(HASH_BYTES);
  });
});

describe('archives', () => {
  it('are read by another program, file by file, with their names and checksums', async () => {
    const files = [
      ['Photos/Grüße.txt', 'hello'],
      ['Photos/sub/empty', ''],
      ['Photos/Grüße.txt', 'the second of that name'],
    ] as const;
    const archive = await createArchive(
      files.map(([path, text]) => ({ path, file: new Blob([text]), modifiedMs: Date.UTC(2024, 4, 5) })),
    );
    const folder = mkdtempSync(join(tmpdir(), 'parley-archive-'));
    try {
      const path = join(folder, 'archive.zip');
      writeFileSync(path, new Uint8Array(await archive.arrayBuffer()));
      const script =
        'import zipfile, json, sys\n' +
        'z = zipfile.ZipFile(sys.argv[1])\n' +
        'assert z.testzip() is None\n' +
        'print(json.dumps([[i.filename, z.read(i).decode()] for i in z.infolist()]))';
      const read: unknown = JSON.parse(execFileSync('python3', ['-c', script, path], { encoding: 'utf8' }));
      expect(read).toEqual([
        ['Photos/Grüße.txt', 'hello'],
        ['Photos/sub/empty', ''],
        ['Photos/Grüße (2).txt', 'the second of that name'],
      ]);
      expect(readFileSync(path).subarray(0, 4).toString('latin1')).toBe('PK\u0003\u0004');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('have the checksums that others work out', () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index & 255);
    expect(crc32(bytes)).toBe(nodeCrc32(bytes));
    expect(crc32(bytes.subarray(400), crc32(bytes.subarray(0, 400)))).toBe(nodeCrc32(bytes));
  });
});

describe('heads of pictures', () => {
  const png = (width: number, height: number) => {
    const head = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
    const size = Buffer.alloc(8);
    size.writeUInt32BE(width, 0);
    size.writeUInt32BE(height, 4);
    return Buffer.concat([head, size, deflateSync(Buffer.alloc(20))]);
  };

  it.each<[string, Uint8Array, unknown]>([
    ['PNG', png(60_000, 50_000), { width: 60_000, height: 50_000 }],
    [
      'GIF',
      Buffer.concat([Buffer.from('GIF89a'), Buffer.from([1, 2, 3, 4]), Buffer.alloc(30)]),
      { width: 513, height: 1027 },
    ],
    [
      'JPEG',
      Buffer.concat([
        Buffer.from('ffd8ffe00010', 'hex'),
        Buffer.alloc(14),
        Buffer.from('ffc2001108012c0190', 'hex'),
        Buffer.alloc(20),
      ]),
      { width: 400, height: 300 },
    ],
    [
      'WebP',
      Buffer.concat([
        Buffer.from('RIFF....WEBPVP8X'),
        Buffer.alloc(8),
        Buffer.from('0f2700', 'hex'),
        Buffer.from('ff0000', 'hex'),
        Buffer.alloc(9),
      ]),
      { width: 10_000, height: 256 },
    ],
    ['HTML', Buffer.from('<!doctype html><svg xmlns="http://www.w3.org/2000/svg">'), null],
    ['nothing', new Uint8Array(), null],
    [
      'a JPEG that leads nowhere',
      Buffer.concat([Buffer.from('ffd8ffe00000', 'hex'), Buffer.alloc(40)]),
      null,
    ],
  ])('%s', (_what, bytes, size) => {
    expect(readPictureSize(bytes)).toEqual(size);
  });
});

it('a speed is smoothed, falls when nothing comes, and begins anew', () => {
  let now = 0;
  const meter = createMeter(() => now);
  expect(meter.read(0)).toBeNull();
  now = 1_000;
  expect(meter.read(1_000_000)).toBe(1_000_000);
  now = 2_000;
  expect(meter.read(1_000_000)).toBe(700_000);
  meter.reset();
  expect(meter.read(2_000_000)).toBeNull();
});

it('the list of transfers tells the screen at once what somebody did, and each second of what goes on', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const tell = vi.fn();
  const list = createTransferList(tell);
  let state: TransferState = 'going';
  // Of a transfer the list reads no more than this here.
  const transfer = { peerKey: () => 'bob', state: () => state, snapshot: () => ({ state }) };
  list.addIncoming(() => transfer as unknown as Incoming);
  list.changed();
  vi.advanceTimersByTime(100);
  expect(tell).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(3_000);
  expect(tell).toHaveBeenCalledTimes(4);
  list.changed();
  list.changed();
  vi.advanceTimersByTime(100);
  expect(tell).toHaveBeenCalledTimes(5);
  state = 'waiting';
  list.changed();
  vi.advanceTimersByTime(100);
  expect(tell).toHaveBeenCalledTimes(6);
  vi.advanceTimersByTime(10_000);
  expect(tell).toHaveBeenCalledTimes(6);
});
