/** The button that offers files or a folder to somebody, and what is said where it cannot be. */
import FolderUp from 'lucide-solid/icons/folder-up';
import Paperclip from 'lucide-solid/icons/paperclip';
import type { CallModel } from '../state/app-model.ts';
import type { Sendable } from '../state/files-model.ts';
import { readInput } from './dropped-files.ts';

/** Offers `items` to the person of the key `to`, or to everybody for null; says so when there is nobody to take them. */
export function offerFiles(
  model: Pick<CallModel, 'files' | 'notices' | 'tiles'>,
  items: readonly Sendable[],
  to: string | null,
): void {
  if (items.length === 0) return;
  if (model.tiles().some(({ key }) => to === null || key === to)) model.files.send(items, to);
  else model.notices.post({ says: 'Nobody is here to take the file yet.' });
}

export function AttachFiles(props: { folder?: boolean; onItems: (items: readonly Sendable[]) => void }) {
  let input: HTMLInputElement | undefined;
  const label = () => (props.folder ? 'Attach a folder' : 'Attach files');
  return (
    <>
      <button
        type="button"
        class="icon-button"
        aria-label={label()}
        title={label()}
        onClick={() => input?.click()}
      >
        {props.folder ? <FolderUp aria-hidden="true" /> : <Paperclip aria-hidden="true" />}
      </button>
      <input
        ref={(element) => {
          input = element;
          element.webkitdirectory = props.folder ?? false;
        }}
        type="file"
        multiple
        hidden
        onChange={({ currentTarget }) => {
          props.onItems(readInput(currentTarget.files));
          // The same files may be chosen again.
          currentTarget.value = '';
        }}
      />
    </>
  );
}
