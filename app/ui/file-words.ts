/** Every sentence about transfers of files. Owns the words, and how times are said. */
import { type EndReason, MAX_MEMORY_BYTES, type TransferView } from '../state/files-model.ts';
import { sizeWords } from './size-words.ts';
import { nameOr } from './words.ts';

export function timeWords(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.ceil(seconds))} s left`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min left`;
  return `${(seconds / 3600).toFixed(1)} h left`;
}

/** What stands under the name of a file: where it is, and what is the matter. */
export function transferWords(transfer: TransferView): string {
  const { state, direction, sizeBytes, doneBytes, bytesPerSecond, secondsLeft } = transfer;
  const who = nameOr(transfer.peerName);
  const isIn = direction === 'in';
  switch (state) {
    case 'preparing':
      return `Preparing for ${who}, ${percent(transfer)}`;
    case 'offered':
      return isIn
        ? `${sizeWords(sizeBytes)}, offered by ${who}`
        : `${sizeWords(sizeBytes)}, ${who} has not answered yet`;
    case 'needs-file':
      return transfer.canReopen
        ? 'This page was reloaded. Let it read the file again, and it goes on.'
        : 'This page was reloaded. Choose the same file again, and it goes on.';
    case 'waiting':
      if (transfer.peerKey === '') return 'Goes on when whoever accepted it is back';
      if (transfer.isPeerHere) return `Waiting for ${who}; goes on by itself`;
      return transfer.newcomers.length > 0
        ? `${who} has left, and nobody who came since has a part of it`
        : `${who} has left. It goes on if they come back${isIn ? ' with it' : ''}.`;
    case 'done':
      return isIn ? `${sizeWords(sizeBytes)} from ${who}, complete and verified` : `${who} has all of it`;
    case 'ended':
      return endWords(transfer.reason ?? 'here', who, isIn);
    case 'going': {
      const amount = `${sizeWords(doneBytes)} of ${sizeWords(sizeBytes)} ${isIn ? 'from' : 'to'} ${who}`;
      if (transfer.pausedHere) return `${amount}, paused`;
      if (transfer.pausedThere) return `${amount}, paused by ${who}`;
      if (bytesPerSecond === null || secondsLeft === null) return amount;
      return `${amount}, ${sizeWords(bytesPerSecond)}/s, ${timeWords(secondsLeft)}`;
    }
  }
}

const OR_SAVE_AS = 'showSaveFilePicker' in globalThis ? ', or use Save as' : '';

/** Why the last answer did nothing; '' when it did. */
export function problemWords({ problem }: TransferView): string {
  switch (problem) {
    case null:
      return '';
    case 'no-room':
      return `This browser has no room for it. Free some space on the disk${OR_SAVE_AS}.`;
    case 'no-memory':
      return `This browser gives this page no files, and memory for ${sizeWords(MAX_MEMORY_BYTES)} at a time. Ask for it in smaller parts${OR_SAVE_AS}.`;
    case 'storage':
      return `This browser could not store it. Try again${OR_SAVE_AS}.`;
    case 'another-file':
      return 'That is another file, or it has changed since.';
    case 'unreadable':
      return 'That file could not be read.';
  }
}

function percent({ doneBytes, sizeBytes }: TransferView): string {
  return `${sizeBytes === 0 ? 100 : Math.floor((100 * doneBytes) / sizeBytes)} %`;
}

function endWords(reason: EndReason, who: string, isIn: boolean): string {
  switch (reason) {
    case 'here':
      return isIn ? 'You did not take it' : 'You took it back';
    case 'person':
      return isIn ? `${who} took it back` : `${who} did not take it`;
    case 'left':
      return isIn ? `${who} left before you answered` : `${who} left without an answer`;
    case 'too-large':
      return 'Larger than any file that can be sent. Send it in parts.';
    case 'unknown':
      return `${who} no longer has what it needs`;
    case 'no-room':
      return isIn ? 'The disk is full. Free some space and ask for it again.' : `The disk of ${who} is full`;
    case 'storage':
      return isIn ? 'This browser could not store it' : `${who} could not store it`;
    case 'unreadable':
      return isIn
        ? `${who} could not read the file any more`
        : 'The file could not be read. It may have been changed or moved.';
    case 'mismatch':
      return isIn
        ? 'It was not what had been offered, and was thrown away'
        : 'It arrived changed. Send it again.';
    case 'too-many':
      return `${who} has too many offers open. Send fewer at once.`;
    case 'refused':
      return `${who} sent what no honest page sends. The link was closed.`;
  }
}
