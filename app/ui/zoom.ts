/**
 * How a viewer looks at one shared screen: the view, and the wheel, fingers and keys that change it. Owns the gestures;
 * knows nothing of what is shown. A view is this viewer's own: nobody else sees it.
 */
import { type Accessor, createMemo, createSignal } from 'solid-js';
import {
  bounded,
  contentBox,
  fitBox,
  MAX_ZOOM,
  type Point,
  panBy,
  type View,
  WHOLE,
  zoomAt,
} from './content-box.ts';
import type { Box } from './grid-layout.ts';

export interface Zoom {
  /** How much larger than whole, 1 to MAX_ZOOM. */
  readonly level: Accessor<number>;
  readonly canZoomIn: Accessor<boolean>;
  /** Where the whole picture lies, in pixels from the tile's top left corner. */
  readonly box: Accessor<Box>;
  /** For a picture that fills the tile, `object-fit: contain`, with its origin at the top left. */
  readonly transform: Accessor<string>;
  zoomIn(): void;
  zoomOut(): void;
  reset(): void;
  /** Listens on the tile's element until `signal` aborts. What lies above the picture may keep events to itself. */
  listen(element: HTMLElement, signal: AbortSignal): void;
}

/** One press of a button or key, and what a double click zooms to. */
const STEP = 1.25;
const CLOSE_UP = 2.5;
/** Pixels of a wheel for a factor of e; a notch is about 100, and a pinch on a touch pad comes as small ones with Ctrl. */
const WHEEL_PX = 400;
const PINCH_WHEEL_PX = 100;
/** A wheel may count in lines. */
const LINE_PX = 33;
/** An arrow key moves by this share of the tile. */
const PAN_SHARE = 0.1;

/** `aspect`: width / height of the picture; `tile`: the tile's size in pixels, 0 until it is known. */
export function createZoom(
  aspect: Accessor<number>,
  tile: Accessor<{ readonly width: number; readonly height: number }>,
): Zoom {
  const [wanted, setWanted] = createSignal<View>(WHOLE);
  // The tile or the picture may have changed its shape since.
  const view = createMemo(() => bounded(wanted(), aspect(), tile()));
  const box = createMemo(() => contentBox(aspect(), tile(), view()));
  const middle = (): Point => ({ x: tile().width / 2, y: tile().height / 2 });
  const zoom = (factor: number, at: Point) => setWanted(zoomAt(view(), factor, at, aspect(), tile()));
  const pan = (by: Point) => setWanted(panBy(view(), by, aspect(), tile()));
  const zoomIn = () => zoom(STEP, middle());
  const zoomOut = () => zoom(1 / STEP, middle());
  const reset = () => setWanted(WHOLE);

  function onKeyDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { x: tile().width * PAN_SHARE, y: tile().height * PAN_SHARE };
    switch (event.key) {
      case '+':
      case '=':
        zoomIn();
        break;
      case '-':
        zoomOut();
        break;
      case '0':
        reset();
        break;
      case 'ArrowLeft':
        pan({ x: step.x, y: 0 });
        break;
      case 'ArrowRight':
        pan({ x: -step.x, y: 0 });
        break;
      case 'ArrowUp':
        pan({ x: 0, y: step.y });
        break;
      case 'ArrowDown':
        pan({ x: 0, y: -step.y });
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  function listen(element: HTMLElement, signal: AbortSignal): void {
    const at = (event: { clientX: number; clientY: number }): Point => {
      const { left, top } = element.getBoundingClientRect();
      return { x: event.clientX - left, y: event.clientY - top };
    };
    const onControl = ({ target }: Event) => target instanceof Element && target.closest('button') !== null;
    /** Fingers or buttons that are down, by pointer. */
    const down = new Map<number, Point>();

    element.addEventListener('keydown', onKeyDown, { signal });
    element.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        const unit = event.deltaMode === 0 ? 1 : LINE_PX;
        if (event.shiftKey || event.deltaX !== 0) {
          pan({ x: -event.deltaX * unit, y: -event.deltaY * unit });
          return;
        }
        zoom(Math.exp((-event.deltaY * unit) / (event.ctrlKey ? PINCH_WHEEL_PX : WHEEL_PX)), at(event));
      },
      { signal, passive: false },
    );
    element.addEventListener(
      'dblclick',
      (event) => {
        if (onControl(event)) return;
        if (view().zoom > 1) reset();
        else zoom(CLOSE_UP, at(event));
      },
      { signal },
    );
    element.addEventListener(
      'pointerdown',
      (event) => {
        if (event.button !== 0 || onControl(event)) return;
        down.set(event.pointerId, at(event));
        element.setPointerCapture(event.pointerId);
      },
      { signal },
    );
    element.addEventListener(
      'pointermove',
      (event) => {
        const before = down.get(event.pointerId);
        if (!before) return;
        const now = at(event);
        const [other] = [...down].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
        down.set(event.pointerId, now);
        if (!other) {
          pan({ x: now.x - before.x, y: now.y - before.y });
          return;
        }
        // Two fingers: each moves the point between them by half of its own way.
        pan({ x: (now.x - before.x) / 2, y: (now.y - before.y) / 2 });
        const apart = (point: Point) => Math.hypot(point.x - other.x, point.y - other.y);
        if (apart(before) > 0)
          zoom(apart(now) / apart(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
      },
      { signal },
    );
    for (const end of ['pointerup', 'pointercancel', 'lostpointercapture'] as const)
      element.addEventListener(end, ({ pointerId }) => void down.delete(pointerId), { signal });
  }

  return {
    level: () => view().zoom,
    canZoomIn: () => view().zoom < MAX_ZOOM,
    box,
    transform() {
      const fit = fitBox(aspect(), tile());
      const { zoom: scale } = view();
      return `translate(${box().x - fit.x * scale}px, ${box().y - fit.y * scale}px) scale(${scale})`;
    },
    zoomIn,
    zoomOut,
    reset,
    listen,
  };
}
