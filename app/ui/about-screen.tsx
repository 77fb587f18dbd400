/**
 * Fetches "How it works" when somebody opens it: a page that few read must not weigh on a call. Owns what is shown until it
 * is there, and when it does not come.
 */
import { createSignal, onMount, Show } from 'solid-js';
import type { AboutModel } from '../state/app-model.ts';
import type { About } from './about.tsx';
import { ScreenHeading } from './parts.tsx';

export function AboutScreen(props: { model: AboutModel }) {
  const [page, setPage] = createSignal<typeof About>();
  const [failed, setFailed] = createSignal(false);
  onMount(() => {
    import('./about.tsx').then(
      ({ About }) => setPage(() => About),
      () => setFailed(true),
    );
  });
  return (
    <Show when={page()} fallback={<Missing failed={failed()} onHome={() => props.model.goHome()} />}>
      {(Page) => {
        const Shown = Page();
        return <Shown model={props.model} />;
      }}
    </Show>
  );
}

function Missing(props: { failed: boolean; onHome: () => void }) {
  return (
    <Show
      when={props.failed}
      fallback={
        <main class="ended">
          <p role="status">Loading “How it works”.</p>
        </main>
      }
    >
      <main class="ended">
        <ScreenHeading>This page could not be loaded</ScreenHeading>
        <p>The server is away, or was updated since you opened Parley.</p>
        <div class="row">
          <button type="button" class="primary" onClick={() => location.reload()}>
            Reload
          </button>
          <button type="button" onClick={() => props.onHome()}>
            Home
          </button>
        </div>
      </main>
    </Show>
  );
}
