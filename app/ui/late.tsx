/** A part of the screen whose code is fetched when it is first wanted. Owns what is shown meanwhile, and when it fails. */
import { type Component, createSignal, type JSX, Show } from 'solid-js';

export function Late<P extends object>(props: {
  /** The same part each time: browsers keep what they have loaded. */
  load: () => Promise<{ readonly default: Component<P> }>;
  props: P;
}): JSX.Element {
  const [part, setPart] = createSignal<Component<P> | null>(null);
  const [failed, setFailed] = createSignal(false);
  const attempt = () => {
    setFailed(false);
    props.load().then(
      (module) => setPart(() => module.default),
      () => setFailed(true),
    );
  };
  attempt();
  return (
    <Show
      when={part()}
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
      {(loaded) => loaded()(props.props)}
    </Show>
  );
}
