/**
 * The worker behind `file-store.ts`: hashes what is sent, verifies and writes what is received. Owns the origin-private
 * files and their clearing away; knows no peer.
 *
 * A file in the making is two private files: `<id>.<n>` with the bytes in their places, and `<id>.<n>.meta`, which says
 * what it is and which chunks are there: length of the JSON (4 bytes), the JSON, one bit a chunk. Bits are written after
 * the bytes they stand for were flushed, so that whatever ends the worker, no bit is a lie.
 */
import { CHUNK_BYTES, chunkCount, HASH_BYTES, PAGE_CHUNKS } from '../../wire/files.ts';
import { createArchive } from './archive.ts';
import { type ChunkSet, createChunkSet } from './chunk-set.ts';
import { hashFile, rootOf, seekProof, sha256 } from './file-hash.ts';
import type { FromWorker, Place, Sought, StoredMeta, StoreProblem, ToWorker } from './file-store.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Of the File System standard; the DOM library has it in workers only. */
interface SyncAccessHandle {
  read(into: Uint8Array, options: { at: number }): number;
  write(from: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}
interface PrivateFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(): Promise<SyncAccessHandle>;
}

/** Where bytes go. Rejects and throws what the browser does. */
interface Sink {
  readonly have: Uint8Array;
  write(at: number, bytes: Bytes): void | Promise<void>;
  /** Makes what was written last, with the bits that say so. */
  settle(bits: Uint8Array): void;
  finish(): Promise<Blob | null>;
  close(keep: boolean): Promise<void>;
}

interface Receiving {
  readonly meta: StoredMeta;
  readonly sink: Sink;
  readonly have: ChunkSet;
  readonly pages: Map<number, Bytes>;
  outline: Bytes | null;
  /** Outline and pages are looked at in order, and before the chunks that came after them. */
  hashed: Promise<void>;
  stored: number[];
  unsettled: number;
  timer: ReturnType<typeof setTimeout> | null;
  over: boolean;
}

const FOLDER = 'parley-files';
/** Two tabs of one browser may receive the same file. */
const MAX_COPIES = 4;
/** What a page that was just reloaded still holds for a moment. */
const LOCK_PATIENCE_MS = 300;
const LOCK_TRIES = 8;
const SETTLE_CHUNKS = 16;
const SETTLE_MS = 200;
const MAX_PAGES_KEPT = 4;
const PROGRESS_BYTES = 8 * 1024 * 1024;
const DAY_MS = 24 * 3600 * 1000;
/** A file that is whole is the person's once it is saved; a download may still read it. */
const FINISHED_MS = 3600 * 1000;

const post = (message: FromWorker) => self.postMessage(message);
const receiving = new Map<number, Receiving>();
/** What reads files to be sent. */
const reading = new Map<number, AbortController>();
/** Requests about one file wait for its opening. */
const opening = new Map<number, Promise<void>>();
/** Files that are being closed, and removed if they are not to be kept; and the sweep, which begins with the worker. */
let closing = 1;
let isEnding = false;

self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  const opened = opening.get(data.job);
  if (opened === undefined) handle(data);
  else void opened.then(() => handle(data));
});

function handle(message: ToWorker): void {
  const { job } = message;
  switch (message.op) {
    case 'prepare':
      void read(job, (progress, signal) => hashFile(message.file, progress, signal)).then((prepared) =>
        post({ job, kind: 'prepared', prepared }),
      );
      return;
    case 'archive':
      void read(job, (progress, signal) => createArchive(message.entries, progress, signal)).then((file) =>
        post({ job, kind: 'archived', file }),
      );
      return;
    case 'cancel':
      reading.get(job)?.abort();
      return;
    case 'find':
      void find(message.sought).then((meta) => post({ job, kind: 'found', meta }));
      return;
    case 'open':
      opening.set(
        job,
        open(job, message.meta, message.place).finally(() => {
          opening.delete(job);
          endWorkerIfUnused();
        }),
      );
      return;
    case 'end-worker':
      isEnding = true;
      endWorkerIfUnused();
      return;
    default:
      receive(message);
  }
}

/** Tells of progress now and then. Null when `work` failed or was cancelled. */
async function read<T>(
  job: number,
  work: (progress: (doneBytes: number) => void, signal: AbortSignal) => Promise<T>,
): Promise<T | null> {
  const controller = new AbortController();
  reading.set(job, controller);
  let told = 0;
  const progress = (doneBytes: number) => {
    if (doneBytes - told < PROGRESS_BYTES) return;
    told = doneBytes;
    post({ job, kind: 'preparing', doneBytes });
  };
  try {
    return await work(progress, controller.signal);
  } catch {
    return null;
  } finally {
    reading.delete(job);
  }
}

async function open(job: number, meta: StoredMeta, place: Place): Promise<void> {
  try {
    const sink =
      place === 'memory'
        ? memorySink()
        : place === 'private'
          ? await privateSink(meta)
          : await pickedSink(place);
    const have = createChunkSet(chunkCount(meta.sizeBytes), sink.have);
    receiving.set(job, {
      meta,
      sink,
      have,
      pages: new Map(),
      outline: null,
      hashed: Promise.resolve(),
      stored: [],
      unsettled: 0,
      timer: null,
      over: false,
    });
    post({ job, kind: 'opened', have: have.bits.slice() });
  } catch (error) {
    post({ job, kind: 'failed', problem: problemOf(error) });
  }
}

function receive(message: Extract<ToWorker, { op: 'outline' | 'page' | 'chunk' | 'close' }>): void {
  const { job } = message;
  const file = receiving.get(job);
  if (!file) return;
  switch (message.op) {
    case 'outline':
      file.hashed = file.hashed.then(() => takeOutline(job, file, message.hashes));
      return;
    case 'page':
      file.hashed = file.hashed.then(() => takePage(job, file, message.page, message.hashes));
      return;
    case 'chunk':
      void takeChunk(job, file, message.chunk, new Uint8Array(message.frame, message.at));
      return;
    case 'close':
      endFile(job, file);
      receiving.delete(job);
      closeFile(file, message.keep);
  }
}

function closeFile({ sink }: Receiving, keep: boolean): void {
  closing += 1;
  void sink
    .close(keep)
    .catch(() => undefined)
    .finally(closed);
}

function closed(): void {
  closing -= 1;
  endWorkerIfUnused();
}

function endWorkerIfUnused(): void {
  if (isEnding && receiving.size + opening.size + closing === 0) self.close();
}

function endFile(job: number, file: Receiving): void {
  if (file.over) return;
  file.over = true;
  receiving.delete(job);
  if (file.timer !== null) clearTimeout(file.timer);
  try {
    file.sink.settle(file.have.bits);
  } catch {
    // Then a little less is there the next time.
  }
}

function fail(job: number, file: Receiving, problem: StoreProblem): void {
  if (file.over) return;
  endFile(job, file);
  closeFile(file, false);
  post({ job, kind: 'failed', problem });
}

async function takeOutline(job: number, file: Receiving, hashes: Bytes): Promise<void> {
  const { meta } = file;
  const pages = Math.ceil(chunkCount(meta.sizeBytes) / PAGE_CHUNKS);
  const right = hashes.length === pages * HASH_BYTES && same(await rootOf(meta.sizeBytes, hashes), meta.root);
  if (!right) {
    fail(job, file, 'mismatch');
    return;
  }
  file.outline = hashes;
  await completeIfAll(job, file);
}

async function takePage(job: number, file: Receiving, page: number, hashes: Bytes): Promise<void> {
  const { outline, pages, meta } = file;
  const chunks = Math.min(PAGE_CHUNKS, chunkCount(meta.sizeBytes) - page * PAGE_CHUNKS);
  const expected = outline?.subarray(page * HASH_BYTES, (page + 1) * HASH_BYTES);
  const right = expected && hashes.length === chunks * HASH_BYTES && same(await sha256(hashes), expected);
  if (!right) {
    fail(job, file, 'mismatch');
    return;
  }
  pages.set(page, hashes);
  // The sender goes from the first page to the last: older ones have done their service.
  if (pages.size > MAX_PAGES_KEPT) pages.delete(pages.keys().next().value ?? 0);
}

async function takeChunk(job: number, file: Receiving, chunk: number, bytes: Bytes): Promise<void> {
  const [hash] = await Promise.all([sha256(bytes), file.hashed]);
  if (file.over) return;
  const at = (chunk % PAGE_CHUNKS) * HASH_BYTES;
  const expected = file.pages.get(Math.floor(chunk / PAGE_CHUNKS))?.subarray(at, at + HASH_BYTES);
  if (!expected || !same(hash, expected)) {
    fail(job, file, 'mismatch');
    return;
  }
  try {
    await file.sink.write(chunk * CHUNK_BYTES, bytes);
    if (file.over || !file.have.add(chunk)) return;
    if (file.stored.length === 0) queueMicrotask(() => tell(job, file));
    file.stored.push(chunk);
    file.unsettled += 1;
    if (file.unsettled >= SETTLE_CHUNKS) settle(file);
    else
      file.timer ??= setTimeout(() => {
        file.timer = null;
        try {
          settle(file);
        } catch (error) {
          fail(job, file, problemOf(error));
        }
      }, SETTLE_MS);
  } catch (error) {
    fail(job, file, problemOf(error));
    return;
  }
  await completeIfAll(job, file);
}

function tell(job: number, file: Receiving): void {
  if (!file.over) post({ job, kind: 'stored', chunks: file.stored });
  file.stored = [];
}

function settle(file: Receiving): void {
  file.unsettled = 0;
  file.sink.settle(file.have.bits);
}

async function completeIfAll(job: number, file: Receiving): Promise<void> {
  if (file.over || !file.outline || file.have.count() < chunkCount(file.meta.sizeBytes)) return;
  tell(job, file);
  // From here on it answers `close` alone, which takes the finished file away.
  file.over = true;
  if (file.timer !== null) clearTimeout(file.timer);
  try {
    file.sink.settle(file.have.bits);
    const blob = await file.sink.finish();
    post({ job, kind: 'complete', file: blob });
  } catch (error) {
    post({ job, kind: 'failed', problem: problemOf(error) });
  }
}

function memorySink(): Sink {
  const parts = new Map<number, Bytes>();
  return {
    have: new Uint8Array(),
    write: (at, bytes) => void parts.set(at, bytes),
    settle: () => {},
    async finish() {
      const blob = new Blob([...parts].sort(([a], [b]) => a - b).map(([, bytes]) => bytes));
      parts.clear();
      return blob;
    },
    close: async () => parts.clear(),
  };
}

async function pickedSink(handle: FileSystemFileHandle): Promise<Sink> {
  const writable = await handle.createWritable();
  return {
    have: new Uint8Array(),
    write: (position, data) => writable.write({ type: 'write', position, data }),
    settle: () => {},
    async finish() {
      await writable.close();
      return null;
    },
    close: () => writable.abort(),
  };
}

async function folder(): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  return await root.getDirectoryHandle(FOLDER, { create: true });
}

interface PrivateFiles {
  readonly name: string;
  readonly data: SyncAccessHandle;
  readonly meta: SyncAccessHandle;
}

/**
 * Opens both files for this worker alone; null when they are not there and are not to be made. 'taken' when another worker
 * has them.
 */
async function lock(
  dir: FileSystemDirectoryHandle,
  name: string,
  create: boolean,
): Promise<PrivateFiles | 'taken' | null> {
  let meta: SyncAccessHandle | null = null;
  try {
    const metaHandle = (await dir.getFileHandle(`${name}.meta`, { create })) as PrivateFileHandle;
    const dataHandle = (await dir.getFileHandle(name, { create })) as PrivateFileHandle;
    meta = await metaHandle.createSyncAccessHandle();
    return { name, meta, data: await dataHandle.createSyncAccessHandle() };
  } catch (error) {
    meta?.close();
    if (!(error instanceof DOMException)) throw error;
    if (error.name === 'NotFoundError') return null;
    if (error.name === 'NoModificationAllowedError' || error.name === 'InvalidStateError') return 'taken';
    throw error;
  }
}

interface Known {
  readonly meta: StoredMeta;
  readonly bits: Uint8Array;
  readonly bitsAt: number;
}

function bytesOf(handle: SyncAccessHandle): Uint8Array {
  const bytes = new Uint8Array(handle.getSize());
  return bytes.subarray(0, handle.read(bytes, { at: 0 }));
}

function parseMeta(bytes: Uint8Array): Known | null {
  if (bytes.length < 4) return null;
  const bitsAt = 4 + new DataView(bytes.buffer).getUint32(0);
  try {
    const { root, ...rest } = JSON.parse(new TextDecoder().decode(bytes.subarray(4, bitsAt)));
    return { meta: { ...rest, root: Uint8Array.from(root) }, bits: bytes.subarray(bitsAt), bitsAt };
  } catch {
    // A page that ended while it wrote this had stored nothing yet.
    return null;
  }
}

async function privateSink(meta: StoredMeta): Promise<Sink> {
  const dir = await folder();
  let files: PrivateFiles | null = null;
  let known: Known | null = null;
  for (let copy = 0; copy < MAX_COPIES && !files; copy += 1) {
    const locked = await lock(dir, `${meta.id}.${copy}`, true);
    if (!locked || locked === 'taken') continue;
    known = parseMeta(bytesOf(locked.meta));
    // Whoever was offered a file may offer another one under its id.
    if (!known || (same(known.meta.root, meta.root) && known.meta.sizeBytes === meta.sizeBytes))
      files = locked;
    else unlock(locked);
  }
  if (!files) throw new Error('too many copies of this file');
  const { name, data, meta: metaFile } = files;
  try {
    if (!known) {
      const json = new TextEncoder().encode(JSON.stringify({ ...meta, root: [...meta.root] }));
      // Asked beforehand: not every browser holds a truncation against the page's share.
      const { quota = Number.POSITIVE_INFINITY, usage = 0 } = await navigator.storage.estimate();
      if (meta.sizeBytes > quota - usage) throw new DOMException('no room', 'QuotaExceededError');
      const head = new Uint8Array(4 + json.length);
      new DataView(head.buffer).setUint32(0, json.length);
      head.set(json, 4);
      metaFile.truncate(0);
      // At its full size from the start: a disk without room for it says so now.
      data.truncate(0);
      data.truncate(meta.sizeBytes);
      metaFile.write(head, { at: 0 });
      metaFile.flush();
      known = { meta, bits: new Uint8Array(), bitsAt: head.length };
    }
  } catch (error) {
    unlock(files);
    await remove(dir, name);
    throw error;
  }
  const { bitsAt } = known;
  const locked = files;
  return {
    have: known.bits,
    write(at, bytes) {
      if (data.write(bytes, { at }) < bytes.length)
        throw new DOMException('short write', 'QuotaExceededError');
    },
    settle(bits) {
      data.flush();
      metaFile.write(bits, { at: bitsAt });
    },
    // What it is stays beside it, locked as long as this worker has it: should the page be reloaded before the sender has
    // heard, the next one can say that all is there.
    async finish() {
      metaFile.flush();
      data.close();
      return await (await dir.getFileHandle(name)).getFile();
    },
    async close(keep) {
      unlock(locked);
      if (!keep) await remove(dir, name);
    },
  };
}

function unlock({ data, meta }: PrivateFiles): void {
  data.close();
  meta.close();
}

/**
 * False when a page still has it. The bits go first, which are locked for as long as a page shows what it received; the bytes
 * of a file that is whole are not.
 */
async function remove(dir: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  try {
    await dir.removeEntry(`${name}.meta`);
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'NotFoundError')) return false;
  }
  await dir.removeEntry(name).catch(() => undefined);
  return true;
}

async function find({ id, proof, from, to }: Sought): Promise<StoredMeta | null> {
  try {
    const dir = await folder();
    for (let tries = 0; tries < LOCK_TRIES; tries += 1) {
      let taken = false;
      for (let copy = 0; copy < MAX_COPIES; copy += 1) {
        const files = await lock(dir, `${id}.${copy}`, false);
        if (files === null) continue;
        if (files === 'taken') {
          taken = true;
          continue;
        }
        const known = parseMeta(bytesOf(files.meta));
        unlock(files);
        if (known && same(await seekProof(known.meta.root, from, to), proof)) return known.meta;
      }
      if (!taken) return null;
      await new Promise((resolve) => setTimeout(resolve, LOCK_PATIENCE_MS));
    }
  } catch {
    // No private files in this browser.
  }
  return null;
}

/** Whether chunks of it are missing. */
async function isUnfinished(dir: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  try {
    const file = await (await dir.getFileHandle(`${name}.meta`)).getFile();
    const known = parseMeta(new Uint8Array(await file.arrayBuffer()));
    if (!known) return true;
    const chunks = chunkCount(known.meta.sizeBytes);
    return createChunkSet(chunks, known.bits).count() < chunks;
  } catch (error) {
    return !(error instanceof DOMException && error.name === 'NotFoundError');
  }
}

/** Clears away what nobody will ask for again. What another page uses cannot be removed, and stays. */
async function sweep(): Promise<boolean> {
  const dir = await folder().catch(() => null);
  // A browser without private files.
  if (!dir) return true;
  const names: string[] = [];
  let left = 0;
  for await (const name of dir.keys()) names.push(name);
  for (const name of names) {
    if (name.endsWith('.meta') && names.includes(name.slice(0, -5))) continue;
    const file = await dir
      .getFileHandle(name)
      .then((handle) => handle.getFile())
      .catch(() => null);
    // Another page was done with it meanwhile.
    if (!file) continue;
    const age = Date.now() - file.lastModified;
    const isYoung = age <= ((await isUnfinished(dir, name)) ? DAY_MS : FINISHED_MS);
    if (isYoung || !(await remove(dir, name))) left += 1;
  }
  return left === 0;
}

function problemOf(error: unknown): StoreProblem {
  return error instanceof DOMException && error.name === 'QuotaExceededError' ? 'no-room' : 'storage';
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

sweep()
  .then(
    (empty) => post({ job: 0, kind: 'swept', empty }),
    () => post({ job: 0, kind: 'swept', empty: false }),
  )
  .finally(closed);
