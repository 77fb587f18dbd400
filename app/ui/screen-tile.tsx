/**
 * The tile of a shared screen: a peer's, which every viewer may zoom, move and see in full; and the own one, which shows
 * what the others see. Plays the screen's sound as well.
 */
import { Maximize, ScreenShareOff, Volume2, ZoomIn, ZoomOut } from 'lucide';
import { type Accessor, createSignal, createUniqueId, type JSX, onCleanup, onMount, Show } from 'solid-js';
import type { PeerView, ShownSize } from '../state/call-model.ts';
import type { ScreenModel } from '../state/screen-model.ts';
import type { Box } from './grid-layout.ts';
import { Icon } from './icon.tsx';
import { aspectOf } from './picture-aspect.ts';
import { tellShown } from './tell-shown.ts';
import { createActive, Pin, type PinState, placed, playStream, type TileSlot } from './tile.tsx';
import { nameOr } from './words.ts';
import { createZoom, type Zoom } from './zoom.ts';

/** A shared screen as something to draw upon, on the viewers' side and on the sharer's. */
export interface ScreenSurfaceView {
  /** The person whose screen it is; null for the own one. */
  readonly sharer: string | null;
  /** Where the whole picture lies, in pixels from the top left corner of the layer; may reach beyond it. */
  readonly box: Accessor<Box>;
}

/** What is drawn above a shared screen. It fills the tile, below the tile's buttons. */
export type ScreenOverlay = (view: ScreenSurfaceView) => JSX.Element;

const ASPECT_BEFORE = 16 / 9;

export function PeerScreenTile(props: {
  peer: PeerView;
  speakerId: string;
  slot: TileSlot;
  pin: PinState;
  overlay: ScreenOverlay | undefined;
  onShown: (size: ShownSize) => void;
  onBlocked: (play: () => void) => void;
}) {
  const name = () => nameOr(props.peer.name);
  const [started, setStarted] = createSignal(false);
  const [refused, setRefused] = createSignal(false);
  const note = () => {
    if (props.peer.state === 'reconnecting') return 'Reconnecting';
    if (refused()) return 'Your browser refused full screen';
    if (!started()) return 'Starting';
    return props.peer.screen?.held ? 'Held back by their browser' : '';
  };
  return (
    <ScreenFrame
      label={`${name()}'s screen`}
      sharer={props.peer.key}
      note={note()}
      sound={props.peer.screen?.sound ?? false}
      slot={props.slot}
      overlay={props.overlay}
      zooms
      onStarted={setStarted}
      onShown={props.onShown}
      play={(video) =>
        playStream(
          video,
          () => props.peer.screenStream,
          () => props.speakerId,
          props.onBlocked,
        )
      }
    >
      {(zoom, element) => (
        <>
          <Pin pin={props.pin} />
          <ZoomControls zoom={zoom} />
          <Show when={document.fullscreenEnabled}>
            <button
              type="button"
              class="over-video"
              aria-label="Full screen"
              onClick={() => {
                const change = document.fullscreenElement
                  ? document.exitFullscreen()
                  : (element()?.requestFullscreen() ?? Promise.resolve());
                change.then(
                  () => setRefused(false),
                  () => setRefused(true),
                );
              }}
            >
              <Icon of={Maximize} />
            </button>
          </Show>
        </>
      )}
    </ScreenFrame>
  );
}

export function OwnScreenTile(props: {
  screen: ScreenModel;
  slot: TileSlot;
  pin: PinState;
  overlay: ScreenOverlay | undefined;
}) {
  return (
    <ScreenFrame
      label="Your screen"
      sharer={null}
      note={props.screen.sharing()?.held ? 'Held back' : ''}
      sound={props.screen.sharing()?.sound ?? false}
      slot={props.slot}
      overlay={props.overlay}
      play={(video) => {
        video.muted = true;
        playStream(video, props.screen.preview);
      }}
    >
      {() => (
        <>
          <Pin pin={props.pin} />
          <button type="button" class="over-video lasting" onClick={() => props.screen.stop()}>
            <Icon of={ScreenShareOff} />
            Stop
          </button>
        </>
      )}
    </ScreenFrame>
  );
}

function ZoomControls(props: { zoom: Zoom }) {
  const percent = () => `${Math.round(props.zoom.level() * 100)} %`;
  const whole = () => props.zoom.level() === 1;
  return (
    <>
      <button
        type="button"
        class="over-video"
        aria-label="Zoom out"
        aria-disabled={whole()}
        onClick={() => props.zoom.zoomOut()}
      >
        <Icon of={ZoomOut} />
      </button>
      <button
        type="button"
        class="over-video zoom-level"
        aria-label={`Reset zoom, ${percent()}`}
        aria-disabled={whole()}
        onClick={() => props.zoom.reset()}
      >
        {percent()}
      </button>
      <button
        type="button"
        class="over-video"
        aria-label="Zoom in"
        aria-disabled={!props.zoom.canZoomIn()}
        onClick={() => props.zoom.zoomIn()}
      >
        <Icon of={ZoomIn} />
      </button>
    </>
  );
}

function ScreenFrame(props: {
  label: string;
  sharer: string | null;
  note: string;
  sound: boolean;
  slot: TileSlot;
  overlay: ScreenOverlay | undefined;
  zooms?: boolean;
  onStarted?: (started: boolean) => void;
  onShown?: (size: ShownSize) => void;
  /** Called once with the video, within the component's owner. */
  play: (video: HTMLVideoElement) => void;
  children: (zoom: Zoom, element: () => HTMLElement | undefined) => JSX.Element;
}) {
  const [aspect, setAspect] = createSignal(ASPECT_BEFORE);
  const [size, setSize] = createSignal({ width: 0, height: 0 });
  const zoom = createZoom(aspect, size);
  const help = createUniqueId();
  const { active, touch } = createActive();
  let element: HTMLDivElement | undefined;
  // Whose it is, and what one can do with it, shows for a moment by itself.
  touch();

  onMount(() => {
    if (!element) return;
    const gone = new AbortController();
    // Not the slot's box: in full screen the tile has another.
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element);
    if (props.zooms) zoom.listen(element, gone.signal);
    onCleanup(() => {
      gone.abort();
      observer.disconnect();
    });
  });
  onCleanup(() => {
    props.slot.onAspect(null);
    props.slot.onElement(null);
  });

  return (
    // biome-ignore lint/a11y/useSemanticElements: a tile groups one person's media; a fieldset is for forms.
    <div
      role="group"
      class="tile screen-tile"
      aria-label={props.label}
      aria-describedby={props.zooms ? help : undefined}
      tabindex={props.zooms ? 0 : undefined}
      data-active={active()}
      data-zoomed={zoom.level() > 1}
      onPointerMove={touch}
      onPointerDown={touch}
      ref={(made) => {
        element = made;
        props.slot.onElement(made);
        if (props.onShown) tellShown(made, props.onShown, zoom.level);
      }}
      style={placed(props.slot)}
    >
      {/* biome-ignore lint/a11y/useMediaCaption: a live screen has no caption track to offer. */}
      <video
        autoplay
        playsinline
        style={{ transform: zoom.transform() }}
        onResize={(event) => {
          const next = aspectOf(event.currentTarget);
          if (next !== null) setAspect(next);
          props.slot.onAspect(next);
          props.onStarted?.(next !== null);
        }}
        ref={(video) => props.play(video)}
      />
      <div class="screen-overlay">{props.overlay?.({ sharer: props.sharer, box: zoom.box })}</div>
      <Show when={props.zooms}>
        <p class="visually-hidden" id={help}>
          Plus and minus zoom, 0 shows all of it, arrow keys move it.
        </p>
      </Show>
      <div class="tile-controls">{props.children(zoom, () => element)}</div>
      <div class="tile-name">
        <Show when={props.sound}>
          <Icon of={Volume2} label="with sound" />
        </Show>
        <bdi>{props.label}</bdi>
        <Show when={props.note}>
          <span class="tile-note">{props.note}</span>
        </Show>
      </div>
    </div>
  );
}
