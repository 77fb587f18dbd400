/** What there is to say of the own screen: what the others see, what it is sent for, and why it could not be shared. */
import { type JSX, Show } from 'solid-js';
import type { PointerModel } from '../state/pointer-model.ts';
import type { ScreenModel, SharingView } from '../state/screen-model.ts';
import { Switch } from './parts.tsx';
import { SharerTools } from './sharer-tools.tsx';
import { screenProblemWords, sharingWords } from './sharing-words.ts';

export function ScreenStrip(props: { screen: ScreenModel; pointer: PointerModel }) {
  const problem = () => {
    const code = props.screen.problem();
    return code && screenProblemWords(code);
  };
  return (
    <>
      <Show when={problem()}>
        {(words) => (
          <div class="strip" data-tone="warn">
            <p role="status">
              <strong>{words().says}</strong> {words().doThis}
            </p>
            <div class="row">
              <Show when={words().again}>
                <button type="button" class="quiet" onClick={() => props.screen.toggle()}>
                  Try again
                </button>
              </Show>
              <button
                type="button"
                class="quiet"
                aria-label="Dismiss: share screen"
                onClick={() => props.screen.dismiss()}
              >
                Dismiss
              </button>
            </div>
          </div>
        )}
      </Show>
      <Show when={props.screen.sharing()}>
        {(sharing) => (
          <Sharing screen={props.screen} sharing={sharing()}>
            <SharerTools model={props.pointer} screen={props.screen} />
          </Sharing>
        )}
      </Show>
    </>
  );
}

function Sharing(props: { screen: ScreenModel; sharing: SharingView; children: JSX.Element }): JSX.Element {
  return (
    <div class="strip sharing" data-tone={props.sharing.ownTab ? 'warn' : undefined}>
      <p role="status">{sharingWords(props.sharing)}</p>
      <div class="row">
        <Switch
          label="Smooth motion"
          checked={props.sharing.mode === 'motion'}
          onChange={(on) => props.screen.setMode(on ? 'motion' : 'text')}
        />
        {props.children}
        <button type="button" class="quiet" onClick={() => props.screen.stop()}>
          Stop sharing
        </button>
      </div>
    </div>
  );
}
