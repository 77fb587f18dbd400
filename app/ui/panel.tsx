/** The panel beside the stage, on a phone a sheet over it. Owns its frame and its focus; knows nothing of what is in it. */
import { X } from 'lucide';
import { type JSX, onMount } from 'solid-js';
import { Icon } from './icon.tsx';

export function Panel(props: { name: string; onClose: () => void; children: JSX.Element }) {
  let heading: HTMLHeadingElement | undefined;
  // Whoever opened it is taken there; a field within may take the focus further.
  onMount(() => heading?.focus({ preventScroll: true }));
  return (
    <aside
      class="panel"
      aria-label={props.name}
      onKeyDown={(event) => {
        // Escape first ends the composing of a character, which is the input method's.
        if (event.key !== 'Escape' || event.isComposing || event.defaultPrevented) return;
        event.preventDefault();
        props.onClose();
      }}
    >
      <header class="dialog-head">
        <h2 ref={heading} tabindex="-1">
          {props.name}
        </h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={() => props.onClose()}>
          <Icon of={X} />
        </button>
      </header>
      {props.children}
    </aside>
  );
}
