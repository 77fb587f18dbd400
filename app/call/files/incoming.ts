/**
 * One file on its way from one person, over as many links as it takes. Owns the answer to its offer and what is being
 * received; knows no screen.
 *
 * Nothing the sender says is believed: chunks must be ones that were asked for, of the length the offer implies, and no
 * more of them than the window; the store checks their hashes before it keeps them.
 */
import {
  CHUNK_BYTES,
  CHUNK_HEAD_BYTES,
  chunkCount,
  chunkLength,
  MAX_HAVE_BYTES,
  type SenderFrame,
  type StopReason,
} from '../../wire/files.ts';
import { type ChunkSet, createChunkSet } from './chunk-set.ts';
import type { FileStore, Place, Receipt, StoredMeta, StoreProblem } from './file-store.ts';
import {
  type EndReason,
  MAX_MEMORY_BYTES,
  type TransferSnapshot,
  type TransferState,
} from './files-types.ts';
import { createMeter } from './meter.ts';

/** What all transfers of a page have received into memory, or are about to. */
export interface MemoryInUse {
  bytes: number;
}

/** What the sender named it by. An answer to `seek` shows that it is known here. */
export type BoundBy = 'offer' | 'seek';

import { type Session, WINDOW_CHUNKS } from './session.ts';

export interface Incoming {
  readonly meta: StoredMeta;
  readonly isPicture: boolean;
  peerKey(): string;
  state(): TransferState;
  /** Whether it is being received, or was. */
  isAccepted(): boolean;
  /** Whether this person asked for it, whatever became of it. */
  isWanted(): boolean;
  /** Whether it is all there, and would be lost with it. */
  isUnsaved(): boolean;
  /**
   * The sender names it on this link: answers with what is here, as far as it was answered already. While a link to another
   * person still carries it, only once that link is lost: whoever was offered the same file could name it too.
   */
  bind(session: Session, handle: number, by: BoundBy): void;
  accept(place: Place): void;
  /** The sender took it back. */
  withdrawn(reason: StopReason): void;
  linkLost(session: Session): void;
  setPaused(paused: boolean): void;
  end(reason: EndReason): void;
  /** The browser reads what was received, and may do so for a while. */
  saved(): void;
  /** The call ends: what is not whole is kept for a later one. What is stays open, for the screen after the call. */
  suspend(): void;
  /** Removes what was received; what is being saved a while later. */
  discard(): void;
  snapshot(): TransferSnapshot;
}

export interface IncomingOptions {
  readonly name: string;
  readonly meta: StoredMeta;
  readonly store: FileStore;
  readonly memory: MemoryInUse;
  readonly peerKey: string;
  readonly isPicture: boolean;
  readonly changed: () => void;
}

interface Run {
  readonly session: Session;
  readonly handle: number;
  readonly by: BoundBy;
  /** Whether the sender was told to go. */
  answered: boolean;
  received: number;
  stored: number;
  reported: number;
  page: number;
  outlined: boolean;
}

/** What is being saved stays for so long. */
const SAVING_MS = 15 * 60 * 1000;
/** Stored chunks between two reports of them: a quarter of the window. */
const REPORT_CHUNKS = 4;

export function createIncoming({ meta, store, memory, changed, ...options }: IncomingOptions): Incoming {
  const chunks = chunkCount(meta.sizeBytes);
  const meter = createMeter();
  let { peerKey } = options;
  let outcome: 'done' | EndReason | null = null;
  let opening = false;
  let receipt: Receipt | null = null;
  let run: Run | null = null;
  /** Links over which it can go on when the present one is lost, and its handle there. */
  const others = new Map<Session, readonly [handle: number, by: BoundBy]>();
  let memoryBytes = 0;
  let kept: ChunkSet = createChunkSet(chunks);
  /** Kept, or given to the store and not heard of yet. */
  let taken: ChunkSet = kept;
  let pending = 0;
  let pausedHere = false;
  let pausedThere = false;
  let problem: TransferSnapshot['problem'] = null;
  let file: Blob | null = null;
  let isSaved = false;
  let isWanted = false;
  let isSuspended = false;

  function state(): TransferState {
    if (outcome) return outcome === 'done' ? 'done' : 'ended';
    if (!receipt && !opening) return 'offered';
    return run ? 'going' : 'waiting';
  }

  function finish(how: 'done' | EndReason): void {
    outcome = how;
    run?.session.forget(run.handle);
    for (const [session, [handle, by]] of others) bind(session, handle, by);
    run = null;
    others.clear();
    changed();
  }

  function end(reason: EndReason, say: StopReason | null): void {
    if (outcome) return;
    if (say && run) run.session.post({ kind: 'stop', handle: run.handle, reason: say });
    finish(reason);
    discard();
  }

  function discard(): void {
    const closing = receipt;
    // Where the page ends earlier, it is cleared away with what other calls left behind.
    if (isSaved) setTimeout(() => closing?.close(false), SAVING_MS);
    else closing?.close(false);
    receipt = null;
    file = null;
    memory.bytes -= memoryBytes;
    memoryBytes = 0;
  }

  /** Only once the store has settled what came over the link before: else it would be asked for twice. */
  function answer(): void {
    if (!run || run.answered || !receipt || pending > 0) return;
    const { session, handle } = run;
    run.answered = true;
    taken = kept.copy();
    if (kept.count() > 0)
      for (let at = 0; at < kept.bits.length; at += MAX_HAVE_BYTES)
        session.post({
          kind: 'have',
          handle,
          fromChunk: at * 8,
          bits: kept.bits.slice(at, at + MAX_HAVE_BYTES),
        });
    session.post({ kind: 'accept', handle, root: run.by === 'seek' ? meta.root : null });
    if (pausedHere) session.post({ kind: 'receiving', handle, on: false });
  }

  /** A browser that gives a page no private files still has memory for what is not too large. */
  async function openAt(place: Place): Promise<Receipt | StoreProblem | 'no-memory'> {
    const opened = await store.open(meta, place, events);
    if (opened !== 'storage' || place !== 'private' || outcome || isSuspended) return opened;
    if (memory.bytes + meta.sizeBytes > MAX_MEMORY_BYTES) return 'no-memory';
    memoryBytes = meta.sizeBytes;
    memory.bytes += memoryBytes;
    return await store.open(meta, 'memory', events);
  }

  function report(): void {
    if (!run || run.stored === run.reported) return;
    if (run.stored - run.reported < REPORT_CHUNKS && pending > 0) return;
    run.reported = run.stored;
    run.session.post({ kind: 'stored', handle: run.handle, count: run.stored });
  }

  function hear(current: Run, frame: SenderFrame, data: ArrayBuffer): boolean {
    if (frame.kind === 'withdraw') {
      if (outcome === null) end(frame.reason, null);
      return true;
    }
    if (outcome || !receipt || !current.answered) return false;
    switch (frame.kind) {
      case 'sending':
        pausedThere = !frame.on;
        meter.reset();
        changed();
        return true;
      case 'outline':
        if (current.outlined) return false;
        current.outlined = true;
        receipt.outline(frame.hashes);
        return true;
      case 'page':
        if (frame.page <= current.page || !current.outlined) return false;
        current.page = frame.page;
        receipt.page(frame.page, frame.hashes);
        return true;
      case 'chunk': {
        if (current.received - current.stored >= WINDOW_CHUNKS) return false;
        if (frame.chunk >= chunks || frame.bytes.length !== chunkLength(meta.sizeBytes, frame.chunk))
          return false;
        if (!taken.add(frame.chunk)) return false;
        current.received += 1;
        pending += 1;
        receipt.chunk(frame.chunk, data, CHUNK_HEAD_BYTES);
        return true;
      }
      default:
        return false;
    }
  }

  const events = {
    stored(stored: readonly number[]) {
      pending -= stored.length;
      for (const chunk of stored) kept.add(chunk);
      if (run?.answered) {
        run.stored += stored.length;
        report();
        return;
      }
      answer();
      changed();
    },
    complete(received: Blob | null) {
      if (outcome) return;
      file = received;
      run?.session.post({ kind: 'done', handle: run.handle, root: meta.root });
      finish('done');
    },
    failed(failure: StoreProblem) {
      const session = run?.session;
      if (receipt) end(failure, failure);
      if (failure === 'mismatch') session?.blame();
    },
  };

  function bind(session: Session, handle: number, by: BoundBy): void {
    // Seen from there nobody had left.
    if (outcome === 'left') outcome = null;
    if (outcome) {
      if (outcome === 'done') session.post({ kind: 'done', handle, root: meta.root });
      else session.post({ kind: 'stop', handle, reason: 'person' });
      session.forget(handle);
      return;
    }
    if (run && run.session.key !== session.key) {
      const [before] = others.get(session) ?? [];
      if (before !== undefined) session.forget(before);
      others.set(session, [handle, by]);
      // Until then the sender may take it back.
      session.listen(handle, (frame) => {
        others.delete(session);
        session.forget(handle);
        return frame.kind === 'withdraw';
      });
      return;
    }
    if (run) run.session.forget(run.handle);
    peerKey = session.key;
    const current: Run = {
      session,
      handle,
      by,
      answered: false,
      received: 0,
      stored: 0,
      reported: 0,
      page: -1,
      outlined: false,
    };
    run = current;
    pausedThere = false;
    session.listen(handle, (frame, data) => hear(current, frame, data));
    answer();
    changed();
  }

  return {
    meta,
    isPicture: options.isPicture,
    peerKey: () => peerKey,
    state,
    isAccepted: () => receipt !== null || opening,
    isWanted: () => isWanted,
    isUnsaved: () => file !== null && !isSaved,
    bind,
    accept(place) {
      if (outcome || receipt || opening) return;
      opening = true;
      isWanted = !options.isPicture;
      problem = null;
      changed();
      void openAt(place).then((opened) => {
        opening = false;
        if (outcome) {
          if (typeof opened !== 'string') opened.close(false);
          discard();
        } else if (isSuspended && typeof opened !== 'string') {
          opened.close(true);
        } else if (typeof opened === 'string') {
          discard();
          problem = opened === 'mismatch' ? 'storage' : opened;
        } else {
          receipt = opened;
          kept = createChunkSet(chunks, opened.have);
          answer();
        }
        changed();
      });
    },
    withdrawn: (reason) => end(reason, null),
    linkLost(session) {
      others.delete(session);
      if (run?.session !== session) return;
      run = null;
      meter.reset();
      const [next] = others;
      if (next) {
        const [other, [handle, by]] = next;
        others.delete(other);
        bind(other, handle, by);
      }
      changed();
    },
    setPaused(paused) {
      if (outcome || pausedHere === paused) return;
      pausedHere = paused;
      meter.reset();
      if (run?.answered) run.session.post({ kind: 'receiving', handle: run.handle, on: !paused });
      changed();
    },
    end: (reason) => end(reason, reason === 'refused' ? null : 'person'),
    saved() {
      isSaved = true;
    },
    suspend() {
      isSuspended = true;
      if (file === null) receipt?.close(true);
    },
    discard,
    snapshot() {
      const current = state();
      const doneBytes =
        current === 'done' ? meta.sizeBytes : Math.min(meta.sizeBytes, kept.count() * CHUNK_BYTES);
      const rate = current === 'going' && !pausedHere && !pausedThere ? meter.read(doneBytes) : null;
      return {
        id: options.name,
        direction: 'in',
        peerKey,
        name: meta.name,
        type: meta.type,
        sizeBytes: meta.sizeBytes,
        state: current,
        pausedHere,
        pausedThere,
        reason: outcome === 'done' ? null : outcome,
        problem,
        newcomers: [],
        canReopen: false,
        doneBytes,
        bytesPerSecond: rate,
        secondsLeft: rate ? (meta.sizeBytes - doneBytes) / rate : null,
        file,
        isPicture: options.isPicture,
      };
    },
  };
}
