/** Files dropped anywhere on a call are offered to everybody in it. Owns the hint that says so. */
import { createSignal, onCleanup, onMount, Show } from 'solid-js';
import type { CallModel } from '../state/app-model.ts';
import { readDrop } from './dropped-files.ts';

export function DropZone(props: { model: CallModel }) {
  const [over, setOver] = createSignal(false);
  const hasFiles = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes('Files') ?? false;
  onMount(() => {
    const controller = new AbortController();
    const { signal } = controller;
    onCleanup(() => controller.abort());
    addEventListener(
      'dragover',
      (event) => {
        if (!hasFiles(event)) return;
        // Else the browser would open the file in place of the call.
        event.preventDefault();
        setOver(true);
      },
      { signal },
    );
    addEventListener(
      'dragleave',
      ({ relatedTarget }) => {
        if (relatedTarget === null) setOver(false);
      },
      { signal },
    );
    addEventListener(
      'drop',
      (event) => {
        setOver(false);
        if (!hasFiles(event) || event.defaultPrevented || !event.dataTransfer) return;
        event.preventDefault();
        const { dataTransfer } = event;
        // What was dropped can be had only in this very task.
        void readDrop(dataTransfer).then((items) => {
          if (items.length === 0) return;
          if (props.model.tiles().length === 0)
            props.model.notices.post({ says: 'Nobody is here to take the file yet.' });
          else props.model.files.send(items, null);
        });
      },
      { signal },
    );
  });
  return (
    <Show when={over()}>
      <div class="drop-hint">
        <p>Drop to offer it to everyone in this call</p>
      </div>
    </Show>
  );
}
