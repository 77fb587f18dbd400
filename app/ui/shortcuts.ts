/** The keyboard in a call. Owns the listeners; inert while somebody types or a dialog is open. */
import { onCleanup, onMount } from 'solid-js';

export interface ShortcutActions {
  enabled(): boolean;
  toggleMicrophone(): void;
  toggleCamera(): void;
  /** Whether the microphone is off now, so that holding Space opens it. */
  microphoneOff(): boolean;
  /** Opens the microphone while Space is held, and closes it after. */
  talk(on: boolean): void;
}

/** Needs a Solid owner. */
export function createShortcuts(actions: ShortcutActions): void {
  let talking = false;
  const stop = () => {
    if (!talking) return;
    talking = false;
    actions.talk(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!actions.enabled() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey)
      return;
    if (event.repeat) {
      if (talking && event.code === 'Space') event.preventDefault();
      return;
    }
    if (document.querySelector('dialog[open]') || takesText(event.target)) return;
    if (event.code === 'Space') {
      // Space presses the control that has the focus.
      if (takesSpace(event.target) || !actions.microphoneOff()) return;
      event.preventDefault();
      talking = true;
      actions.talk(true);
      return;
    }
    const key = event.key.toLowerCase();
    if (key === 'm') actions.toggleMicrophone();
    else if (key === 'v') actions.toggleCamera();
  };
  const onKeyUp = (event: KeyboardEvent) => {
    if (event.code === 'Space') stop();
  };
  onMount(() => {
    document.addEventListener('keydown', onKeyDown);
    document.addEventListener('keyup', onKeyUp);
    window.addEventListener('blur', stop);
  });
  onCleanup(() => {
    document.removeEventListener('keydown', onKeyDown);
    document.removeEventListener('keyup', onKeyUp);
    window.removeEventListener('blur', stop);
    stop();
  });
}

function takesText(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null
  );
}

function takesSpace(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('button, a, summary') !== null;
}
