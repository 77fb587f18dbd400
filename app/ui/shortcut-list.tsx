/** The shortcuts of a call, as its dialog lists them. */
import { For } from 'solid-js';
import type { Shortcut } from './shortcuts.ts';

export function Shortcuts(props: { all: readonly Shortcut[] }) {
  return (
    <dl class="keys">
      <For each={props.all}>
        {({ key, does }) => (
          <div>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        )}
      </For>
      <div>
        <dt>
          <kbd>Space</kbd>
        </dt>
        <dd>Hold to talk while muted</dd>
      </div>
    </dl>
  );
}
