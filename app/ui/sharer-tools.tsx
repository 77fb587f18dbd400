/** What whoever shares may do about pointers: switch them off, and see them beside what is shared. */
import { createSignal, onCleanup, Show } from 'solid-js';
import type { PointerModel } from '../state/pointer-model.ts';
import type { ScreenModel } from '../state/screen-model.ts';
import { Switch } from './parts.tsx';
import { loadPointerParts } from './pointer-tools.tsx';
import type { DocumentPictureInPicture } from './pointer-window.ts';

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
    const parts = await loadPointerParts().catch(() => null);
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
