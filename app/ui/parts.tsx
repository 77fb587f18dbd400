/**
 * The small parts every screen is made of: switch, device choice, dialog, safety line, icon button.
 */
import { Lock, X } from 'lucide';
import { createEffect, createSignal, createUniqueId, For, type JSX, onCleanup, Show } from 'solid-js';
import type { DeviceKind, MediaModel, SourceKind } from '../state/media-model.ts';
import { Icon } from './icon.tsx';
import { sourceWords } from './words.ts';

export function Switch(props: {
  label: string;
  hint?: string;
  checked: boolean;
  onChange: (on: boolean) => void;
}) {
  const hint = createUniqueId();
  return (
    <div class="switch-row">
      <label class="switch">
        <span>{props.label}</span>
        <input
          type="checkbox"
          role="switch"
          checked={props.checked}
          aria-checked={props.checked}
          aria-describedby={props.hint ? hint : undefined}
          onChange={(event) => props.onChange(event.currentTarget.checked)}
        />
      </label>
      <Show when={props.hint}>
        <p class="hint" id={hint}>
          {props.hint}
        </p>
      </Show>
    </div>
  );
}

const DEVICE_LABEL = {
  microphone: 'Microphone device',
  camera: 'Camera device',
  speaker: 'Speaker device',
} as const;

function DeviceSelect(props: { media: MediaModel; kind: DeviceKind }) {
  const unsupported = () => props.kind === 'speaker' && !('setSinkId' in HTMLMediaElement.prototype);
  const known = () => props.media.devices(props.kind).filter((device) => device.deviceId !== '');
  const chosen = () => {
    const id = props.media.selected(props.kind);
    return known().some((device) => device.deviceId === id) ? id : '';
  };
  return (
    <label class="field">
      <span>{DEVICE_LABEL[props.kind]}</span>
      <select
        disabled={unsupported()}
        onChange={(event) => props.media.select(props.kind, event.currentTarget.value)}
      >
        <option value="" selected={chosen() === ''}>
          {unsupported() ? 'Chosen by your system' : 'Browser’s default'}
        </option>
        <For each={known()}>
          {(device, index) => (
            <option value={device.deviceId} selected={chosen() === device.deviceId}>
              {device.label || `${DEVICE_LABEL[props.kind]} ${index() + 1}`}
            </option>
          )}
        </For>
      </select>
    </label>
  );
}

export function DeviceSelects(props: { media: MediaModel }) {
  return (
    <>
      <DeviceSelect media={props.media} kind="microphone" />
      <DeviceSelect media={props.media} kind="camera" />
      <DeviceSelect media={props.media} kind="speaker" />
    </>
  );
}

/** What is over sooner is no news, and would only make the screen jump. */
const STARTING_IS_NEWS_AFTER_MS = 1_000;

/** Why a wanted source is not there, and what to do. The status stays while it is empty, so that its first words are heard. */
export function SourceNote(props: { media: MediaModel; kind: SourceKind }) {
  const status = () => props.media.source(props.kind).status;
  const [overdue, setOverdue] = createSignal(false);
  createEffect(() => {
    setOverdue(false);
    if (status() !== 'starting') return;
    const timer = setTimeout(() => setOverdue(true), STARTING_IS_NEWS_AFTER_MS);
    onCleanup(() => clearTimeout(timer));
  });
  const words = () => (status() === 'starting' && !overdue() ? null : sourceWords(props.kind, status()));
  return (
    <div class="note-place" role="status">
      <Show when={words()}>
        {(text) => (
          <div class="note" data-tone={status() === 'starting' ? 'calm' : 'warn'}>
            <p>
              <strong>{text().says}</strong> {text().doThis}
            </p>
            <Show when={status() !== 'starting' && status() !== 'insecure'}>
              <button type="button" class="quiet" onClick={() => props.media.tryAgain(props.kind)}>
                Try the {props.kind} again
              </button>
            </Show>
          </div>
        )}
      </Show>
    </div>
  );
}

export function Dialog(props: { title: string; open: boolean; onClose: () => void; children: JSX.Element }) {
  let element: HTMLDialogElement | undefined;
  const title = createUniqueId();
  createEffect(() => {
    if (props.open && !element?.open) element?.showModal();
    if (!props.open && element?.open) element.close();
  });
  return (
    <dialog
      ref={(dialog) => {
        element = dialog;
        // Only the backdrop is the dialog itself: its content lies in a padded child. Escape does the same by keyboard.
        dialog.addEventListener('click', (event) => {
          if (event.target === dialog) dialog.close();
        });
      }}
      class="dialog"
      aria-labelledby={title}
      // The event comes a while after the dialog closed: it may be open again, for another reason.
      onClose={() => element?.open || props.onClose()}
    >
      <Show when={props.open}>
        <div class="dialog-body">
          <header class="dialog-head">
            <h2 id={title}>{props.title}</h2>
            <button type="button" class="icon-button" aria-label="Close" onClick={() => element?.close()}>
              <Icon of={X} />
            </button>
          </header>
          {props.children}
        </div>
      </Show>
    </dialog>
  );
}

/**
 * The heading of a screen. Takes the focus, since the control that had it went with the screen before; so a screen reader
 * says where one is, and Tab goes on from the top.
 */
export function ScreenHeading(props: { hidden?: boolean; children: JSX.Element }) {
  return (
    <h1
      classList={{ 'visually-hidden': props.hidden ?? false }}
      tabindex="-1"
      // With the frame that shows it: focus needs a layout, and sooner there would be two.
      ref={(heading) => requestAnimationFrame(() => heading.focus({ preventScroll: true }))}
    >
      {props.children}
    </h1>
  );
}

export function SafetyLine() {
  return (
    <p class="safety">
      <Icon of={Lock} />
      <span>
        Encrypted<span class="safety-more"> between your browsers</span>
      </span>
    </p>
  );
}

/** A link to a screen that has an address: opens it in this page, or in another tab when one asks for that. */
export function ScreenLink(props: {
  href: string;
  class?: string;
  onOpen: () => void;
  children: JSX.Element;
}) {
  return (
    <a
      href={props.href}
      class={props.class}
      onClick={(event) => {
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        props.onOpen();
        // As any page that is opened by a link; the browser does it only for those it loads.
        scrollTo(0, 0);
      }}
    >
      {props.children}
    </a>
  );
}
