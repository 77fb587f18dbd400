/** The screen after a call: why it is over, and what can be done. */
import { createMemo, Show } from 'solid-js';
import type { CallModel } from '../state/app-model.ts';
import type { FilesModel, TransferView } from '../state/files-model.ts';
import { loadTransfers } from './file-shelf.tsx';
import { Late } from './late.tsx';
import { ScreenHeading } from './parts.tsx';
import { endWords } from './words.ts';

export function Ended(props: { model: CallModel }) {
  const words = () => endWords(props.model.view.endCode ?? 'left');
  const received = createMemo(() => props.model.files.transfers.filter(({ file }) => file !== null));
  return (
    <main class="ended">
      <ScreenHeading>{words().says}</ScreenHeading>
      <p>{words().doThis}</p>
      <div class="row">
        <Show
          when={words().again}
          fallback={
            <button type="button" class="primary" onClick={() => location.reload()}>
              Reload
            </button>
          }
        >
          <button type="button" class="primary" onClick={() => props.model.joinAgain()}>
            Join again
          </button>
        </Show>
        <button type="button" onClick={() => props.model.goHome()}>
          Home
        </button>
      </div>
      <Show when={received().length > 0}>
        <section aria-label="Files you received">
          <p class="hint">Save what you want to keep before you go on: it is gone with this screen.</p>
          <Late load={loadTransfers} props={{ model: only(props.model.files, received) }} />
        </section>
      </Show>
    </main>
  );
}

function only(files: FilesModel, transfers: () => readonly TransferView[]): FilesModel {
  return {
    ...files,
    get transfers() {
      return transfers();
    },
  };
}
