/**
 * How large a picture has to be sent, given how large its receiver shows it. Owns what the receiver said last; knows no
 * sender and no track but its size.
 */

/** In device pixels of the receiver; 0 x 0 while nobody can see the picture. */
export interface ShownSize {
  readonly width: number;
  readonly height: number;
}

export type PictureOf = 'camera' | 'screen';

export interface Fit {
  /** False while nothing need be sent. */
  readonly active: boolean;
  /** Divides width and height (webrtc-pc s5.2, scaleResolutionDownBy). */
  readonly scale: number;
}

/** What the encoder is asked for: few sizes, so that a window being dragged does not restart it at every pixel. */
const STEPS = [1, 1.5, 2, 3, 4, 6, 8];
/** A step to a smaller picture is taken with so much to spare: the size it changes must not undo it. */
const MARGIN = 1.15;
/** Between two changes: whoever says another size with every frame gets no encoder of ours busy. */
const APPLY_MS = 250;

/** The scale for a picture captured at `captured`: never fewer pixels than are shown, however it is cropped to fit. */
export function scaleFor(captured: Partial<ShownSize>, shown: ShownSize, present: number): number {
  const { width, height } = captured;
  if (!width || !height) return 1;
  const ratio = Math.min(width / shown.width, height / shown.height);
  const largest = (limit: number) => STEPS.findLast((step) => step <= limit) ?? 1;
  return ratio < present ? largest(ratio) : Math.max(present, largest(ratio / MARGIN));
}

export interface ShownPicture {
  /** The receiver says how large it shows the picture; `apply` is called soon. */
  shownAt(size: ShownSize): void;
  /** For a picture of this track. Until the receiver said something, all of it. */
  fit(track: MediaStreamTrack | null): Fit;
}

export function createShownPicture(apply: () => void, signal: AbortSignal): ShownPicture {
  let size: ShownSize | null = null;
  let scale = 1;
  let timer: ReturnType<typeof setTimeout> | null = null;
  signal.addEventListener('abort', () => timer !== null && clearTimeout(timer));
  return {
    shownAt(next) {
      size = next;
      if (signal.aborted) return;
      timer ??= setTimeout(() => {
        timer = null;
        apply();
      }, APPLY_MS);
    },
    fit(track) {
      if (!size || !track) return { active: true, scale: 1 };
      if (size.width === 0) return { active: false, scale };
      scale = scaleFor(track.getSettings(), size, scale);
      return { active: true, scale };
    },
  };
}
