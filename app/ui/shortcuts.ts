/** The keyboard in a call. Owns the listeners; inert while somebody types or a dialog is open. */
import { onCleanup, onMount } from 'solid-js';

export interface Shortcut {
  /** As `KeyboardEvent.key` has it, in either case. */
  readonly key: string;
  /** For the list under `?`. */
  readonly does: string;
  run(): void;
}

export interface ShortcutOptions {
  enabled(): boolean;
  readonly all: readonly Shortcut[];
  /** Whether the microphone is off now, so that holding Space opens it. */
  microphoneOff(): boolean;
  /** Opens the microphone while Space is held, and closes it after. */
  talk(on: boolean): void;
}

/** Needs a Solid owner. */
export function createShortcuts(options: ShortcutOptions): void {
  let talking = false;
  const stop = () => {
    if (!talking) return;
    talking = false;
    options.talk(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!options.enabled() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey)
      return;
    if (event.repeat) {
      if (talking && event.code === 'Space') event.preventDefault();
      return;
    }
    if (document.querySelector('dialog[open]') || takesText(event.target)) return;
    if (event.code === 'Space') {
      // Space presses the control that has the focus.
      if (takesSpace(event.target) || !options.microphoneOff()) return;
      event.preventDefault();
      talking = true;
      options.talk(true);
      return;
    }
    const shortcut = options.all.find(({ key }) => key.toLowerCase() === keyOf(event));
    if (!shortcut) return;
    // What the shortcut gives the focus to must not receive its letter.
    event.preventDefault();
    shortcut.run();
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

/** Where the keyboard writes no Latin letters, the one on the same key. */
function keyOf({ key, code }: KeyboardEvent): string {
  return (/^[!-~]$/.test(key) ? key : code.replace(/^Key/, '')).toLowerCase();
}

function takesText(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null
  );
}

function takesSpace(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('button, a, summary') !== null;
}
