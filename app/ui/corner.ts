/**
 * Where the small self view sits: one of the stage's four corners, chosen by dragging it there or with the arrow keys. Owns
 * the corner and the gesture; knows nothing of what is in the view.
 */
import { type Accessor, createSignal } from 'solid-js';
import type { Box } from './grid-layout.ts';

interface Corner {
  readonly right: boolean;
  readonly bottom: boolean;
}

export interface CornerView {
  /**
   * The view's place on a stage of `width` by `height` pixels, for a picture of this width / height, over tiles of which the
   * narrowest is `tileWidth` wide.
   */
  box(width: number, height: number, aspect: number, tileWidth: number): Box;
  readonly dragged: Accessor<boolean>;
  /** Handlers for the view's element, whose offset parent is the stage. */
  onPointerDown(event: PointerEvent & { currentTarget: HTMLElement }): void;
  onKeyDown(event: KeyboardEvent): void;
}

/** The longer side as a share of the stage's longer side, and its bounds in pixels. */
const SHARE = 0.2;
const MIN_PX = 112;
const MAX_PX = 256;
/** At most so much of a tile's width: whoever is below it is still to be seen. */
const SHARE_OF_TILE = 0.5;
const MARGIN_PX = 12;

export function createCornerView(): CornerView {
  const [corner, setCorner] = createSignal<Corner>({ right: true, bottom: true });
  const [offset, setOffset] = createSignal<{ readonly x: number; readonly y: number } | null>(null);

  return {
    dragged: () => offset() !== null,
    box(width, height, aspect, tileWidth) {
      const wanted = Math.min(SHARE * Math.max(width, height), SHARE_OF_TILE * tileWidth);
      const side = Math.min(MAX_PX, Math.max(MIN_PX, wanted), width, height);
      const size =
        aspect >= 1 ? { width: side, height: side / aspect } : { width: side * aspect, height: side };
      const { right, bottom } = corner();
      const { x, y } = offset() ?? { x: 0, y: 0 };
      return {
        x: (right ? width - size.width - MARGIN_PX : MARGIN_PX) + x,
        y: (bottom ? height - size.height - MARGIN_PX : MARGIN_PX) + y,
        ...size,
      };
    },
    onPointerDown(event) {
      const element = event.currentTarget;
      const stage = element.offsetParent;
      if (event.button !== 0 || !stage) return;
      const from = { x: event.clientX, y: event.clientY };
      const gesture = new AbortController();
      const { signal } = gesture;
      element.setPointerCapture(event.pointerId);
      const move = (moved: PointerEvent) =>
        setOffset({ x: moved.clientX - from.x, y: moved.clientY - from.y });
      const drop = () => {
        gesture.abort();
        const view = element.getBoundingClientRect();
        const room = stage.getBoundingClientRect();
        setOffset(null);
        setCorner({
          right: view.left + view.width / 2 > room.left + room.width / 2,
          bottom: view.top + view.height / 2 > room.top + room.height / 2,
        });
      };
      element.addEventListener('pointermove', move, { signal });
      element.addEventListener('pointerup', drop, { signal });
      element.addEventListener('pointercancel', drop, { signal });
    },
    onKeyDown(event) {
      switch (event.key) {
        case 'ArrowLeft':
        case 'ArrowRight':
          setCorner((old) => ({ ...old, right: event.key === 'ArrowRight' }));
          break;
        case 'ArrowUp':
        case 'ArrowDown':
          setCorner((old) => ({ ...old, bottom: event.key === 'ArrowDown' }));
          break;
        default:
          return;
      }
      event.preventDefault();
    },
  };
}
