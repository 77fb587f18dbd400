/**
 * Hashing and keeping of files, as the page sees it: requests to a worker and its answers. Owns the worker; knows no peer
 * and no frame. The worker reads, hashes and writes, so that a call's page does none of it.
 */

export interface StoredMeta {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly root: Uint8Array<ArrayBuffer>;
  readonly sizeBytes: number;
  readonly name: string;
  readonly type: string;
}

/**
 * Where a file is received to: the origin-private file system, which outlives a reload; memory; or a file that the
 * person picked, which the browser fills in only when all is there.
 */
export type Place = 'private' | 'memory' | FileSystemFileHandle;

export type StoreProblem =
  /** The disk, or the browser's share of it, is full. */
  | 'no-room'
  | 'storage'
  /** The bytes are not those the root commits to. */
  | 'mismatch';

export interface Prepared {
  readonly root: Uint8Array<ArrayBuffer>;
  /** SHA-256 of every chunk, 32 bytes each. */
  readonly chunkHashes: Uint8Array<ArrayBuffer>;
  /** SHA-256 of every page of these. */
  readonly outline: Uint8Array<ArrayBuffer>;
}

/** A file being received. All frames are verified before anything is stored. */
export interface Receipt {
  /** Bits of the chunks that were there when it was opened, the highest first. */
  readonly have: Uint8Array<ArrayBuffer>;
  outline(hashes: Uint8Array<ArrayBuffer>): void;
  page(page: number, hashes: Uint8Array<ArrayBuffer>): void;
  /** `frame` is given away; the chunk's bytes begin at `at`. */
  chunk(chunk: number, frame: ArrayBuffer, at: number): void;
  /** Ends it; what was kept stays for a later page when `keep` is set. */
  close(keep: boolean): void;
}

export interface ReceiptEvents {
  stored(chunks: readonly number[]): void;
  /** All is there and verified. `file` is null where the person picked the file. */
  complete(file: Blob | null): void;
  failed(problem: StoreProblem): void;
}

export interface FileStore {
  /** Hashes a file; null when it cannot be read. */
  prepare(file: Blob, progress: (doneBytes: number) => void): Promise<Prepared | null>;
  open(meta: StoredMeta, place: Place, events: ReceiptEvents): Promise<Receipt | StoreProblem>;
  /** What an earlier page accepted and did not finish. */
  find(id: string, root: Uint8Array<ArrayBuffer>): Promise<StoredMeta | null>;
  /** Resolves when what is old was cleared away: whether nothing is left. */
  readonly swept: Promise<boolean>;
  close(): void;
}

export type ToWorker =
  | { readonly op: 'prepare'; readonly job: number; readonly file: Blob }
  | { readonly op: 'open'; readonly job: number; readonly meta: StoredMeta; readonly place: Place }
  | {
      readonly op: 'find';
      readonly job: number;
      readonly id: string;
      readonly root: Uint8Array<ArrayBuffer>;
    }
  | { readonly op: 'outline'; readonly job: number; readonly hashes: Uint8Array<ArrayBuffer> }
  | {
      readonly op: 'page';
      readonly job: number;
      readonly page: number;
      readonly hashes: Uint8Array<ArrayBuffer>;
    }
  | {
      readonly op: 'chunk';
      readonly job: number;
      readonly chunk: number;
      readonly frame: ArrayBuffer;
      readonly at: number;
    }
  | { readonly op: 'close'; readonly job: number; readonly keep: boolean };

export type FromWorker = { readonly job: number } /** Of no job: number 0. */ & (
  | { readonly kind: 'swept'; readonly empty: boolean }
  | { readonly kind: 'preparing'; readonly doneBytes: number }
  | { readonly kind: 'prepared'; readonly prepared: Prepared | null }
  | { readonly kind: 'found'; readonly meta: StoredMeta | null }
  | { readonly kind: 'opened'; readonly have: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'stored'; readonly chunks: readonly number[] }
  | { readonly kind: 'complete'; readonly file: Blob | null }
  | { readonly kind: 'failed'; readonly problem: StoreProblem }
);

/** What was asked of the worker last is done by then: it notes what there is of each file. */
const CLOSING_MS = 1_000;

export function createFileStore(): FileStore {
  const worker = new Worker(new URL('./store-worker.ts', import.meta.url), { type: 'module' });
  const jobs = new Map<number, (message: FromWorker) => void>();
  let nextJob = 1;
  const post = (message: ToWorker, transfer: Transferable[] = []) => worker.postMessage(message, transfer);
  worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => jobs.get(data.job)?.(data));
  // Without its script nothing can be kept; what waits is told so.
  worker.addEventListener('error', () => {
    for (const [job, hear] of jobs) hear({ job, kind: 'failed', problem: 'storage' });
  });

  const swept = new Promise<boolean>((resolve) => {
    jobs.set(0, (message) => resolve(message.kind === 'swept' && message.empty));
  });

  return {
    swept,
    prepare: (file, progress) =>
      new Promise((resolve) => {
        const job = nextJob++;
        jobs.set(job, (message) => {
          if (message.kind === 'preparing') {
            progress(message.doneBytes);
            return;
          }
          jobs.delete(job);
          resolve(message.kind === 'prepared' ? message.prepared : null);
        });
        post({ op: 'prepare', job, file });
      }),
    open: (meta, place, events) =>
      new Promise((resolve) => {
        const job = nextJob++;
        const receipt = (have: Uint8Array<ArrayBuffer>): Receipt => ({
          have,
          outline: (hashes) => post({ op: 'outline', job, hashes }),
          page: (page, hashes) => post({ op: 'page', job, page, hashes }),
          chunk: (chunk, frame, at) => post({ op: 'chunk', job, chunk, frame, at }, [frame]),
          close(keep) {
            jobs.delete(job);
            post({ op: 'close', job, keep });
          },
        });
        jobs.set(job, (message) => {
          switch (message.kind) {
            case 'opened':
              resolve(receipt(message.have));
              return;
            case 'stored':
              events.stored(message.chunks);
              return;
            case 'complete':
              events.complete(message.file);
              return;
            case 'failed':
              // Of the two only the one that applies has an effect.
              resolve(message.problem);
              events.failed(message.problem);
              return;
          }
        });
        post({ op: 'open', job, meta, place });
      }),
    find: (id, root) =>
      new Promise((resolve) => {
        const job = nextJob++;
        jobs.set(job, (message) => {
          jobs.delete(job);
          resolve(message.kind === 'found' ? message.meta : null);
        });
        post({ op: 'find', job, id, root });
      }),
    close: () => setTimeout(() => worker.terminate(), CLOSING_MS),
  };
}
