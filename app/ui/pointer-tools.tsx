/** The buttons about pointing, and the place over a shared screen where pointers are drawn once their code is there. */
import { MousePointer2 } from 'lucide';
import { createEffect, createSignal, onCleanup, onMount, Show } from 'solid-js';
import type { PointerModel } from '../state/pointer-model.ts';
import type { ScreenModel } from '../state/screen-model.ts';
import { BarButton } from './bar.tsx';
import { Icon } from './icon.tsx';
import { Switch } from './parts.tsx';
import type { DocumentPictureInPicture } from './pointer-window.ts';
import type { ScreenSurfaceView } from './screen-tile.tsx';

const loadParts = () => import('./pointer-parts.ts');
/** Fetched while the server is there, though nobody shares yet; and long after a join could be disturbed by it. */
const LOAD_AFTER_MS = 8_000;

export function PointerToggle(props: { model: PointerModel }) {
  onMount(() => {
    const timer = setTimeout(() => void loadParts().catch(() => {}), LOAD_AFTER_MS);
    onCleanup(() => clearTimeout(timer));
  });
  createEffect(() => {
    if (!props.model.pointing()) return;
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !document.querySelector('dialog[open], :popover-open'))
        props.model.stop();
    };
    document.addEventListener('keydown', onKeyDown);
    onCleanup(() => document.removeEventListener('keydown', onKeyDown));
  });
  return (
    <BarButton label="Pointer" keys="P" pressed={props.model.pointing()} onClick={() => props.model.toggle()}>
      <Icon of={MousePointer2} />
    </BarButton>
  );
}

export function PointerSlot(props: { model: PointerModel; surface: ScreenSurfaceView }) {
  const [part, setPart] = createSignal<Awaited<ReturnType<typeof loadParts>> | null>(null);
  const [failed, setFailed] = createSignal(false);
  createEffect(() => {
    // At once, and if that failed whenever somebody wants to point.
    props.model.pointing();
    if (part()) return;
    loadParts().then(setPart, () => setFailed(true));
  });
  return (
    <Show
      when={part()}
      fallback={
        <Show when={failed() && props.model.pointing()}>
          <p class="pointer-note">Pointers could not be fetched: the server is away</p>
        </Show>
      }
    >
      {(loaded) => loaded().PointerOverlay({ model: props.model, surface: props.surface })}
    </Show>
  );
}

/** What whoever shares may do about pointers: switch them off, and see them beside what is shared. */
export function SharerTools(props: { model: PointerModel; screen: ScreenModel }) {
  const pip = (window as { documentPictureInPicture?: DocumentPictureInPicture }).documentPictureInPicture;
  const [close, setClose] = createSignal<(() => void) | null>(null);
  const [problem, setProblem] = createSignal('');
  let gone = false;
  onCleanup(() => {
    gone = true;
    close()?.();
  });
  async function open(from: DocumentPictureInPicture): Promise<void> {
    const parts = await loadParts().catch(() => null);
    if (!parts) {
      setProblem('The small window could not be fetched: the server is away.');
      return;
    }
    try {
      const end = await parts.openPointerWindow(from, props.screen, props.model, () => setClose(null));
      if (gone) end();
      else setClose(() => end);
      setProblem('');
    } catch {
      setProblem('Your browser refused the small window.');
    }
  }
  return (
    <>
      <Switch
        label="Let others point"
        checked={props.model.allowed()}
        onChange={(on) => props.model.setAllowed(on)}
      />
      <Show when={pip}>
        {(from) => (
          <button
            type="button"
            class="quiet"
            title="Your screen with the others’ pointers, above everything else"
            onClick={() => {
              const end = close();
              if (end) end();
              else void open(from());
            }}
          >
            {close() ? 'Close small window' : 'Small window'}
          </button>
        )}
      </Show>
      <Show when={problem()}>
        <p role="status">{problem()}</p>
      </Show>
    </>
  );
}
