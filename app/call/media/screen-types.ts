/**
 * The shapes of sharing a screen: what this person shares, or why they cannot, and what a peer says of theirs. Owns no
 * behaviour.
 */
import type { Observable } from '../observable.ts';

/** What the picture is sent for: letters that can be read, or movement that does not stutter. */
export type ScreenMode = 'text' | 'motion';

/** What was chosen (W3C screen-capture s5.3, displaySurface); `unknown` where the browser does not say. */
export type ScreenSurface = 'monitor' | 'window' | 'browser' | 'unknown';

/**
 * Why nothing is shared although it was asked for. `unsupported`: the browser offers no screen to pages, as on phones;
 * `insecure`: the page is not a secure context; `refused`: the person or a policy said no, or closed the choice;
 * `system`: the operating system withholds the screen; `nothing`: there is no screen to be had; `failed`: anything else.
 */
export type ScreenProblem = 'unsupported' | 'insecure' | 'refused' | 'system' | 'nothing' | 'failed';

/** Live tracks to send. Owned by the source: nobody else stops them. A new object for every change of what is sent. */
export interface ScreenTracks {
  readonly video: MediaStreamTrack;
  /** Null where no sound was chosen, or none was to be had. */
  readonly audio: MediaStreamTrack | null;
  readonly mode: ScreenMode;
}

/**
 * This person's own screen.
 * - `off`: nothing is shared; `problem` says why when it was asked for in vain, until the next try.
 * - `choosing`: the browser asks what to share.
 * - `sharing`: tracks are live.
 */
export type OwnScreen =
  | { readonly state: 'off'; readonly problem: ScreenProblem | null }
  | { readonly state: 'choosing' }
  | {
      readonly state: 'sharing';
      readonly tracks: ScreenTracks;
      readonly surface: ScreenSurface;
      /** It is the tab of this very call: who watches sees it within itself, without end. */
      readonly ownTab: boolean;
      /** The browser or the system holds the picture back for now; viewers see the last one. */
      readonly held: boolean;
    };

export interface ScreenSource extends Observable<OwnScreen> {
  /** Has the browser ask what to share. Must be called while handling a person's own action, such as a click. */
  start(): void;
  /** Ends the share, or drops the answer of a choice still open. */
  stop(): void;
  setMode(mode: ScreenMode): void;
  /** Forgets the problem of `off`. */
  dismiss(): void;
  /** Stops every track. Idempotent. */
  close(): void;
}

/** What the call offers of sharing; the call owns the source and closes it at its end. */
export type ScreenShare = Omit<ScreenSource, 'close'>;

/** What a peer says of the screen they share. Its media may come a moment before or after. */
export interface PeerScreen {
  readonly sound: boolean;
  readonly held: boolean;
}
