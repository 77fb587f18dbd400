/** The screen after a call: why it is over, and what can be done. */
import { Show } from 'solid-js';
import type { CallModel } from '../state/app-model.ts';
import { ScreenHeading } from './parts.tsx';
import { endWords } from './words.ts';

export function Ended(props: { model: CallModel }) {
  const words = () => endWords(props.model.view.endCode ?? 'left');
  return (
    <main class="ended">
      <ScreenHeading>{words().says}</ScreenHeading>
      <p>{words().doThis}</p>
      <div class="row">
        <Show
          when={words().again}
          fallback={
            <button type="button" class="primary" onClick={() => location.reload()}>
              Reload
            </button>
          }
        >
          <button type="button" class="primary" onClick={() => props.model.joinAgain()}>
            Join again
          </button>
        </Show>
        <button type="button" onClick={() => props.model.goHome()}>
          Home
        </button>
      </div>
    </main>
  );
}
