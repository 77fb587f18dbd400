/** Where transfers are shown when no panel shows them, and how they are announced. Draws nothing until there is one. */
import { createEffect, on, onCleanup, onMount, Show } from 'solid-js';
import type { CallModel } from '../state/app-model.ts';
import type { FilesModel, TransferView } from '../state/files-model.ts';
import type { Notice } from '../state/notices.ts';
import { Late } from './late.tsx';
import { sizeWords } from './size-words.ts';

export const loadTransfers = () => import('./transfers.tsx');
/** A running call needs no server, and so its code must be here before. */
const PRELOAD_MS = 7_000;

export function FileShelf(props: { model: FilesModel }) {
  onMount(() => {
    const timer = setTimeout(() => void loadTransfers().catch(() => {}), PRELOAD_MS);
    onCleanup(() => clearTimeout(timer));
  });
  return (
    <Show when={props.model.transfers.length > 0}>
      <section class="file-shelf" aria-label="Files">
        <Late load={loadTransfers} props={{ model: props.model }} />
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
          const notice = transfer && noticeOf(transfer, model.files.waiting());
          if (notice) model.notices.post(notice);
        }
      },
    ),
  );
}

function noticeOf(transfer: TransferView, waiting: readonly TransferView[]): Notice | null {
  const { id, direction, state, name, peerKey, peerName, sizeBytes, reason, isPicture } = transfer;
  const isIn = direction === 'in';
  const said = (says: string, about = `file ${id}`) => ({ name: peerName, says, about });
  // The card shows it, and for many receivers it is said once.
  const quiet = (says: string) => ({ says, about: `sending ${name}`, quiet: true });
  // Nobody was asked, and it is there in a moment.
  if (isPicture) return state === 'done' ? said(`sent a picture, ${name}`) : null;
  switch (state) {
    case 'preparing':
      return quiet(`Preparing ${name}`);
    case 'offered': {
      if (!isIn) return quiet(`Offered ${name}`);
      // As many as somebody offers, and takes back again, they never fill the queue of what is to be said.
      const { length } = waiting.filter((one) => one.peerKey === peerKey);
      return said(
        length > 1 ? `offers ${length} files` : `offers ${name}, ${sizeWords(sizeBytes)}`,
        `offers ${peerKey}`,
      );
    }
    case 'done':
      return said(isIn ? `sent ${name}: complete and verified` : `has received ${name}`);
    case 'ended':
      return reason === 'here' ? null : said(`and ${name}: it did not arrive`, `ended ${peerKey}`);
    default:
      return null;
  }
}
