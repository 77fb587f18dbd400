/**
 * The button that shares the own screen, and what there is to say of it: what the others see, what it is sent for, and why
 * it could not be shared.
 */
import { ScreenShare, ScreenShareOff } from 'lucide';
import { type JSX, Show } from 'solid-js';
import type { ScreenModel, SharingView } from '../state/screen-model.ts';
import { BarButton } from './bar.tsx';
import { Icon } from './icon.tsx';
import { Switch } from './parts.tsx';
import { screenProblemWords, sharingWords } from './words.ts';

/** A browser that cannot share keeps the button: pressing it says why. */
export function ScreenToggle(props: { screen: ScreenModel }) {
  const on = () => props.screen.state() === 'sharing';
  return (
    <BarButton
      label="Share screen"
      short="Share"
      keys="S"
      pressed={on()}
      onClick={() => props.screen.toggle()}
    >
      <Show when={on()} fallback={<Icon of={ScreenShare} />}>
        <Icon of={ScreenShareOff} />
      </Show>
    </BarButton>
  );
}

export function ScreenStrip(props: {
  screen: ScreenModel;
  /** What else there is to do while sharing. */
  children?: JSX.Element;
}) {
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
            {props.children}
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
