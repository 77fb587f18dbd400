/**
 * The pointers over one shared screen: what others point at, and the own mouse, finger or arrow keys while pointing. Loaded
 * when a screen is shared.
 */
import { createEffect, onCleanup, onMount, Show } from 'solid-js';
import type { PointerModel } from '../state/pointer-model.ts';
import { type Point, toContent } from './content-box.ts';
import { createPointerLayer, type PointerLook } from './pointer-layer.ts';
import type { ScreenSurfaceView } from './screen-tile.tsx';
import { nameOr } from './words.ts';

/** One press of an arrow key, as a share of the picture; with Shift. */
const STEP = 0.01;
const LARGE_STEP = 0.05;
/** A finger leaves no trace when it lifts, so its arrow stays for a moment. */
const AFTER_TOUCH_MS = 1_200;

export function lookOf(model: PointerModel): PointerLook {
  return {
    name: (from) => (from === null ? 'You' : nameOr(model.nameOf(from))),
    colour: (from) => `var(--pointer-${model.colourOf(from)})`,
  };
}

export default function PointerOverlay(props: { model: PointerModel; surface: ScreenSurfaceView }) {
  let layer: HTMLDivElement | undefined;
  let root: HTMLDivElement | undefined;
  const closed = () => props.model.isClosed(props.surface.sharer);
  const active = () => props.model.pointing() && !closed();

  onMount(() => {
    if (!layer || !root) return;
    const drawing = createPointerLayer(root, props.surface.box, lookOf(props.model));
    const { sharer, box } = props.surface;
    onCleanup(props.model.watch(sharer, drawing.show));
    onCleanup(drawing.close);
    createEffect(() => {
      box();
      drawing.moved();
    });
    const target = layer;
    createEffect(() => {
      if (!active()) return;
      const gone = new AbortController();
      listen(target, gone.signal, props.surface, props.model);
      onCleanup(() => {
        gone.abort();
        props.model.hide();
      });
    });
  });

  return (
    <div class="pointer-layer" data-active={active() ? '' : undefined} ref={layer}>
      <div class="pointer-drawing" aria-hidden="true" ref={root} />
      <Show when={props.model.pointing() && closed()}>
        <p class="pointer-note">
          {props.surface.sharer === null
            ? 'Pointers are off for your screen'
            : `${nameOr(props.model.nameOf(props.surface.sharer))} has switched pointers off`}
        </p>
      </Show>
    </div>
  );
}

/** Points with whatever this person has, until `signal` aborts. */
function listen(
  layer: HTMLElement,
  signal: AbortSignal,
  surface: ScreenSurfaceView,
  model: PointerModel,
): void {
  const { sharer, box } = surface;
  const tile = layer.closest<HTMLElement>('.tile');
  /** The one that points, while it is down. */
  let held: number | null = null;
  let lifted: ReturnType<typeof setTimeout> | undefined;
  /** Where the keys have moved to, and whether they draw. */
  let keyed: Point | null = null;
  let pen = false;
  signal.addEventListener('abort', () => clearTimeout(lifted));

  const place = (event: PointerEvent): Point => {
    const { left, top } = layer.getBoundingClientRect();
    return toContent({ x: event.clientX - left, y: event.clientY - top }, box());
  };
  const point = (event: PointerEvent, pressed: boolean) => {
    clearTimeout(lifted);
    keyed = null;
    const { x, y } = place(event);
    const inside = x >= 0 && x <= 1 && y >= 0 && y <= 1;
    if (inside || pressed) model.point(sharer, clamp(x), clamp(y), pressed);
    else model.hide();
  };

  layer.addEventListener(
    'pointerdown',
    (event) => {
      // The tile beneath would move the picture.
      event.stopPropagation();
      if (event.button !== 0 || held !== null) return;
      held = event.pointerId;
      layer.setPointerCapture(event.pointerId);
      tile?.focus({ preventScroll: true });
      point(event, true);
    },
    { signal },
  );
  layer.addEventListener(
    'pointermove',
    (event) => {
      if (held === null ? event.pointerType !== 'touch' : held === event.pointerId)
        point(event, held !== null);
    },
    { signal },
  );
  for (const end of ['pointerup', 'pointercancel'] as const)
    layer.addEventListener(
      end,
      (event) => {
        if (held !== event.pointerId) return;
        held = null;
        point(event, false);
        if (event.pointerType !== 'mouse') lifted = setTimeout(() => model.hide(), AFTER_TOUCH_MS);
      },
      { signal },
    );
  layer.addEventListener(
    'pointerleave',
    (event) => {
      if (held === null && event.pointerType === 'mouse') model.hide();
    },
    { signal },
  );
  layer.addEventListener('dblclick', (event) => event.stopPropagation(), { signal });

  tile?.addEventListener(
    'keydown',
    (event) => {
      if (event.target !== tile || event.ctrlKey || event.metaKey || event.altKey) return;
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (way) {
        const step = event.shiftKey ? LARGE_STEP : STEP;
        const from = keyed ?? { x: 0.5, y: 0.5 };
        keyed = { x: clamp(from.x + (way[0] ?? 0) * step), y: clamp(from.y + (way[1] ?? 0) * step) };
      } else if (event.key === 'Enter') {
        keyed ??= { x: 0.5, y: 0.5 };
        pen = !pen;
      } else return;
      // The keys of the tile would move the picture.
      event.stopImmediatePropagation();
      event.preventDefault();
      model.point(sharer, keyed.x, keyed.y, pen);
    },
    { signal, capture: true },
  );
  tile?.addEventListener(
    'blur',
    () => {
      if (keyed) model.hide();
      keyed = null;
      pen = false;
    },
    { signal },
  );
  // Whoever looks elsewhere points at nothing.
  document.addEventListener('visibilitychange', () => document.hidden && model.hide(), { signal });
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
