/** Where transfers are shown when no panel shows them, and how they are announced. Draws nothing until there is one. */
import { createEffect, lazy, on, onCleanup, onMount, Show, Suspense } from 'solid-js';
import type { CallModel } from '../state/app-model.ts';
import type { FilesModel } from '../state/files-model.ts';
import { sizeWords } from './file-words.ts';

const Transfers = lazy(() => import('./transfers.tsx'));
/** A running call needs no server, and so its code must be here before. */
const PRELOAD_MS = 7_000;

export function FileShelf(props: { model: FilesModel }) {
  onMount(() => {
    const timer = setTimeout(() => void Transfers.preload(), PRELOAD_MS);
    onCleanup(() => clearTimeout(timer));
  });
  return (
    <Show when={props.model.transfers.length > 0}>
      <section class="file-shelf" aria-label="Files">
        <Suspense>
          <Transfers model={props.model} />
        </Suspense>
      </section>
    </Show>
  );
}

/** Says aloud what is offered, what has come and what has failed. Needs a Solid owner. */
export function createFileNotices(model: CallModel): void {
  const known = new Map<string, string>();
  createEffect(
    on(
      () => model.files.transfers.map(({ id, state }) => [id, state] as const),
      (states) => {
        for (const [id, state] of states) {
          if (known.get(id) === state) continue;
          known.set(id, state);
          const transfer = model.files.transfers.find((one) => one.id === id);
          if (!transfer || transfer.isPicture) continue;
          const { direction, name, peerName, sizeBytes } = transfer;
          const says =
            direction === 'in' && state === 'offered'
              ? `offers ${name}, ${sizeWords(sizeBytes)}`
              : state === 'done'
                ? direction === 'in'
                  ? `sent ${name}: complete and verified`
                  : `has received ${name}`
                : state === 'ended' && transfer.reason !== 'here'
                  ? `and ${name}: it did not arrive`
                  : '';
          if (says !== '') model.notices.post({ name: peerName, says, about: `file ${id}` });
        }
      },
    ),
  );
}
