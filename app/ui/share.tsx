/**
 * Ways to pass an invitation on: its text, copy, the system's share sheet, a QR code. Owns no invitation.
 */
import { Check, Copy, Share2 } from 'lucide';
import { createSignal, onCleanup, Show } from 'solid-js';
import { Icon } from './icon.tsx';
import { LaterPart } from './later-part.tsx';

const COPIED_MS = 2_500;
/** The picture of a link is for later than its text: it is not worth a request while one joins. */
const QR_AFTER_MS = 1_500;

export function ShareLink(props: {
  link: string;
  /** Whether somebody asked for it just now. */
  asked?: boolean;
}) {
  const [drawn, setDrawn] = createSignal(props.asked ?? false);
  const drawing = setTimeout(() => setDrawn(true), QR_AFTER_MS);
  onCleanup(() => clearTimeout(drawing));
  const [outcome, setOutcome] = createSignal<'idle' | 'copied' | 'manual'>('idle');
  let field: HTMLInputElement | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));

  const copy = async () => {
    clearTimeout(timer);
    try {
      await navigator.clipboard.writeText(props.link);
      setOutcome('copied');
      timer = setTimeout(() => setOutcome('idle'), COPIED_MS);
    } catch {
      // No clipboard without a secure context or permission: leave the link selected to be copied by hand.
      setOutcome('manual');
      field?.select();
    }
  };
  const canShare = typeof navigator.share === 'function';
  const share = async () => {
    try {
      await navigator.share({ title: 'Parley', url: props.link });
    } catch {
      // Dismissing the sheet is not an error.
    }
  };
  return (
    <div class="share">
      <label class="field">
        <span>Link to this call</span>
        <input
          ref={field}
          type="text"
          readOnly
          value={props.link}
          onFocus={(event) => event.currentTarget.select()}
        />
      </label>
      <div class="row">
        <button type="button" class="primary" onClick={() => void copy()}>
          <Show when={outcome() === 'copied'} fallback={<Icon of={Copy} />}>
            <Icon of={Check} />
          </Show>
          {outcome() === 'copied' ? 'Copied' : 'Copy link'}
        </button>
        <Show when={canShare}>
          <button type="button" onClick={() => void share()}>
            <Icon of={Share2} /> Share
          </button>
        </Show>
      </div>
      <p class="hint" role="status">
        {outcome() === 'copied'
          ? 'The link is on your clipboard.'
          : outcome() === 'manual'
            ? 'Your browser did not allow copying. The link is selected: copy it by hand.'
            : ''}
      </p>
      <div class="qr-place">
        <Show when={drawn()}>
          <LaterPart part="QrCode" props={{ text: props.link }} />
        </Show>
      </div>
    </div>
  );
}
