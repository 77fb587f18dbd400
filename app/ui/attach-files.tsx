/** The button that offers files or a folder to somebody. */
import Paperclip from 'lucide-solid/icons/paperclip';
import type { FilesModel } from '../state/files-model.ts';
import { readInput } from './dropped-files.ts';

/** `to` is the key of one person, or null for everybody. */
export function AttachFiles(props: { model: FilesModel; to: string | null }) {
  let input: HTMLInputElement | undefined;
  return (
    <>
      <button type="button" class="icon-button" aria-label="Attach files" onClick={() => input?.click()}>
        <Paperclip aria-hidden="true" />
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={({ currentTarget }) => {
          props.model.send(readInput(currentTarget.files), props.to);
          currentTarget.value = '';
        }}
      />
    </>
  );
}
