/**
 * What this browser was sending when a page ended: enough to go on when the file is had again. Owns one IndexedDB store,
 * and for calls of the same page the files themselves. Holds no contents.
 */
import { joinFields } from '../../crypto/bytes.ts';
import type { Prepared } from './file-store.ts';

export interface UnfinishedSend {
  /** 32 hexadecimal digits. */
  readonly id: string;
  /** The call it belongs to: what is sent in one is nobody's business in another. */
  readonly room: string;
  readonly root: Uint8Array<ArrayBuffer>;
  readonly name: string;
  readonly type: string;
  readonly sizeBytes: number;
  /** For files that were dropped from the disk. */
  readonly handle: FileSystemFileHandle | null;
  /** How many accepted it and do not have all of it. */
  readonly receivers: number;
  readonly atMs: number;
}

const DATABASE = 'parley-files';
const STORE = 'sends';
const MAX_AGE_MS = 24 * 3600 * 1000;

/** Files of this page: who leaves a call and joins again need not choose them again. */
const inPage = new Map<string, { readonly file: Blob; readonly prepared: Prepared }>();

export function rememberFile(id: string, file: Blob, prepared: Prepared): void {
  inPage.set(id, { file, prepared });
}

export function recallFile(id: string): { readonly file: Blob; readonly prepared: Prepared } | null {
  return inPage.get(id) ?? null;
}

/**
 * Makes this page the one that sends it until `signal` aborts; false when another page of this browser is, which goes on by
 * itself (Web Locks API s2). Waits instead where `wait` is set: a call of this page that has just ended was it.
 */
export function claimSend(id: string, signal: AbortSignal, wait: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const hold = (lock: Lock | null) => {
      resolve(lock !== null);
      if (!lock || signal.aborted) return;
      return new Promise<void>((release) => {
        signal.addEventListener('abort', () => release(), { once: true });
      });
    };
    // Where there are no locks there is nothing to be told by them.
    if (!navigator.locks) resolve(true);
    else
      navigator.locks.request(`parley-files ${id}`, { ifAvailable: !wait }, hold).catch(() => resolve(true));
  });
}

/** Names a call to itself alone: whoever reads this browser's storage learns no room from it. 32 hexadecimal digits. */
export async function roomTag(roomId: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', joinFields('parley/files/room', roomId));
  return Array.from(new Uint8Array(hash, 0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Best effort: without a database sendings do not outlive the page. */
export async function saveUnfinished(send: UnfinishedSend): Promise<void> {
  await run('readwrite', (store) => store.put(send)).catch(() => undefined);
}

export async function forgetUnfinished(id: string): Promise<void> {
  inPage.delete(id);
  await run('readwrite', (store) => store.delete(id)).catch(() => undefined);
}

/** Those of the last day; older ones are removed. */
export async function listUnfinished(): Promise<readonly UnfinishedSend[]> {
  const all = await run<UnfinishedSend[]>('readonly', (store) => store.getAll()).catch(() => []);
  const oldest = Date.now() - MAX_AGE_MS;
  for (const { id, atMs } of all) if (atMs < oldest) await forgetUnfinished(id);
  return all.filter(({ atMs }) => atMs >= oldest);
}

async function run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: 'id' });
  const database = await settled(opening);
  try {
    return await settled(work(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
