/**
 * One file on its way to one person, over as many links as it takes. Owns what was sent and stored; knows no screen.
 */

import { compareBytes } from '../../crypto/bytes.ts';
import {
  CHUNK_BYTES,
  CHUNK_HEAD_BYTES,
  chunkCount,
  chunkLength,
  encodeChunk,
  encodeFile,
  PAGE_CHUNKS,
  type StopReason,
} from '../../wire/files.ts';
import { type ChunkSet, createChunkSet } from './chunk-set.ts';
import { BLOCK_BYTES, pageOf } from './file-hash.ts';
import type { Prepared } from './file-store.ts';
import type { EndReason, TransferSnapshot, TransferState } from './files-types.ts';
import { createMeter } from './meter.ts';
import { type Session, WINDOW_CHUNKS } from './session.ts';

/** A file and what is known of it, shared by all who receive it. */
export interface Source {
  readonly id: Uint8Array<ArrayBuffer>;
  readonly idText: string;
  readonly name: string;
  readonly type: string;
  /** Of an archive, until it is made: that of its files. */
  sizeBytes: number;
  /** Null while an archive is made, and after a reload, until it is given again. */
  file: Blob | null;
  /** Where the browser may have it again after a reload. */
  handle: FileSystemFileHandle | null;
  /** Root of what was accepted from an earlier page; null for what is sent by this page. */
  readonly expected: Uint8Array<ArrayBuffer> | null;
  /** Null while it is read. */
  prepared: Prepared | null;
  /** The share of `sizeBytes` that is read. */
  preparedBytes: number;
  /** Keys of those linked now who were asked for what was accepted before, and have no part of it. */
  readonly newcomers: Set<string>;
  /** Aborts when nobody is to receive it any more, or the call ends. */
  readonly life: AbortController;
}

export interface Outgoing {
  readonly source: Source;
  peerKey(): string;
  state(): TransferState;
  /** Whether its receiver may see it on a screen and cannot be told anything now. */
  isOutOfReach(): boolean;
  isOfferedOn(session: Session): boolean;
  /** It was offered on this link, under this handle. */
  offered(session: Session, handle: number): void;
  /** The receiver answered on this link: it has `have` and wants the rest. Ends what an earlier answer began. */
  begin(session: Session, handle: number, have: ChunkSet): void;
  /** False for a count that cannot be. */
  stored(count: number): boolean;
  receiving(on: boolean): void;
  stopped(reason: StopReason): void;
  /** False for another root than that of the file. */
  verified(root: Uint8Array): boolean;
  linkLost(session: Session): void;
  setPaused(paused: boolean): void;
  end(reason: EndReason): void;
  setProblem(problem: TransferSnapshot['problem']): void;
  snapshot(): TransferSnapshot;
}

interface Run {
  readonly session: Session;
  readonly handle: number;
  readonly have: ChunkSet;
  readonly controller: AbortController;
  readonly had: number;
  sent: number;
  stored: number;
  wake: () => void;
}

export interface OutgoingOptions {
  /** Names it on this page. */
  readonly name: string;
  readonly source: Source;
  /** Empty when the receiver is still to be found. */
  readonly peerKey: string;
  /** Whether it was accepted by an earlier page. */
  readonly accepted: boolean;
  readonly changed: () => void;
  /** It is done or ended. */
  readonly over: () => void;
}

export function createOutgoing({ source, changed, ...options }: OutgoingOptions): Outgoing {
  const meter = createMeter();
  let { peerKey, accepted } = options;
  let outcome: 'done' | EndReason | null = null;
  let run: Run | null = null;
  /** Where the receiver knows it, answered or not. */
  let known: Pick<Run, 'session' | 'handle'> | null = null;
  let wasOffered = options.accepted;
  let pausedHere = false;
  let pausedThere = false;
  let problem: TransferSnapshot['problem'] = null;
  let doneBytes = 0;

  function state(): TransferState {
    if (outcome) return outcome === 'done' ? 'done' : 'ended';
    if (!source.file && source.expected) return 'needs-file';
    if (!source.prepared) return 'preparing';
    if (!accepted) return 'offered';
    return run ? 'going' : 'waiting';
  }

  function knownBy(session: Session, handle: number): void {
    if (known && (known.session !== session || known.handle !== handle))
      known.session.forgetOwn(known.handle);
    known = { session, handle };
    wasOffered = true;
  }

  function stop(): void {
    run?.controller.abort();
    run?.wake();
    run = null;
    meter.reset();
  }

  function finish(how: 'done' | EndReason): void {
    if (outcome) return;
    outcome = how;
    known?.session.forgetOwn(known.handle);
    stop();
    options.over();
    changed();
  }

  function end(reason: EndReason): void {
    if (outcome) return;
    if (reason !== 'refused' && known)
      known.session.post({
        kind: 'withdraw',
        handle: known.handle,
        reason: reason === 'here' ? 'person' : 'unreadable',
      });
    finish(reason);
  }

  const mayGo = (current: Run) =>
    !pausedHere && !pausedThere && current.sent - current.stored < WINDOW_CHUNKS;

  async function waitToGo(current: Run): Promise<void> {
    const { signal } = current.controller;
    if (!pausedHere && !pausedThere) {
      await new Promise<void>((resolve) => {
        current.wake = resolve;
      });
      return;
    }
    // Who pauses lets others go before.
    current.session.giveTurn();
    while (!signal.aborted && (pausedHere || pausedThere))
      await new Promise<void>((resolve) => {
        current.wake = resolve;
      });
    if (!(await current.session.takeTurn(signal))) throw new DOMException('ended', 'AbortError');
  }

  async function pump(current: Run, file: Blob, prepared: Prepared): Promise<void> {
    const { session, handle, have, controller } = current;
    const { signal } = controller;
    const chunks = chunkCount(source.sizeBytes);
    let page = -1;
    if (!(await session.takeTurn(signal))) return;
    let owed = true;
    const read = createReader(file);
    // One frame is on its way to the channel at a time, which copies it.
    const buffer = new ArrayBuffer(CHUNK_HEAD_BYTES + CHUNK_BYTES);
    try {
      await session.send(encodeFile({ kind: 'outline', handle, hashes: prepared.outline }), signal);
      for (let chunk = 0; chunk < chunks && !signal.aborted; chunk += 1) {
        if (have.has(chunk)) continue;
        const content = await read(chunk);
        while (!mayGo(current) && !signal.aborted) {
          owed = false;
          await waitToGo(current);
          owed = true;
        }
        const chunkPage = Math.floor(chunk / PAGE_CHUNKS);
        if (chunkPage !== page) {
          page = chunkPage;
          const hashes = pageOf(prepared.chunkHashes, page).slice();
          await session.send(encodeFile({ kind: 'page', handle, page, hashes }), signal);
        }
        // A file that shrank is one that cannot be read; not every browser says so (File API s6, NotReadableError).
        if (content.length !== chunkLength(source.sizeBytes, chunk))
          throw new DOMException('the file is shorter', 'NotReadableError');
        const outcome = await session.send(encodeChunk(handle, chunk, content, buffer), signal);
        // Every browser takes 64 KiB.
        if (outcome === 'too-large') session.refuse();
        if (outcome !== 'sent') return;
        current.sent += 1;
      }
    } catch (error) {
      if (signal.aborted) return;
      end('unreadable');
      if (!(error instanceof DOMException)) throw error;
    } finally {
      if (owed) session.giveTurn();
    }
  }

  return {
    source,
    peerKey: () => peerKey,
    state,
    isOutOfReach: () => wasOffered && !known && peerKey !== '' && !outcome,
    isOfferedOn: (session) => known?.session === session,
    offered: knownBy,
    begin(session, handle, have) {
      const { file, prepared } = source;
      if (outcome || !file || !prepared) return;
      stop();
      accepted = true;
      pausedThere = false;
      peerKey = session.key;
      doneBytes = Math.min(source.sizeBytes, have.count() * CHUNK_BYTES);
      run = {
        session,
        handle,
        have,
        controller: new AbortController(),
        had: have.count(),
        sent: 0,
        stored: 0,
        wake: () => {},
      };
      knownBy(session, handle);
      if (pausedHere) session.post({ kind: 'sending', handle, on: false });
      pump(run, file, prepared).catch(reportError);
      changed();
    },
    stored(count) {
      if (!run || count <= run.stored || count > run.sent) return run === null;
      run.stored = count;
      doneBytes = Math.min(source.sizeBytes, (run.had + count) * CHUNK_BYTES);
      run.wake();
      return true;
    },
    receiving(on) {
      pausedThere = !on;
      meter.reset();
      run?.wake();
      changed();
    },
    stopped: finish,
    verified(root) {
      if (!source.prepared || compareBytes(root, source.prepared.root) !== 0) return false;
      doneBytes = source.sizeBytes;
      finish('done');
      return true;
    },
    linkLost(session) {
      if (known?.session === session) known = null;
      if (run?.session !== session) return;
      stop();
      changed();
    },
    setPaused(paused) {
      if (outcome || pausedHere === paused) return;
      pausedHere = paused;
      meter.reset();
      if (run) {
        run.session.post({ kind: 'sending', handle: run.handle, on: !paused });
        run.wake();
      }
      changed();
    },
    end,
    setProblem(next) {
      problem = next;
      changed();
    },
    snapshot() {
      const current = state();
      const rate = current === 'going' && !pausedHere && !pausedThere ? meter.read(doneBytes) : null;
      return {
        id: options.name,
        direction: 'out',
        peerKey,
        name: source.name,
        type: source.type,
        sizeBytes: source.sizeBytes,
        state: current,
        pausedHere,
        pausedThere,
        reason: outcome === 'done' ? null : outcome,
        problem,
        newcomers: current === 'waiting' ? [...source.newcomers] : [],
        canReopen: current === 'needs-file' && source.handle !== null,
        doneBytes: current === 'preparing' ? source.preparedBytes : doneBytes,
        bytesPerSecond: rate,
        secondsLeft: rate ? (source.sizeBytes - doneBytes) / rate : null,
        file: null,
        isPicture: false,
      };
    },
  };
}

/** Reads a megabyte at a time and the next one ahead; chunks are asked for in order. Rejects when the file cannot be read. */
function createReader(file: Blob): (chunk: number) => Promise<Uint8Array> {
  const perBlock = BLOCK_BYTES / CHUNK_BYTES;
  const load = (block: number) => {
    const bytes = file.slice(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES).arrayBuffer();
    // Whoever waits for it hears of the failure.
    bytes.catch(() => undefined);
    return bytes;
  };
  let at = -1;
  let current = load(0);
  let next = current;
  return async (chunk) => {
    const block = Math.floor(chunk / perBlock);
    if (block !== at) {
      current = block === at + 1 ? next : load(block);
      next = load(block + 1);
      at = block;
    }
    const from = (chunk % perBlock) * CHUNK_BYTES;
    const bytes = new Uint8Array(await current);
    return bytes.subarray(from, from + CHUNK_BYTES);
  };
}

/** Whether nothing was stored yet at the other side. */
export function emptySet(source: Source): ChunkSet {
  return createChunkSet(chunkCount(source.sizeBytes));
}
