/** Files dropped anywhere on a call are offered to whom the open composer names, else to everybody. Owns the hint that says so. */
import { createSignal, onCleanup, onMount, Show } from 'solid-js';
import type { CallModel } from '../state/app-model.ts';
import type { ChatPerson } from '../state/chat-model.ts';
import { readDrop } from './dropped-files.ts';
import { offerFiles } from './offer-files.ts';
import { nameOr } from './words.ts';

export function DropZone(props: { model: CallModel; to: ChatPerson | null }) {
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
        const to = props.to?.key ?? null;
        void readDrop(dataTransfer).then((chosen) => offerFiles(props.model, chosen, to));
      },
      { signal },
    );
  });
  return (
    <Show when={over()}>
      <div class="drop-hint">
        <p>
          Drop to offer it to{' '}
          <Show when={props.to} fallback="everyone in this call">
            {(person) => (
              <>
                <bdi>{nameOr(person().name)}</bdi> only
              </>
            )}
          </Show>
        </p>
      </div>
    </Show>
  );
}
