/**
 * One confirmed link as transfers see it: frames out in order, frames in to whom they concern, and what a peer may ask of
 * us. Owns the handles and the limits; knows no file.
 */
import {
  decodeFile,
  encodeFile,
  type FileFrame,
  type ReceiverFrame,
  type SenderFrame,
} from '../../wire/files.ts';
import { createFlowControl, type SendOutcome } from '../channels/flow-control.ts';
import type { LinkPort } from '../channels/link-port.ts';
import { createTokenBucket } from '../token-bucket.ts';

/** Chunks on their way, sent and not stored: with a link that breaks no more than these are sent again, 1008 KiB. */
export const WINDOW_CHUNKS = 16;
/** Transfers to one person that run side by side; those after them wait. Each holds some megabytes. */
const MAX_TURNS = 3;
/** Frames that no honest page sends; a race may look like one. */
const MISDEED_BURST = 20;
const MISDEED_MS = 10_000;
/** Frames but for chunks and their receipts, which others bound: a few for every file. */
const PACE_BURST = 1_024;
const PACE_MS = 10;
const MAX_STRAYS = 64;
/** Frames that wait for a peer who takes none, but for chunks, of which there is one at a time. */
const MAX_WAITING = 1_024;

/** Takes what the receiver says of a file this side offered. False for what makes no sense. */
export type HearReceiver = (frame: ReceiverFrame) => boolean;
/** Takes what the sender says of a file it offered. False for what makes no sense. */
export type HearSender = (frame: SenderFrame, data: ArrayBuffer) => boolean;

export interface Session {
  /** The person. */
  readonly key: string;
  readonly signal: AbortSignal;
  /** Sends when it is the frame's turn. */
  send(frame: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<SendOutcome>;
  post(frame: FileFrame): void;
  /** A handle for a file this side offers. */
  number(hear: HearReceiver): number;
  /** Frames of the peer's handle go to `hear` from here on. */
  listen(handle: number, hear: HearSender): void;
  /** The peer's handle means nothing (any more); what is on its way is overlooked. */
  forget(handle: number): void;
  forgetOwn(handle: number): void;
  /** Resolves when it is this one's turn to send, false when `signal` ended the wait. Then `giveTurn` is owed. */
  takeTurn(signal: AbortSignal): Promise<boolean>;
  giveTurn(): void;
  /** Counts against the peer; past a limit its link is closed. */
  blame(): void;
  refuse(): void;
}

export interface SessionOptions {
  readonly port: LinkPort;
  /** A frame of no handle that is known: `offer`, `seek`, or `recall`. */
  readonly begins: (frame: Extract<SenderFrame, { kind: 'offer' | 'seek' | 'recall' }>) => void;
  readonly refused: () => void;
}

export function createSession({ port, begins, refused }: SessionOptions): {
  readonly session: Session;
  readonly take: (data: ArrayBuffer) => void;
} {
  const flow = createFlowControl({
    channel: port.channels.files,
    signal: port.signal,
    maxMessageBytes: port.maxMessageBytes,
  });
  const receivers = new Map<number, HearReceiver>();
  const senders = new Map<number, HearSender>();
  /** Chunks that may still arrive for handles that ended here. */
  const strays = new Map<number, number>();
  const misdeeds = createTokenBucket(MISDEED_BURST, MISDEED_MS);
  const pace = createTokenBucket(PACE_BURST, PACE_MS);
  const turns = new Set<() => void>();
  let running = 0;
  let nextHandle = 1;
  let over = false;

  const session: Session = {
    key: port.key,
    signal: port.signal,
    send: (frame, signal) => flow.send(frame, signal),
    post(frame) {
      if (flow.waiting() > MAX_WAITING) session.refuse();
      else void flow.send(encodeFile(frame));
    },
    number(hear) {
      receivers.set(nextHandle, hear);
      return nextHandle++;
    },
    listen: (handle, hear) => void senders.set(handle, hear),
    forget(handle) {
      senders.delete(handle);
      strays.set(handle, WINDOW_CHUNKS);
      if (strays.size > MAX_STRAYS) strays.delete(strays.keys().next().value ?? 0);
    },
    forgetOwn: (handle) => void receivers.delete(handle),
    takeTurn(signal) {
      if (signal.aborted) return Promise.resolve(false);
      if (running < MAX_TURNS) {
        running += 1;
        return Promise.resolve(true);
      }
      return new Promise((resolve) => {
        const abort = () => settle(false);
        const go = () => settle(true);
        const settle = (gone: boolean) => {
          turns.delete(go);
          signal.removeEventListener('abort', abort);
          if (gone) running += 1;
          resolve(gone);
        };
        turns.add(go);
        signal.addEventListener('abort', abort, { once: true });
      });
    },
    giveTurn() {
      running -= 1;
      const [next] = turns;
      next?.();
    },
    blame() {
      if (!misdeeds.take()) session.refuse();
    },
    refuse() {
      if (over) return;
      over = true;
      refused();
      port.refuse();
    },
  };

  function hear(frame: FileFrame, data: ArrayBuffer): boolean {
    switch (frame.kind) {
      case 'offer':
      case 'seek':
        if (senders.has(frame.handle)) return false;
        begins(frame);
        return true;
      case 'recall':
        begins(frame);
        return true;
      case 'outline':
      case 'page':
      case 'chunk':
      case 'sending':
      case 'withdraw': {
        const listener = senders.get(frame.handle);
        return listener ? listener(frame, data) : isStray(frame);
      }
      default:
        // A receiver may answer what was withdrawn meanwhile: a handle of ours that ever was is no misdeed.
        return receivers.get(frame.handle)?.(frame) ?? (frame.handle > 0 && frame.handle < nextHandle);
    }
  }

  function isStray(frame: SenderFrame): boolean {
    const left = strays.get(frame.handle);
    if (left === undefined || frame.kind !== 'chunk') return left !== undefined;
    strays.set(frame.handle, left - 1);
    return left > 0;
  }

  return {
    session,
    take(data) {
      if (over || port.signal.aborted) return;
      const frame = decodeFile(data);
      const bounded = frame?.kind === 'chunk' || (frame?.kind === 'stored' && receivers.has(frame.handle));
      if (!bounded && !pace.take()) session.refuse();
      else if (!frame || !hear(frame, data)) session.blame();
    },
  };
}
