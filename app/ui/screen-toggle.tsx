/** The button that shares the own screen. */
import { ScreenShare, ScreenShareOff } from 'lucide';
import { Show } from 'solid-js';
import type { ScreenModel } from '../state/screen-model.ts';
import { BarButton } from './bar.tsx';
import { Icon } from './icon.tsx';

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
