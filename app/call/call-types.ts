/**
 * The engine's face: what `state/` and `app/main.tsx` use of it. Owns no behaviour.
 */
import type { Chat } from './channels/chat.ts';
import type { Pointers } from './channels/pointers.ts';
import type { RaisedHands } from './channels/raised-hands.ts';
import type { Reactions } from './channels/reactions.ts';
import type { Files } from './files/files-types.ts';
import type { LocalMedia } from './media/media-types.ts';
import type { ScreenShare } from './media/screen-types.ts';
import type { PictureOf, ShownSize } from './media/shown-size.ts';
import type { NameWords } from './names.ts';
import type { Observable } from './observable.ts';
import type { CallSnapshot, LinkReport } from './snapshot.ts';

export interface CallOptions {
  /** The 16 bytes of the invitation. */
  readonly secret: Uint8Array<ArrayBuffer>;
  /** Room password, '' for none. */
  readonly password: string;
  readonly words: NameWords;
  readonly name: string;
  /** Only relay candidates are gathered and used. */
  readonly relayOnly: boolean;
  /** Borrowed: the call reads its tracks and never closes it. */
  readonly media: LocalMedia;
}

export interface Call extends Observable<CallSnapshot> {
  /**
   * Resolves when there is time to draw: once the offers to those who are there are handed to the room, while they are being
   * answered. After a tenth of a second in any case. Never rejects.
   */
  readonly underway: Promise<void>;
  /** This person's own screen. Those of the others are in the snapshot. */
  readonly screen: ScreenShare;
  readonly hands: RaisedHands;
  readonly reactions: Reactions;
  readonly files: Files;
  readonly chat: Chat;
  readonly pointers: Pointers;
  /** Loudness of a peer's microphone now, 0 to 1; 0 for an unknown key. Cheap enough for ten times a second. */
  level(peerKey: string): number;
  /** How large a peer's picture is shown: they send it no larger, and not at all while nobody can see it. */
  setShown(peerKey: string, of: PictureOf, size: ShownSize): void;
  /** What the browser measured on the link to a peer; null for an unknown key. */
  report(peerKey: string): Promise<LinkReport | null>;
  /** Tries an unreachable peer, or the server that is away, again at once. */
  retry(): void;
  /** Says goodbye to everybody and releases every socket and link. Idempotent; the phase is `ended` when it returns. */
  leave(): void;
}

/**
 * Everything slow about joining that needs no consent (keys, certificate, identity), started in the lobby so that
 * pressing Join costs no more than the network. Contacts nobody.
 */
export interface PreparedCall {
  join(options: Omit<CallOptions, 'secret' | 'password' | 'words'>): Call;
  discard(): void;
}
