/** Parts of the call's screen whose code is fetched when it is first wanted. Owns what is shown meanwhile, and when it fails. */
import { type Component, type ComponentProps, createSignal, type JSX, Show } from 'solid-js';
import type * as Later from './later.tsx';

/** Browsers keep what they have loaded, and ask again for what failed. */
export const loadLater = () => import('./later.tsx');

export function Late<K extends keyof typeof Later>(props: {
  part: K;
  props: ComponentProps<(typeof Later)[K]>;
}): JSX.Element {
  const [parts, setParts] = createSignal<typeof Later | null>(null);
  const [failed, setFailed] = createSignal(false);
  const attempt = () => {
    setFailed(false);
    loadLater().then(setParts, () => setFailed(true));
  };
  attempt();
  return (
    <Show
      when={parts()}
      fallback={
        <div class="late" role="status">
          <Show when={failed()} fallback={<p>One moment</p>}>
            <p>This part of the page could not be fetched: the server is away.</p>
            <button type="button" onClick={attempt}>
              Try again
            </button>
          </Show>
        </div>
      }
    >
      {(loaded) => (loaded()[props.part] as Component<typeof props.props>)(props.props)}
    </Show>
  );
}
