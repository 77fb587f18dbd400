/** All tiles, laid out; the speaking ring; the button for a browser that will not play sound unasked. */
import { createMemo, createSignal, For, onCleanup, onMount, Show } from 'solid-js';
import type { CallModel } from '../state/app-model.ts';
import { createCornerView } from './corner.ts';
import { layoutGrid } from './grid-layout.ts';
import { PeerTile, SelfTile, type TileSlot } from './tile.tsx';

const SPEAKING_CHECK_MS = 120;
const SPEAKING_LEVEL = 0.06;
/** A pause between words does not end a ring. */
const SPEAKING_HOLD_MS = 500;
const GAP_PX = 8;
const SELF = 'self';
/** Beyond these a picture is cropped rather than given a sliver. */
const MIN_ASPECT = 9 / 16;
const MAX_ASPECT = 2;

/**
 * The others share the stage; the own picture is small and in a corner, and fills the stage only while there is nobody else
 * to look at.
 */
export function Stage(props: { model: CallModel; alone: boolean }) {
  const corner = createCornerView();
  const [size, setSize] = createSignal({ width: 0, height: 0 });
  const [aspects, setAspects] = createSignal<ReadonlyMap<string, number>>(new Map());
  const [blocked, setBlocked] = createSignal<readonly (() => void)[]>([]);
  const elements = new Map<string, HTMLElement>();
  let stage: HTMLDivElement | undefined;

  const keys = createMemo(() => (props.alone ? [SELF] : props.model.tiles().map((peer) => peer.key)));
  const boxes = createMemo(() => {
    const { width, height } = size();
    const shown = keys().map((key) => bounded(aspects().get(key)));
    // Who shows no picture has a tile like the others'.
    const usual = shown.filter((aspect) => aspect !== undefined).sort((a, b) => a - b);
    const fallback = usual[usual.length >> 1] ?? (width < height ? 3 / 4 : 16 / 9);
    const ratios = shown.map((aspect) => aspect ?? fallback);
    const laid = layoutGrid(ratios, width, height, GAP_PX);
    const placed = new Map(keys().map((key, index) => [key, laid[index]]));
    if (!props.alone) placed.set(SELF, corner.box(width, height, bounded(aspects().get(SELF)) ?? fallback));
    return placed;
  });

  const slot = (key: string): TileSlot => ({
    box: () => boxes().get(key),
    onAspect(aspect) {
      setAspects((old) => {
        if ((old.get(key) ?? null) === aspect) return old;
        const next = new Map(old);
        if (aspect === null) next.delete(key);
        else next.set(key, aspect);
        return next;
      });
    },
    onElement(element) {
      if (element) elements.set(key, element);
      else elements.delete(key);
    },
  });

  onMount(() => {
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    if (stage) observer.observe(stage);
    const lastHeard = new Map<string, number>();
    const timer = setInterval(() => {
      const now = performance.now();
      for (const [key, element] of elements) {
        const level = key === SELF ? ownLevel(props.model) : props.model.level(key);
        if (level >= SPEAKING_LEVEL) lastHeard.set(key, now);
        element.toggleAttribute('data-speaking', now - (lastHeard.get(key) ?? -Infinity) < SPEAKING_HOLD_MS);
      }
    }, SPEAKING_CHECK_MS);
    onCleanup(() => {
      observer.disconnect();
      clearInterval(timer);
    });
  });

  return (
    <div class="stage" ref={stage}>
      <For each={props.model.tiles()}>
        {(peer) => (
          <PeerTile
            peer={peer}
            speakerId={props.model.media.selected('speaker')}
            slot={slot(peer.key)}
            onBlocked={(play) => setBlocked((list) => [...list, play])}
          />
        )}
      </For>
      <SelfTile
        media={props.model.media}
        name={props.model.name}
        slot={slot(SELF)}
        corner={props.alone ? null : corner}
      />
      <Show when={blocked().length > 0}>
        <button
          type="button"
          class="primary large tap-to-hear"
          onClick={() => {
            const waiting = blocked();
            setBlocked([]);
            for (const play of waiting) play();
          }}
        >
          Tap to hear
        </button>
      </Show>
    </div>
  );
}

function bounded(aspect: number | undefined): number | undefined {
  return aspect && Math.min(MAX_ASPECT, Math.max(MIN_ASPECT, aspect));
}

/** A muted microphone may still be heard by its own meter, but a ring would say that the others hear it. */
function ownLevel(model: CallModel): number {
  return model.media.source('microphone').status === 'on' ? model.media.level() : 0;
}
