/**
 * File transfers as the rest of the client sees them: plain snapshots and commands. Owns shapes, and the cap that people are
 * told of.
 */
import type { StopReason } from '../../wire/files.ts';
import type { Observable } from '../observable.ts';
import type { Place } from './file-store.ts';

export type { Place } from './file-store.ts';

/** What a page without a disk of its own receives into memory, all files together. */
export const MAX_MEMORY_BYTES = 256 * 1024 * 1024;

/**
 * - `preparing`: the sender reads the file, once for all receivers: makes an archive of many, and hashes it.
 * - `offered`: the receiver has not answered.
 * - `going`: accepted, and the link is up.
 * - `waiting`: accepted, and the link is gone. It goes on by itself when the person is back.
 * - `needs-file`: this page was reloaded and must be given the file again, then it goes on.
 * - `done`: the receiver has verified every byte.
 * - `ended`: it will not go on; `reason` says why.
 */
export type TransferState = 'preparing' | 'offered' | 'going' | 'waiting' | 'needs-file' | 'done' | 'ended';

export type EndReason =
  | StopReason
  /** This person ended it; `person` is the other one. */
  | 'here'
  /** The other one left before the offer was answered. */
  | 'left'
  /** Larger than any file may be. Nothing was offered. */
  | 'too-large'
  /** The other one's frames were none that an honest page sends, and the link was closed. */
  | 'refused';

export interface TransferSnapshot {
  /** Names the transfer on this page. */
  readonly id: string;
  readonly direction: 'in' | 'out';
  /** The other person. Empty for a sending that has not found its receiver again. */
  readonly peerKey: string;
  /** Clean, fit for a screen and for any file system. */
  readonly name: string;
  readonly type: string;
  readonly sizeBytes: number;
  readonly state: TransferState;
  readonly pausedHere: boolean;
  readonly pausedThere: boolean;
  /** Set when `ended`. */
  readonly reason: EndReason | null;
  /** Why the last answer of this person had no effect: it could not be accepted, or another file was chosen. */
  readonly problem: 'no-room' | 'no-memory' | 'storage' | 'another-file' | 'unreadable' | null;
  /** Keys of people who are here, came after the one who accepted it left, and have no part of it. For `waiting` ones sent. */
  readonly newcomers: readonly string[];
  /** Set when `needs-file` and the browser may have the file again by itself. */
  readonly canReopen: boolean;
  /** While preparing the share of it that is done, then what the receiver has verified. */
  readonly doneBytes: number;
  readonly bytesPerSecond: number | null;
  readonly secondsLeft: number | null;
  /** What was received, when done and not written to a picked file already. */
  readonly file: Blob | null;
  /** Taken without a question, to be shown at once. */
  readonly isPicture: boolean;
}

/** Something to send. `path` is its name, or where it lies in a folder, with forward slashes. */
export interface Sendable {
  readonly file: File;
  readonly path: string;
  /** With it the file can be had again after a reload. */
  readonly handle?: FileSystemFileHandle | null;
}

/** Commands for transfers that are over, or unknown, have no effect. */
export interface Files extends Observable<readonly TransferSnapshot[]> {
  /**
   * Offers to the people of these keys; whoever has no link just now is offered it over the next one. Many files, and
   * folders, go as one archive. False when the code for it could not be fetched, and nothing is offered.
   */
  send(items: readonly Sendable[], to: readonly string[]): Promise<boolean>;
  /** Takes back a `waiting` one, and offers the file to one of its `newcomers` instead. */
  offerInstead(id: string, to: string): void;
  accept(id: string, place: Place): void;
  decline(id: string): void;
  setPaused(id: string, paused: boolean): void;
  cancel(id: string): void;
  /** The browser was given what was received, to be saved where the person wants it. */
  saved(id: string): void;
  /** Forgets a transfer that is over, and what was received with it. */
  dismiss(id: string): void;
  /** Forgets what was received and not saved. For the end of the screen after the call. */
  release(): void;
  /** Gives the file of a `needs-file` again; without one the browser is asked for it, which needs a person's gesture. */
  provide(id: string, file: File | null): void;
}
