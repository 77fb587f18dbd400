/**
 * This person's own screen as signals. Owns the adaptation; must not touch a track.
 */
import { type Accessor, createMemo, createSignal, onCleanup } from 'solid-js';
import type {
  OwnScreen,
  ScreenMode,
  ScreenProblem,
  ScreenShare,
  ScreenSurface,
} from '../call/media/screen-types.ts';

export type { ScreenMode, ScreenProblem, ScreenSurface } from '../call/media/screen-types.ts';

/** What of a running share there is to say. */
export interface SharingView {
  readonly surface: ScreenSurface;
  readonly ownTab: boolean;
  readonly held: boolean;
  readonly sound: boolean;
  readonly mode: ScreenMode;
}

export interface ScreenModel {
  readonly state: Accessor<OwnScreen['state']>;
  readonly problem: Accessor<ScreenProblem | null>;
  readonly sharing: Accessor<SharingView | null>;
  /** The picture that is shared, without sound; a new object for every share. */
  readonly preview: Accessor<MediaStream | null>;
  /** Starts, or ends what runs; while the browser asks, its question is the one to answer. */
  toggle(): void;
  stop(): void;
  setMode(mode: ScreenMode): void;
  dismiss(): void;
}

/** Needs a Solid owner; does not own `share`. */
export function createScreenModel(share: ScreenShare): ScreenModel {
  const [own, setOwn] = createSignal(share.snapshot());
  onCleanup(share.subscribe(() => setOwn(share.snapshot())));
  const track = createMemo(() => {
    const now = own();
    return now.state === 'sharing' ? now.tracks.video : null;
  });
  return {
    state: createMemo(() => own().state),
    problem: createMemo(() => {
      const now = own();
      return now.state === 'off' ? now.problem : null;
    }),
    sharing() {
      const now = own();
      if (now.state !== 'sharing') return null;
      const { surface, ownTab, held, tracks } = now;
      return { surface, ownTab, held, sound: tracks.audio !== null, mode: tracks.mode };
    },
    preview: createMemo(() => {
      const video = track();
      return video ? new MediaStream([video]) : null;
    }),
    toggle() {
      const { state } = share.snapshot();
      if (state === 'off') share.start();
      else if (state === 'sharing') share.stop();
    },
    stop: () => share.stop(),
    setMode: (mode) => share.setMode(mode),
    dismiss: () => share.dismiss(),
  };
}
