/** The button that lets somebody choose files or a folder. */
import { FolderUp, Paperclip } from 'lucide';
import { type Chosen, readInput } from './dropped-files.ts';
import { Icon } from './icon.tsx';

export function AttachFiles(props: { folder?: boolean; onChosen: (chosen: Chosen) => void }) {
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
        {props.folder ? <Icon of={FolderUp} /> : <Icon of={Paperclip} />}
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
          if (currentTarget.files?.length) props.onChosen(readInput(currentTarget.files));
          // The same files may be chosen again.
          currentTarget.value = '';
        }}
      />
    </>
  );
}
