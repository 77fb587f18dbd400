/**
 * The bar under a call: its buttons, what of them fits, how the keyboard moves among them, and when it makes way for the
 * pictures. Knows no button's purpose but those of the two sources.
 */
import { Ellipsis, Mic, MicOff, PhoneOff, Video, VideoOff } from 'lucide';
import {
  type Accessor,
  Switch as Choose,
  createMemo,
  createSignal,
  For,
  type JSX,
  Match,
  onCleanup,
  onMount,
} from 'solid-js';
import type { CallModel } from '../state/app-model.ts';
import type { SourceKind } from '../state/media-model.ts';
import { Icon } from './icon.tsx';

export interface BarItem {
  /** 0 has a place on every screen; of the others the highest goes under More first. No two others are equal. */
  readonly rank: number;
  /** A `BarButton`, or what draws one. Drawn again where it moves between the bar and More. */
  readonly draw: () => JSX.Element;
}

export interface BarLayout {
  readonly inBar: Accessor<readonly BarItem[]>;
  readonly underMore: Accessor<readonly BarItem[]>;
  /** Whether there is room for the whole labels. */
  readonly roomy: Accessor<boolean>;
}

/** A button with its gap, in rem: with its whole label, and at the least. As in call.css. */
const WHOLE_REM = 5.95;
const LEAST_REM = 3.75;
const EDGES_REM = 0.75;
/** Every bar ends with More and Leave. */
const ENDS = 2;

/** Which of `items` have a place in a bar as wide as the window. Needs a Solid owner. */
export function createBarLayout(items: readonly BarItem[]): BarLayout {
  const [width, setWidth] = createSignal(windowRem());
  const measure = () => setWidth(windowRem());
  addEventListener('resize', measure);
  onCleanup(() => removeEventListener('resize', measure));
  const ranks = items.map((item) => item.rank).sort((a, b) => a - b);
  const lowestRankOut = createMemo(() => ranks[Math.floor(width() / LEAST_REM) - ENDS] ?? Infinity);
  const fits = (item: BarItem) => item.rank === 0 || item.rank < lowestRankOut();
  return {
    inBar: createMemo(() => items.filter(fits)),
    underMore: createMemo(() => items.filter((item) => !fits(item))),
    roomy: () => width() >= (items.length + ENDS) * WHOLE_REM,
  };
}

function windowRem(): number {
  return innerWidth / Number.parseFloat(getComputedStyle(document.documentElement).fontSize) - EDGES_REM;
}

export function Bar(props: { layout: BarLayout; onMore: () => void; onLeave: () => void }) {
  return (
    <div
      class="bar"
      role="toolbar"
      aria-label="Call controls"
      data-roomy={props.layout.roomy() ? '' : undefined}
      onKeyDown={moveFocus}
    >
      <For each={props.layout.inBar()}>{(item) => item.draw()}</For>
      <BarButton label="More" onClick={() => props.onMore()}>
        <Icon of={Ellipsis} />
      </BarButton>
      <BarButton label="Leave" danger onClick={() => props.onLeave()}>
        <Icon of={PhoneOff} />
      </BarButton>
    </div>
  );
}

/** Gives the focus to the button of this name, or to More when it is under it. */
export function focusBarButton(label: string): void {
  const button = (name: string) => document.querySelector<HTMLElement>(`.bar [aria-label="${name}"]`);
  (button(label) ?? button('More'))?.focus();
}

export function BarButton(props: {
  /** The accessible name. */
  label: string;
  /** For narrow screens; a part of `label`, so that saying what one sees still finds the button. */
  short?: string | undefined;
  pressed?: boolean | undefined;
  source?: boolean;
  danger?: boolean;
  /** The key that does the same. */
  keys?: string;
  /** A number on the button; what it counts is said by `description`. */
  badge?: number | undefined;
  description?: string | undefined;
  disabled?: boolean;
  onClick: () => void;
  children: JSX.Element;
}) {
  return (
    <button
      type="button"
      class="bar-button"
      aria-label={props.label}
      aria-pressed={props.pressed}
      aria-description={props.description}
      aria-keyshortcuts={props.keys}
      title={props.keys && `${props.label} (${props.keys})`}
      data-source={props.source}
      data-danger={props.danger}
      data-badge={props.badge || undefined}
      disabled={props.disabled}
      onClick={() => props.onClick()}
    >
      {props.children}
      <span class="bar-label">{props.label}</span>
      {/* Drawn by the style: a part of a word, such as Mic, is a part of the name too, but checkers compare words. */}
      <span class="bar-label-short" data-text={props.short ?? props.label} />
    </button>
  );
}

export function SourceToggle(props: { model: CallModel; kind: SourceKind }) {
  const source = () => props.model.media.source(props.kind);
  const failed = () => source().wanted && source().status !== 'on' && source().status !== 'starting';
  const on = () => source().wanted && !failed();
  const isMicrophone = () => props.kind === 'microphone';
  return (
    <BarButton
      label={isMicrophone() ? 'Microphone' : 'Camera'}
      short={isMicrophone() ? 'Mic' : undefined}
      keys={isMicrophone() ? 'M' : 'V'}
      pressed={on()}
      source
      onClick={() =>
        failed() ? props.model.media.tryAgain(props.kind) : props.model.media.toggle(props.kind)
      }
    >
      <Choose>
        <Match when={isMicrophone() && on()}>
          <Icon of={Mic} />
        </Match>
        <Match when={isMicrophone()}>
          <Icon of={MicOff} />
        </Match>
        <Match when={on()}>
          <Icon of={Video} />
        </Match>
        <Match when={true}>
          <Icon of={VideoOff} />
        </Match>
      </Choose>
    </BarButton>
  );
}

/** Arrow keys, Home and End within the toolbar (ARIA APG, Toolbar pattern). */
function moveFocus(event: KeyboardEvent & { currentTarget: HTMLElement }) {
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('.bar-button:enabled')];
  const at = buttons.indexOf(event.target as HTMLElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
  if (at < 0 || to === undefined) return;
  buttons.at(to % buttons.length)?.focus();
  event.preventDefault();
}

const IDLE_MS = 6_000;

/**
 * Whether the bar may make way: on a screen that is touched, after a while without one. Never while `busy`, and never while
 * the keyboard's focus is in the bar. Where a mouse hovers there is always room to find it again, so never. Needs a Solid
 * owner.
 */
export function createIdle(busy: () => boolean): Accessor<boolean> {
  const [idle, setIdle] = createSignal(false);
  if (!matchMedia('(hover: none)').matches) return idle;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = () => {
    clearTimeout(timer);
    setIdle(false);
    timer = setTimeout(() => {
      if (busy() || document.querySelector('dialog[open], .bar :focus-visible')) wait();
      else setIdle(true);
    }, IDLE_MS);
  };
  const signs = ['pointerdown', 'keydown', 'focusin'] as const;
  onMount(() => {
    for (const sign of signs) document.addEventListener(sign, wait, true);
    wait();
  });
  onCleanup(() => {
    for (const sign of signs) document.removeEventListener(sign, wait, true);
    clearTimeout(timer);
  });
  return () => idle() && !busy();
}
