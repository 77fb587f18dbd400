/** How large a tile's picture is to be seen, told whenever that changes. Owns the looking; knows no peer. */
import { type Accessor, createEffect, createMemo, createSignal, onCleanup } from 'solid-js';
import type { ShownSize } from '../state/call-model.ts';

/** A window that is dragged or a layout that moves says its size once it has one. */
const SETTLED_MS = 250;
/** Whoever looks elsewhere for a moment finds the picture going. */
const AWAY_MS = 3_000;
const MAX_PX = 0xffff;
const UNSEEN: ShownSize = { width: 0, height: 0 };

/**
 * In device pixels; 0 x 0 while nobody can see it: the page is hidden, the tile out of sight, and the picture in no window of
 * its own. Needs a Solid owner.
 */
export function tellShown(
  tile: HTMLElement,
  tell: (size: ShownSize) => void,
  zoom: Accessor<number> = () => 1,
): void {
  const [box, setBox] = createSignal(UNSEEN);
  /** Null until the browser has looked for the first time: till then only a hidden page is told of. */
  const [isInView, setInView] = createSignal<boolean | null>(null);
  const [isHidden, setHidden] = createSignal(document.hidden);
  /** In the small window into which browsers take any picture (Picture-in-Picture s4). */
  const [isFloating, setFloating] = createSignal(false);
  const gone = new AbortController();
  const { signal } = gone;
  // In the same frame it comes before what is in view (HTML s8.1.7.3).
  const sizes = new ResizeObserver(([entry]) => entry && setBox(entry.contentRect));
  const views = new IntersectionObserver((entries) => setInView(entries.at(-1)?.isIntersecting === true));
  sizes.observe(tile);
  views.observe(tile);
  document.addEventListener('visibilitychange', () => setHidden(document.hidden), { signal });
  tile.addEventListener('enterpictureinpicture', () => setFloating(true), { signal });
  tile.addEventListener('leavepictureinpicture', () => setFloating(false), { signal });

  const pixels = (length: number) =>
    isFloating() ? MAX_PX : Math.min(MAX_PX, Math.ceil(length * zoom() * devicePixelRatio));
  const size = createMemo(
    (): ShownSize | null => {
      const { width, height } = box();
      if (!isFloating()) {
        if (isHidden()) return UNSEEN;
        if (isInView() === null) return null;
        if (!isInView() || width === 0 || height === 0) return UNSEEN;
      }
      return { width: pixels(width), height: pixels(height) };
    },
    undefined,
    { equals: (a, b) => a?.width === b?.width && a?.height === b?.height },
  );
  createEffect(() => {
    const next = size();
    if (next === null) return;
    const timer = setTimeout(() => tell(next), next.width > 0 ? SETTLED_MS : AWAY_MS);
    onCleanup(() => clearTimeout(timer));
  });
  onCleanup(() => {
    gone.abort();
    sizes.disconnect();
    views.disconnect();
  });
}
