/** The buttons of the bar under a call, and how the keyboard moves among them. */
import Mic from 'lucide-solid/icons/mic';
import MicOff from 'lucide-solid/icons/mic-off';
import Video from 'lucide-solid/icons/video';
import VideoOff from 'lucide-solid/icons/video-off';
import { Switch as Choose, type JSX, Match } from 'solid-js';
import type { CallModel } from '../state/app-model.ts';
import type { SourceKind } from '../state/media-model.ts';

export function SourceToggle(props: { model: CallModel; kind: SourceKind }) {
  const source = () => props.model.media.source(props.kind);
  const failed = () => source().wanted && source().status !== 'on' && source().status !== 'starting';
  const on = () => source().wanted && !failed();
  const isMicrophone = () => props.kind === 'microphone';
  return (
    <BarButton
      label={isMicrophone() ? 'Microphone' : 'Camera'}
      short={isMicrophone() ? 'Mic' : undefined}
      pressed={on()}
      source
      onClick={() =>
        failed() ? props.model.media.tryAgain(props.kind) : props.model.media.toggle(props.kind)
      }
    >
      <Choose>
        <Match when={isMicrophone() && on()}>
          <Mic aria-hidden="true" />
        </Match>
        <Match when={isMicrophone()}>
          <MicOff aria-hidden="true" />
        </Match>
        <Match when={on()}>
          <Video aria-hidden="true" />
        </Match>
        <Match when={true}>
          <VideoOff aria-hidden="true" />
        </Match>
      </Choose>
    </BarButton>
  );
}

export function BarButton(props: {
  label: string;
  /** For narrow screens; a part of `label`, so that saying what one sees still finds the button. */
  short?: string | undefined;
  pressed?: boolean;
  source?: boolean;
  danger?: boolean;
  onClick: () => void;
  children: JSX.Element;
}) {
  return (
    <button
      type="button"
      class="bar-button"
      aria-label={props.label}
      aria-pressed={props.pressed}
      data-source={props.source}
      data-danger={props.danger}
      onClick={() => props.onClick()}
    >
      {props.children}
      <span class="bar-label">{props.label}</span>
      <span class="bar-label-short">{props.short ?? props.label}</span>
    </button>
  );
}

/** Arrow keys within the toolbar (ARIA APG, Toolbar pattern). */
export function moveFocus(event: KeyboardEvent & { currentTarget: HTMLElement }) {
  const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
  if (step === 0) return;
  const buttons = [...event.currentTarget.querySelectorAll('button')];
  const at = buttons.findIndex((button) => button.matches(':focus'));
  buttons[(at + step + buttons.length) % buttons.length]?.focus();
  event.preventDefault();
}
