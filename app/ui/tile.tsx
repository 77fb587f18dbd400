/** One person's tile: picture or initial, name, mute mark, state. Plays the person's sound as well. */
import { MicOff, Pin as PinIcon } from 'lucide';
import { type Accessor, createEffect, createSignal, type JSX, onCleanup, Show } from 'solid-js';
import type { LinkReport, PeerView, ShownSize } from '../state/call-model.ts';
import type { MediaModel } from '../state/media-model.ts';
import type { CornerView } from './corner.ts';
import type { Box } from './grid-layout.ts';
import { Icon } from './icon.tsx';
import { aspectOf } from './picture-aspect.ts';
import { QualityMark } from './quality-mark.tsx';
import { tellShown } from './tell-shown.ts';
import { nameOr } from './words.ts';

export interface TileSlot {
  box(): Box | undefined;
  /** Called with the picture's width / height whenever it changes; null when there is no picture. */
  onAspect(aspect: number | null): void;
  /** Called with the tile's element, and with null when it goes. */
  onElement(element: HTMLElement | null): void;
}

/** Whether a tile is the one that is shown large; null where there is nothing to choose. */
export interface PinState {
  /** Whose or what tile, as its button names it. */
  readonly label: string;
  readonly pinned: Accessor<boolean | null>;
  toggle(): void;
}

export function Pin(props: { pin: PinState }) {
  return (
    <Show when={props.pin.pinned() !== null}>
      <button
        type="button"
        class="over-video pin"
        aria-label={`Pin ${props.pin.label}`}
        aria-pressed={props.pin.pinned() === true}
        // The tile below may be dragged.
        onPointerDown={(event) => event.stopPropagation()}
        onClick={() => props.pin.toggle()}
      >
        <Icon of={PinIcon} />
      </button>
    </Show>
  );
}

/** What lies above a picture is in its way, and goes when nothing was touched for this long. */
const ACTIVE_MS = 3_000;

/** Whether somebody reaches for a tile: handlers for its element, and the sign. Needs a Solid owner. */
export function createActive() {
  const [active, setActive] = createSignal(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));
  return {
    active,
    touch() {
      setActive(true);
      clearTimeout(timer);
      timer = setTimeout(() => setActive(false), ACTIVE_MS);
    },
  };
}

/** Keeps a tile's element where the stage wants it. */
export function placed(slot: TileSlot) {
  const { x, y, width, height } = slot.box() ?? { x: 0, y: 0, width: 0, height: 0 };
  return { transform: `translate(${x}px, ${y}px)`, width: `${width}px`, height: `${height}px` };
}

/** Plays `stream` in `element` for as long as the owner lives. Needs a Solid owner. */
export function playStream(
  element: HTMLVideoElement,
  stream: Accessor<MediaStream | null>,
  speakerId?: Accessor<string>,
  /** Given what to call once the person has touched the page. */
  onBlocked?: (play: () => void) => void,
): void {
  createEffect(() => {
    element.srcObject = stream();
    if (!element.srcObject || !onBlocked) return;
    const play = () => {
      element.play().catch((error: unknown) => {
        if (error instanceof DOMException && error.name === 'NotAllowedError') onBlocked(play);
      });
    };
    play();
  });
  createEffect(() => {
    const id = speakerId?.() ?? '';
    // A device that has gone away leaves the sound where it was.
    if ('setSinkId' in element && element.sinkId !== id) element.setSinkId(id).catch(() => {});
  });
  onCleanup(() => {
    element.srcObject = null;
  });
}

export function SelfVideo(props: { stream: MediaStream; onAspect?: (aspect: number | null) => void }) {
  return (
    <video
      class="mirror"
      autoplay
      playsinline
      muted
      onResize={(event) => props.onAspect?.(aspectOf(event.currentTarget))}
      ref={(element) => {
        // The attribute alone does not mute an element made by script.
        element.muted = true;
        playStream(element, () => props.stream);
        onCleanup(() => props.onAspect?.(null));
      }}
    />
  );
}

export function SelfTile(props: {
  media: MediaModel;
  name: string;
  slot: TileSlot;
  pin: PinState;
  /** Where the small view sits; null while it fills the stage. */
  corner: CornerView | null;
  /** Drawn above the picture. */
  children?: JSX.Element;
}) {
  const muted = () => props.media.source('microphone').status !== 'on';
  return (
    <Frame
      label={`You${muted() ? ', muted' : ''}`}
      muted={muted()}
      name="You"
      slot={props.slot}
      pin={props.pin}
      corner={props.corner}
    >
      <Show when={props.media.selfStream()} fallback={<Initial name={nameOr(props.name)} />}>
        {(stream) => <SelfVideo stream={stream()} onAspect={props.slot.onAspect} />}
      </Show>
      {props.children}
    </Frame>
  );
}

export function PeerTile(props: {
  peer: PeerView;
  speakerId: string;
  slot: TileSlot;
  pin: PinState;
  report: () => Promise<LinkReport | null>;
  onShown: (size: ShownSize) => void;
  onBlocked: (play: () => void) => void;
  /** Drawn above the picture. */
  children?: JSX.Element;
}) {
  const name = () => nameOr(props.peer.name);
  const [picture, setPicture] = createSignal(false);
  return (
    <Frame
      label={`${name()}${props.peer.microphone ? '' : ', muted'}`}
      muted={!props.peer.microphone}
      name={name()}
      note={
        props.peer.state === 'reconnecting'
          ? 'Reconnecting'
          : props.peer.state === 'unreachable'
            ? 'Cannot be reached'
            : ''
      }
      slot={props.slot}
      pin={props.pin}
      onShown={props.onShown}
      controls={<QualityMark name={name()} report={() => props.report()} />}
    >
      <Show when={!(props.peer.camera && picture())}>
        <Initial name={name()} />
      </Show>
      {/* biome-ignore lint/a11y/useMediaCaption: a live call has no caption track to offer. */}
      <video
        autoplay
        playsinline
        data-shown={props.peer.camera && picture()}
        onResize={(event) => {
          const aspect = aspectOf(event.currentTarget);
          setPicture(aspect !== null);
          props.slot.onAspect(aspect);
        }}
        ref={(element) =>
          playStream(
            element,
            () => props.peer.stream,
            () => props.speakerId,
            props.onBlocked,
          )
        }
      />
      {props.children}
    </Frame>
  );
}

function Frame(props: {
  label: string;
  name: string;
  muted: boolean;
  note?: string;
  slot: TileSlot;
  pin: PinState;
  /** Beside the pin. */
  controls?: JSX.Element;
  onShown?: (size: ShownSize) => void;
  corner?: CornerView | null;
  children: JSX.Element;
}) {
  const { active, touch } = createActive();
  onCleanup(() => props.slot.onElement(null));
  return (
    // biome-ignore lint/a11y/useSemanticElements: a tile groups one person's media; a fieldset is for forms.
    <div
      role="group"
      class="tile"
      aria-label={props.label}
      data-small={props.corner ? '' : undefined}
      data-dragged={props.corner?.dragged() ? '' : undefined}
      tabindex={props.corner ? 0 : undefined}
      title={props.corner ? 'Drag it, or press an arrow key, to move it to another corner' : undefined}
      data-active={active()}
      onPointerMove={touch}
      onPointerDown={(event) => {
        touch();
        props.corner?.onPointerDown(event);
      }}
      onKeyDown={(event) => props.corner?.onKeyDown(event)}
      ref={(element) => {
        props.slot.onElement(element);
        if (props.onShown) tellShown(element, props.onShown);
      }}
      style={placed(props.slot)}
    >
      {props.children}
      <div class="tile-controls">
        {props.controls}
        <Pin pin={props.pin} />
      </div>
      <div class="tile-name">
        <Show when={props.muted}>
          <Icon of={MicOff} />
        </Show>
        <bdi>{props.name}</bdi>
        <Show when={props.note}>
          <span class="tile-note">{props.note}</span>
        </Show>
      </div>
    </div>
  );
}

function Initial(props: { name: string }) {
  return (
    <div class="initial" aria-hidden="true">
      <span>{initialOf(props.name)}</span>
    </div>
  );
}

/** Nothing below combines with the character before it, and no emoji is among it. */
const FIRST_COMBINING = 0x300;

/**
 * The first letter of a name, as people count letters. A segmenter takes longer to make than the whole screen to draw, so it
 * is asked only where a letter may be more than one character.
 */
function initialOf(name: string): string {
  const simple = name.charCodeAt(0) < FIRST_COMBINING && !(name.charCodeAt(1) >= FIRST_COMBINING);
  const first = simple
    ? name.charAt(0)
    : (new Intl.Segmenter().segment(name)[Symbol.iterator]().next().value?.segment ?? '');
  return first.slice(0, 8).toLocaleUpperCase();
}
