/** Cards of file transfers: what it is, from whom, how far it is, and what can be done. Loaded with the first transfer. */
import { X } from 'lucide';
import { createEffect, createUniqueId, For, onCleanup, Show } from 'solid-js';
import type { FilesModel, TransferView } from '../state/files-model.ts';
import { problemWords, transferWords } from './file-words.ts';
import { Icon } from './icon.tsx';
import { drawPicture } from './picture.ts';
import { nameOr } from './words.ts';

/** Chromium alone has it. */
declare global {
  interface Window {
    showSaveFilePicker?(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
  }
}

const REVOKE_MS = 60_000;

export default function Transfers(props: { model: FilesModel }) {
  return (
    <ul class="transfers">
      <For each={props.model.transfers}>{(transfer) => <Card model={props.model} transfer={transfer} />}</For>
    </ul>
  );
}

function Card(props: { model: FilesModel; transfer: TransferView }) {
  const title = createUniqueId();
  const transfer = () => props.transfer;
  const state = () => transfer().state;
  const isOver = () => state() === 'done' || state() === 'ended';
  const isOffer = () => state() === 'offered' && transfer().direction === 'in';
  let picker: HTMLInputElement | undefined;

  const saveAs = async () => {
    const handle = await window.showSaveFilePicker?.({ suggestedName: transfer().name }).catch(() => null);
    if (handle) props.model.accept(transfer().id, handle);
  };
  const saveFile = (file: Blob) => {
    save(file, transfer().name);
    props.model.saved(transfer().id);
  };
  // The browser remembers dropped files, and may ask before it gives them to the page again.
  const goOn = () => (transfer().canReopen ? props.model.provide(transfer().id, null) : picker?.click());

  return (
    <li class="transfer">
      <article aria-labelledby={title}>
        <p class="transfer-name" id={title}>
          <bdi>{transfer().name}</bdi>
        </p>
        <p class="hint">{transferWords(transfer())}</p>
        <Show when={problemWords(transfer())}>{(words) => <p class="transfer-problem">{words()}</p>}</Show>
        <Show when={state() === 'going' || state() === 'waiting' || state() === 'preparing'}>
          <progress
            aria-labelledby={title}
            max={Math.max(1, transfer().sizeBytes)}
            value={transfer().doneBytes}
          />
        </Show>
        <Show when={transfer().isPicture && transfer().file}>
          {(file) => <Picture file={file()} name={transfer().name} />}
        </Show>
        <div class="transfer-actions">
          <Show when={isOffer()}>
            <button
              type="button"
              class="primary"
              onClick={() => props.model.accept(transfer().id, 'private')}
            >
              Accept
            </button>
            <Show when={window.showSaveFilePicker}>
              <button type="button" class="quiet" onClick={saveAs}>
                Save as
              </button>
            </Show>
            <button type="button" class="quiet" onClick={() => props.model.decline(transfer().id)}>
              Decline
            </button>
          </Show>
          <Show when={state() === 'needs-file'}>
            <button type="button" class="primary" onClick={goOn}>
              {transfer().canReopen ? 'Read it again' : 'Choose the file'}
            </button>
            <input
              ref={picker}
              type="file"
              hidden
              onChange={({ currentTarget }) => {
                const [file] = currentTarget.files ?? [];
                if (file) props.model.provide(transfer().id, file);
                currentTarget.value = '';
              }}
            />
          </Show>
          <Show when={state() === 'going' || state() === 'waiting'}>
            <button
              type="button"
              class="quiet"
              onClick={() => props.model.setPaused(transfer().id, !transfer().pausedHere)}
            >
              {transfer().pausedHere ? 'Resume' : 'Pause'}
            </button>
          </Show>
          <For each={transfer().newcomers}>
            {({ key, name }) => (
              <button
                type="button"
                class="quiet"
                onClick={() => props.model.offerInstead(transfer().id, key)}
              >
                Offer to <bdi>{nameOr(name)}</bdi>
              </button>
            )}
          </For>
          <Show when={!isOver() && !isOffer()}>
            <button type="button" class="quiet" onClick={() => props.model.cancel(transfer().id)}>
              Cancel
            </button>
          </Show>
          <Show when={transfer().file}>
            {(file) => (
              <button type="button" class="primary" onClick={() => saveFile(file())}>
                Save
              </button>
            )}
          </Show>
        </div>
        <Show when={isOver()}>
          <button
            type="button"
            class="icon-button transfer-remove"
            aria-label="Remove from the list"
            onClick={() => props.model.dismiss(transfer().id)}
          >
            <Icon of={X} />
          </button>
        </Show>
      </article>
    </li>
  );
}

function Picture(props: { file: Blob; name: string }) {
  let canvas: HTMLCanvasElement | undefined;
  createEffect(() => {
    let gone = false;
    onCleanup(() => {
      gone = true;
    });
    const target = canvas;
    if (target) drawPicture(target, props.file, () => gone).catch(() => target.remove());
  });
  return (
    <canvas class="transfer-picture" ref={canvas} role="img" aria-label={props.name} width="0" height="0" />
  );
}

/** As bytes of no type: a page of theirs must never open as one of ours. */
function save(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([file], { type: 'application/octet-stream' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), REVOKE_MS);
}
