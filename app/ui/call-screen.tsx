/** The call: stage, bar, people and dialogs, put together. */
import Ellipsis from 'lucide-solid/icons/ellipsis';
import PhoneOff from 'lucide-solid/icons/phone-off';
import UserPlus from 'lucide-solid/icons/user-plus';
import Users from 'lucide-solid/icons/users';
import { createSignal, Show } from 'solid-js';
import type { AppModel, CallModel } from '../state/app-model.ts';
import { BarButton, moveFocus, SourceToggle } from './bar.tsx';
import { Ended } from './ended.tsx';
import { DeviceSelects, Dialog, SafetyLine, ScreenHeading, SourceNote, Switch } from './parts.tsx';
import { People } from './people.tsx';
import { ShareLink } from './share.tsx';
import { createShortcuts } from './shortcuts.ts';
import { createAlone, Notices, Situation } from './situation.tsx';
import { Stage } from './stage.tsx';

export function CallScreen(props: { app: AppModel; model: CallModel }) {
  return (
    <Show when={props.model.view.endCode} fallback={<Running app={props.app} model={props.model} />}>
      <Ended model={props.model} />
    </Show>
  );
}

function Running(props: { app: AppModel; model: CallModel }) {
  const [people, setPeople] = createSignal(false);
  const [open, setOpen] = createSignal<'none' | 'invite' | 'more'>('none');
  const close = () => setOpen('none');
  const alone = createAlone(props.model);
  const media = () => props.model.media;
  createShortcuts({
    enabled: props.app.shortcuts,
    toggleMicrophone: () => media().toggle('microphone'),
    toggleCamera: () => media().toggle('camera'),
    microphoneOff: () => !media().source('microphone').wanted,
    talk: (on) => media().setWanted('microphone', on),
  });
  return (
    <main class="call" data-people={people()}>
      <ScreenHeading hidden>
        Call <bdi>{props.model.label}</bdi>
      </ScreenHeading>
      <header class="call-head">
        <SafetyLine />
        <Notices model={props.model} alone={alone()} />
      </header>
      <div class="call-body">
        <div class="call-main">
          <Situation model={props.model} alone={alone()} />
          <Stage model={props.model} alone={alone()} />
        </div>
        <Show when={people()}>
          <People model={props.model} onClose={() => setPeople(false)} />
        </Show>
      </div>
      <div class="bar" role="toolbar" aria-label="Call controls" onKeyDown={moveFocus}>
        <SourceToggle model={props.model} kind="microphone" />
        <SourceToggle model={props.model} kind="camera" />
        <BarButton label="People" pressed={people()} onClick={() => setPeople((on) => !on)}>
          <Users aria-hidden="true" />
        </BarButton>
        <BarButton label="Invite" onClick={() => setOpen('invite')}>
          <UserPlus aria-hidden="true" />
        </BarButton>
        <BarButton label="More" onClick={() => setOpen('more')}>
          <Ellipsis aria-hidden="true" />
        </BarButton>
        <BarButton label="Leave" danger onClick={() => props.model.leave()}>
          <PhoneOff aria-hidden="true" />
        </BarButton>
      </div>
      <Dialog title="Invite people" open={open() === 'invite'} onClose={close}>
        <p>Whoever has this link can join. Pass it on only to people you want here.</p>
        <Show when={props.model.hasPassword}>
          <p>They also need the room password.</p>
        </Show>
        <ShareLink link={props.model.link} />
      </Dialog>
      <Dialog title="More" open={open() === 'more'} onClose={close}>
        <DeviceSelects media={media()} />
        <SourceNote media={media()} kind="microphone" />
        <SourceNote media={media()} kind="camera" />
        <Show when={props.model.relayOnly}>
          <p class="hint">This call uses only the relay: the others do not see your network address.</p>
        </Show>
        <h3>Keyboard</h3>
        <dl class="keys">
          <div>
            <dt>
              <kbd>M</kbd>
            </dt>
            <dd>Microphone on or off</dd>
          </div>
          <div>
            <dt>
              <kbd>V</kbd>
            </dt>
            <dd>Camera on or off</dd>
          </div>
          <div>
            <dt>
              <kbd>Space</kbd>
            </dt>
            <dd>Hold to talk while muted</dd>
          </div>
        </dl>
        <Switch
          label="Keyboard shortcuts"
          checked={props.app.shortcuts()}
          onChange={props.app.setShortcuts}
        />
      </Dialog>
    </main>
  );
}
