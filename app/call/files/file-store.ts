/**
 * Hashing and keeping of files, as the page sees it: requests to a worker and its answers. Owns the worker; knows no peer
 * and no frame. The worker reads, hashes and writes, so that a call's page does none of it.
 */
import type { ArchiveEntry } from './archive.ts';

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

/** What a `seek` frame says, and whose keys its proof is of. */
export interface Sought {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly proof: Uint8Array<ArrayBuffer>;
  readonly from: string;
  readonly to: string;
}

export interface FileStore {
  /** Hashes a file; null when it cannot be read, or `signal` ended it. */
  prepare(file: Blob, progress: (doneBytes: number) => void, signal: AbortSignal): Promise<Prepared | null>;
  /** Makes one file of many, which stay where they are; null when one cannot be read, or `signal` ended it. */
  archive(
    entries: readonly ArchiveEntry[],
    progress: (doneBytes: number) => void,
    signal: AbortSignal,
  ): Promise<Blob | null>;
  open(meta: StoredMeta, place: Place, events: ReceiptEvents): Promise<Receipt | StoreProblem>;
  /** What an earlier page accepted and did not finish. */
  find(sought: Sought): Promise<StoredMeta | null>;
  /** Resolves when what is old was cleared away: whether nothing is left. */
  readonly swept: Promise<boolean>;
  /**
   * Ends the worker, once no receipt is open any more: the last word on a file is often said later. No other file is asked for
   * after it.
   */
  close(): void;
}

export type ToWorker =
  | { readonly op: 'prepare'; readonly job: number; readonly file: Blob }
  | { readonly op: 'archive'; readonly job: number; readonly entries: readonly ArchiveEntry[] }
  /** Ends `prepare` or `archive`. */
  | { readonly op: 'cancel'; readonly job: number }
  | { readonly op: 'open'; readonly job: number; readonly meta: StoredMeta; readonly place: Place }
  | { readonly op: 'find'; readonly job: number; readonly sought: Sought }
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
  | { readonly op: 'close'; readonly job: number; readonly keep: boolean }
  /** Ends the worker once every file that was opened is closed, and what was to be removed is. */
  | { readonly op: 'end-worker'; readonly job: 0 };

export type FromWorker = { readonly job: number } /** Of no job: number 0. */ & (
  | { readonly kind: 'swept'; readonly empty: boolean }
  /** Of `prepare` and `archive`. */
  | { readonly kind: 'preparing'; readonly doneBytes: number }
  | { readonly kind: 'archived'; readonly file: Blob | null }
  | { readonly kind: 'prepared'; readonly prepared: Prepared | null }
  | { readonly kind: 'found'; readonly meta: StoredMeta | null }
  | { readonly kind: 'opened'; readonly have: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'stored'; readonly chunks: readonly number[] }
  | { readonly kind: 'complete'; readonly file: Blob | null }
  | { readonly kind: 'failed'; readonly problem: StoreProblem }
);

export function createFileStore(): FileStore {
  const jobs = new Map<number, (message: FromWorker) => void>();
  let nextJob = 1;
  let worker: Worker | null = null;
  const post = (message: ToWorker, transfer: Transferable[] = []) => {
    worker ??= start();
    worker.postMessage(message, transfer);
  };

  function start(): Worker {
    const started = new Worker(new URL('./store-worker.ts', import.meta.url), { type: 'module' });
    started.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => jobs.get(data.job)?.(data));
    // Its script could not be fetched, or failed: what waits is told so, and what comes after has another worker.
    started.addEventListener('error', () => {
      started.terminate();
      worker = null;
      const failed = [...jobs];
      jobs.clear();
      for (const [job, hear] of failed) hear({ job, kind: 'failed', problem: 'storage' });
    });
    return started;
  }

  const swept = new Promise<boolean>((resolve) => {
    jobs.set(0, (message) => resolve(message.kind === 'swept' && message.empty));
  });
  worker = start();

  /** One answer, after news of progress, unless `signal` ends it. */
  function ask<T>(
    message: (job: number) => ToWorker,
    answer: (message: FromWorker) => T | null,
    progress: (doneBytes: number) => void = () => {},
    signal?: AbortSignal,
  ): Promise<T | null> {
    if (signal?.aborted) return Promise.resolve(null);
    return new Promise((resolve) => {
      const job = nextJob++;
      const settle = (value: T | null) => {
        jobs.delete(job);
        signal?.removeEventListener('abort', cancel);
        resolve(value);
      };
      const cancel = () => {
        settle(null);
        post({ op: 'cancel', job });
      };
      jobs.set(job, (heard) => {
        if (heard.kind === 'preparing') progress(heard.doneBytes);
        else settle(answer(heard));
      });
      signal?.addEventListener('abort', cancel);
      post(message(job));
    });
  }

  return {
    swept,
    prepare: (file, progress, signal) =>
      ask(
        (job) => ({ op: 'prepare', job, file }),
        (heard) => (heard.kind === 'prepared' ? heard.prepared : null),
        progress,
        signal,
      ),
    archive: (entries, progress, signal) =>
      ask(
        (job) => ({ op: 'archive', job, entries }),
        (heard) => (heard.kind === 'archived' ? heard.file : null),
        progress,
        signal,
      ),
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
            // The last word may come when the worker has failed; another one would have nothing to close.
            worker?.postMessage({ op: 'close', job, keep } satisfies ToWorker);
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
              jobs.delete(job);
              // Of the two only the one that applies has an effect.
              resolve(message.problem);
              events.failed(message.problem);
              return;
          }
        });
        post({ op: 'open', job, meta, place });
      }),
    find: (sought) =>
      ask(
        (job) => ({ op: 'find', job, sought }),
        (heard) => (heard.kind === 'found' ? heard.meta : null),
      ),
    close: () => worker?.postMessage({ op: 'end-worker', job: 0 } satisfies ToWorker),
  };
}
