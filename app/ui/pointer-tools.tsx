/** The button that points, and the place over a shared screen where pointers are drawn once their code is there. */
import { MousePointer2 } from 'lucide';
import { createEffect, createSignal, onCleanup, onMount, Show } from 'solid-js';
import type { PointerModel } from '../state/pointer-model.ts';
import { BarButton } from './bar.tsx';
import { Icon } from './icon.tsx';
import type { ScreenSurfaceView } from './screen-tile.tsx';

export const loadPointerParts = () => import('./pointer-parts.ts');
/** Fetched while the server is there, though nobody shares yet; and long after a join could be disturbed by it. */
const LOAD_AFTER_MS = 8_000;

export function PointerToggle(props: { model: PointerModel }) {
  onMount(() => {
    const timer = setTimeout(() => void loadPointerParts().catch(() => {}), LOAD_AFTER_MS);
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
  const [part, setPart] = createSignal<Awaited<ReturnType<typeof loadPointerParts>> | null>(null);
  const [failed, setFailed] = createSignal(false);
  createEffect(() => {
    // At once, and if that failed whenever somebody wants to point.
    props.model.pointing();
    if (part()) return;
    loadPointerParts().then(setPart, () => setFailed(true));
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
