/** All tiles, laid out; the speaking ring; the button for a browser that will not play sound unasked. */
import { createMemo, createSignal, For, onCleanup, onMount, Show } from 'solid-js';
import type { CallModel } from '../state/app-model.ts';
import { createCornerView } from './corner.ts';
import { Gestures } from './gestures.tsx';
import { type Box, layoutGrid } from './grid-layout.ts';
import { OwnScreenTile, PeerScreenTile, type ScreenOverlay } from './screen-tile.tsx';
import { layoutSpotlight } from './spotlight-layout.ts';
import { PeerTile, type PinState, SelfTile, type TileSlot } from './tile.tsx';
import { nameOr } from './words.ts';

const SPEAKING_CHECK_MS = 120;
const SPEAKING_LEVEL = 0.06;
/** A pause between words does not end a ring. */
const SPEAKING_HOLD_MS = 500;
const GAP_PX = 8;
const SELF = 'self';
const OWN_SCREEN = 'own-screen';
const screenOf = (peerKey: string) => `screen ${peerKey}`;
/** Beyond these a picture is cropped rather than given a sliver. */
const MIN_ASPECT = 9 / 16;
const MAX_ASPECT = 2;
/** Small pictures are of one shape: a strip of different ones has ragged edges, and slivers. */
const STRIP_ASPECT = 4 / 3;
/** A screen is never cropped; beyond these it has bars. */
const MIN_SCREEN_ASPECT = 1 / 4;
const MAX_SCREEN_ASPECT = 4;

/**
 * The others share the stage; the own picture is small and in a corner, and fills the stage only while there is nobody else
 * to look at. When somebody shares a screen, or a tile is pinned, that is large and everything else a strip beside it.
 */
export function Stage(props: { model: CallModel; alone: boolean; overlay?: ScreenOverlay }) {
  const corner = createCornerView();
  const [size, setSize] = createSignal({ width: 0, height: 0 });
  const [aspects, setAspects] = createSignal<ReadonlyMap<string, number>>(new Map());
  const [blocked, setBlocked] = createSignal<readonly (() => void)[]>([]);
  const elements = new Map<string, HTMLElement>();
  let stage: HTMLDivElement | undefined;

  const [pinned, setPinned] = createSignal<string | null>(null);
  const people = createMemo(() => (props.alone ? [SELF] : props.model.tiles().map((peer) => peer.key)));
  const sharers = createMemo(() => props.model.tiles().filter((peer) => peer.screen !== null));
  const screens = createMemo(() => sharers().map((peer) => screenOf(peer.key)));
  const keys = createMemo(() => [
    ...screens(),
    ...people(),
    ...(props.model.screen.state() === 'sharing' ? [OWN_SCREEN] : []),
    ...(props.alone ? [] : [SELF]),
  ]);
  /** What is shown large while not everything is; null while it is. */
  const featured = createMemo(() => {
    const chosen = pinned();
    if (chosen !== null && keys().includes(chosen)) return [chosen];
    if (screens().length > 0) return screens();
    if (!keys().includes(OWN_SCREEN)) return null;
    // Whoever shares wants to see those they talk to.
    return props.alone ? [OWN_SCREEN] : people();
  });
  const boxes = createMemo((): ReadonlyMap<string, Box | undefined> => {
    const { width, height } = size();
    const shown = people().map((key) => bounded(aspects().get(key)));
    // Who shows no picture has a tile like the others'.
    const usual = shown.filter((aspect) => aspect !== undefined).sort((a, b) => a - b);
    const fallback = usual[usual.length >> 1] ?? (width < height ? 3 / 4 : 16 / 9);
    const isScreen = (key: string) => key === OWN_SCREEN || screens().includes(key);
    const ratio = (key: string) =>
      isScreen(key)
        ? clamp(aspects().get(key) ?? 16 / 9, MIN_SCREEN_ASPECT, MAX_SCREEN_ASPECT)
        : (bounded(aspects().get(key)) ?? fallback);
    const smallRatio = (key: string) => (isScreen(key) ? ratio(key) : STRIP_ASPECT);
    const large = featured();
    if (large) {
      const small = keys().filter((key) => !large.includes(key));
      const laid = layoutSpotlight(large.map(ratio), small.map(smallRatio), width, height, GAP_PX);
      return new Map([
        ...large.map((key, index) => [key, laid.featured[index]] as const),
        ...small.map((key, index) => [key, laid.strip[index]] as const),
      ]);
    }
    const laid = layoutGrid(people().map(ratio), width, height, GAP_PX);
    const placed = new Map(people().map((key, index) => [key, laid[index]]));
    const narrowest = Math.min(...laid.map((box) => box.width));
    if (!props.alone) placed.set(SELF, corner.box(width, height, ratio(SELF), narrowest));
    return placed;
  });

  const pinOf = (key: string, label: string): PinState => ({
    label,
    pinned: () => (keys().length < 2 ? null : pinned() === key),
    toggle: () => setPinned((old) => (old === key ? null : key)),
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

  const onBlocked = (play: () => void) => setBlocked((list) => [...list, play]);

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
      <For each={sharers()}>
        {(peer) => (
          <PeerScreenTile
            peer={peer}
            speakerId={props.model.media.selected('speaker')}
            slot={slot(screenOf(peer.key))}
            pin={pinOf(screenOf(peer.key), `${nameOr(peer.name)}'s screen`)}
            overlay={props.overlay}
            onShown={(size) => props.model.setShown(peer.key, 'screen', size)}
            onBlocked={onBlocked}
          />
        )}
      </For>
      <For each={props.model.tiles()}>
        {(peer) => (
          <PeerTile
            peer={peer}
            speakerId={props.model.media.selected('speaker')}
            slot={slot(peer.key)}
            pin={pinOf(peer.key, nameOr(peer.name))}
            report={() => props.model.report(peer.key)}
            onShown={(size) => props.model.setShown(peer.key, 'camera', size)}
            onBlocked={onBlocked}
          >
            <Gestures model={props.model.gestures} of={peer.key} />
          </PeerTile>
        )}
      </For>
      <Show when={props.model.screen.state() === 'sharing'}>
        <OwnScreenTile
          screen={props.model.screen}
          slot={slot(OWN_SCREEN)}
          pin={pinOf(OWN_SCREEN, 'your screen')}
          overlay={props.overlay}
        />
      </Show>
      <SelfTile
        media={props.model.media}
        name={props.model.name}
        slot={slot(SELF)}
        pin={pinOf(SELF, 'yourself')}
        corner={props.alone || featured() ? null : corner}
      >
        <Gestures model={props.model.gestures} of={null} />
      </SelfTile>
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
  return aspect && clamp(aspect, MIN_ASPECT, MAX_ASPECT);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** A muted microphone may still be heard by its own meter, but a ring would say that the others hear it. */
function ownLevel(model: CallModel): number {
  return model.media.source('microphone').status === 'on' ? model.media.level() : 0;
}
