/** The call: stage, bar, people, invitation, and a sentence for every state it can be in. */
import Ellipsis from 'lucide-solid/icons/ellipsis';
import Mic from 'lucide-solid/icons/mic';
import MicOff from 'lucide-solid/icons/mic-off';
import PhoneOff from 'lucide-solid/icons/phone-off';
import UserPlus from 'lucide-solid/icons/user-plus';
import Users from 'lucide-solid/icons/users';
import Video from 'lucide-solid/icons/video';
import VideoOff from 'lucide-solid/icons/video-off';
import X from 'lucide-solid/icons/x';
import {
  type Accessor,
  Switch as Choose,
  createEffect,
  createSignal,
  For,
  type JSX,
  Match,
  onCleanup,
  Show,
} from 'solid-js';
import type { AppModel, CallModel } from '../state/app-model.ts';
import type { SourceKind } from '../state/media-model.ts';
import { DeviceSelects, Dialog, SafetyLine, ScreenHeading, SourceNote, Switch } from './parts.tsx';
import { ShareLink } from './share.tsx';
import { createShortcuts } from './shortcuts.ts';
import { Stage } from './stage.tsx';
import { endWords, eventWords, nameOr, peerStateWords, sourceWords } from './words.ts';

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

function SourceToggle(props: { model: CallModel; kind: SourceKind }) {
  const source = () => props.model.media.source(props.kind);
  const failed = () => source().wanted && source().status !== 'on' && source().status !== 'starting';
  const on = () => source().wanted && !failed();
  const isMicrophone = () => props.kind === 'microphone';
  return (
    <BarButton
      label={isMicrophone() ? 'Microphone' : 'Camera'}
      short={isMicrophone() ? 'Mic' : undefined}
      pressed={on()}
      source
      onClick={() =>
        failed() ? props.model.media.tryAgain(props.kind) : props.model.media.toggle(props.kind)
      }
    >
      <Choose>
        <Match when={isMicrophone() && on()}>
          <Mic aria-hidden="true" />
        </Match>
        <Match when={isMicrophone()}>
          <MicOff aria-hidden="true" />
        </Match>
        <Match when={on()}>
          <Video aria-hidden="true" />
        </Match>
        <Match when={true}>
          <VideoOff aria-hidden="true" />
        </Match>
      </Choose>
    </BarButton>
  );
}

function BarButton(props: {
  label: string;
  /** For narrow screens; a part of `label`, so that saying what one sees still finds the button. */
  short?: string | undefined;
  pressed?: boolean;
  source?: boolean;
  danger?: boolean;
  onClick: () => void;
  children: JSX.Element;
}) {
  return (
    <button
      type="button"
      class="bar-button"
      aria-label={props.label}
      aria-pressed={props.pressed}
      data-source={props.source}
      data-danger={props.danger}
      onClick={() => props.onClick()}
    >
      {props.children}
      <span class="bar-label">{props.label}</span>
      <span class="bar-label-short">{props.short ?? props.label}</span>
    </button>
  );
}

/** Arrow keys within the toolbar (ARIA APG, Toolbar pattern). */
function moveFocus(event: KeyboardEvent & { currentTarget: HTMLElement }) {
  const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
  if (step === 0) return;
  const buttons = [...event.currentTarget.querySelectorAll('button')];
  const at = buttons.findIndex((button) => button.matches(':focus'));
  buttons[(at + step + buttons.length) % buttons.length]?.focus();
  event.preventDefault();
}

function Notices(props: { model: CallModel; alone: boolean }) {
  const situation = () => situationTitle(props.model, props.alone);
  const own = () =>
    props.model.media.source('microphone').status === 'on'
      ? 'Your microphone is on'
      : 'Your microphone is off';
  return (
    <div class="notices" role="status" aria-label="Notices">
      <p class="visually-hidden">{situation()}</p>
      <p class="visually-hidden">{own()}</p>
      <For each={props.model.events()}>
        {(event) => (
          <p
            // A mark on the tile shows it already.
            classList={{ 'visually-hidden': event.kind === 'muted' || event.kind === 'unmuted' }}
          >
            <Show when={!event.kind.startsWith('server')}>
              <bdi>{nameOr(event.name)}</bdi>{' '}
            </Show>
            {eventWords(event.kind)}
          </p>
        )}
      </For>
    </div>
  );
}

/** Others who press Join at the same moment are a fraction of a second away; an invitation is not worth showing till then. */
const ALONE_AFTER_MS = 500;

/** Whether nobody else is here: at once when the others left, and after a moment's look for them when we came. */
function createAlone(model: CallModel): Accessor<boolean> {
  const [alone, setAlone] = createSignal(false);
  let met = false;
  createEffect(() => {
    const others = model.view.peers.length > 0 || model.view.strangers > 0;
    met ||= others;
    if (model.view.phase !== 'joined' || others || met) {
      setAlone(!others && model.view.phase === 'joined');
      return;
    }
    const timer = setTimeout(() => setAlone(true), ALONE_AFTER_MS);
    onCleanup(() => clearTimeout(timer));
  });
  return alone;
}

/** The title of the card that `Situation` shows; '' where it shows none. */
function situationTitle(model: CallModel, alone: boolean): string {
  const { phase, server, peers, strangers } = model.view;
  if (phase === 'joining' && server === 'away') return 'The server cannot be reached';
  if (peers.length > 0) return '';
  if (!alone && strangers === 0) return 'Joining';
  return strangers > 0 ? 'Your key does not open this room' : 'Nobody else is here yet';
}

/** What stands between this person and the others, in order of what matters most. */
function Situation(props: { model: CallModel; alone: boolean }) {
  const view = () => props.model.view;
  const unreachable = () => view().peers.filter((peer) => peer.state === 'unreachable');
  const connecting = () => view().peers.filter((peer) => peer.state === 'connecting');
  const nobody = () => view().peers.length === 0;
  const title = () => situationTitle(props.model, props.alone);
  return (
    <div class="situation">
      <SourceStrip model={props.model} kind="microphone" />
      <SourceStrip model={props.model} kind="camera" />
      <Choose>
        <Match when={view().phase === 'joining' && view().server === 'away'}>
          <Card title={title()} tone="warn">
            <p>Check your network. Parley keeps trying, and joins as soon as the server answers.</p>
            <button type="button" onClick={() => props.model.retry()}>
              Try again now
            </button>
          </Card>
        </Match>
        <Match when={nobody() && view().strangers > 0}>
          <Card title={title()} tone="warn">
            <p>
              {view().strangers === 1 ? 'Somebody is' : `${view().strangers} people are`} here, but with
              another room password. Compare it with them, then join again.
            </p>
            <button type="button" onClick={() => props.model.toLobby()}>
              Change the password
            </button>
          </Card>
        </Match>
        <Match when={nobody() && !props.alone}>
          <Card title={title()}>
            <p>Looking for the others.</p>
          </Card>
        </Match>
        <Match when={nobody()}>
          <Card title={title()}>
            <p>Share this link with the people you want to talk to.</p>
            <Show when={props.model.hasPassword}>
              <p>They also need the room password.</p>
            </Show>
            <ShareLink link={props.model.link} />
          </Card>
        </Match>
      </Choose>
      <Show when={view().phase === 'joined' && view().server === 'away'}>
        <Strip>
          <p>The server is away. The call goes on; nobody new can join until it is back.</p>
          <button type="button" class="quiet" onClick={() => props.model.retry()}>
            Try again
          </button>
        </Strip>
      </Show>
      <Show when={connecting().length > 0}>
        <Strip>
          <p>
            Connecting to <Names of={connecting()} />.
          </p>
        </Strip>
      </Show>
      <Show when={unreachable().length > 0}>
        <Strip>
          <p>
            <Names of={unreachable()} /> cannot be reached: no path between your networks was found. Parley
            keeps trying.
          </p>
          <button type="button" class="quiet" onClick={() => props.model.retry()}>
            Try again
          </button>
        </Strip>
      </Show>
      <Show when={!nobody() && view().strangers > 0}>
        <Strip>
          <p>
            {view().strangers === 1 ? 'One person' : `${view().strangers} people`} in this room cannot be
            opened with your key or password. They neither see nor hear you.
          </p>
        </Strip>
      </Show>
    </div>
  );
}

/** A source that was wanted and could not be had, or was lost. */
function SourceStrip(props: { model: CallModel; kind: SourceKind }) {
  const media = () => props.model.media;
  const words = () => sourceWords(props.kind, media().source(props.kind).status);
  const waiting = () => media().source(props.kind).status === 'starting';
  return (
    <Show when={words()}>
      {(text) => (
        <Strip tone={waiting() ? undefined : 'warn'}>
          <p role="status">{text().says}</p>
          <Show when={!waiting()}>
            <div class="row">
              <button
                type="button"
                class="quiet"
                aria-label={`Try again: ${props.kind}`}
                onClick={() => media().tryAgain(props.kind)}
              >
                Try again
              </button>
              <button
                type="button"
                class="quiet"
                aria-label={`Go on without it: ${props.kind}`}
                onClick={() => media().setWanted(props.kind, false)}
              >
                Go on without it
              </button>
            </div>
          </Show>
        </Strip>
      )}
    </Show>
  );
}

function Names(props: { of: readonly { readonly key: string; readonly name: string }[] }) {
  return (
    <For each={props.of}>
      {(peer, index) => (
        <>
          {index() > 0 ? ', ' : ''}
          <bdi class="inline-name">{nameOr(peer.name)}</bdi>
        </>
      )}
    </For>
  );
}

function Card(props: { title: string; tone?: 'warn'; children: JSX.Element }) {
  return (
    <section class="card" data-tone={props.tone}>
      <h2>{props.title}</h2>
      {props.children}
    </section>
  );
}

function Strip(props: { tone?: 'warn' | undefined; children: JSX.Element }) {
  return (
    <div class="strip" data-tone={props.tone}>
      {props.children}
    </div>
  );
}

function People(props: { model: CallModel; onClose: () => void }) {
  const media = () => props.model.media;
  return (
    <aside class="people" aria-label="People">
      <header class="dialog-head">
        <h2>People</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={() => props.onClose()}>
          <X aria-hidden="true" />
        </button>
      </header>
      <ul>
        <li>
          <bdi>{nameOr(props.model.name)}</bdi>
          <span class="hint">you{media().source('microphone').status === 'on' ? '' : ', muted'}</span>
        </li>
        <For each={props.model.view.peers}>
          {(peer) => (
            <li>
              <bdi>{nameOr(peer.name)}</bdi>
              <span class="hint">
                {peerStateWords(peer.state)}
                {peer.confirmed && !peer.microphone ? ', muted' : ''}
                {peer.state === 'connected' && peer.route !== 'unknown' ? `, ${peer.route}` : ''}
              </span>
              <Show when={peer.state === 'unreachable'}>
                <button type="button" class="quiet" onClick={() => props.model.retry()}>
                  Try again
                </button>
              </Show>
            </li>
          )}
        </For>
      </ul>
    </aside>
  );
}

function Ended(props: { model: CallModel }) {
  const words = () => endWords(props.model.view.endCode ?? 'left');
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
    </main>
  );
}
