/** What stands between this person and the others, in a sentence for every state; and the notices that say it aloud. */
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
import type { CallModel } from '../state/app-model.ts';
import type { SourceKind } from '../state/media-model.ts';
import { LaterPart, loadLater } from './later-part.tsx';
import { ShareLink } from './share.tsx';
import { eventWords, nameOr, sourceWords } from './words.ts';

export function Notices(props: { model: CallModel; alone: boolean }) {
  const situation = () => situationTitle(props.model, props.alone);
  const own = () =>
    props.model.media.source('microphone').status === 'on'
      ? 'Your microphone is on'
      : 'Your microphone is off';
  return (
    <div class="notices" role="status" aria-label="Notices">
      <p class="visually-hidden">{situation()}</p>
      <p class="visually-hidden">{own()}</p>
      <For each={props.model.notices.shown()}>
        {(notice) => (
          <p classList={{ 'visually-hidden': notice.quiet }}>
            <Show
              when={notice.name !== undefined && !('kind' in notice && /^(server|own)-/.test(notice.kind))}
            >
              <bdi>{nameOr(notice.name ?? '')}</bdi>{' '}
            </Show>
            {'kind' in notice ? eventWords(notice) : notice.says}
          </p>
        )}
      </For>
    </div>
  );
}

/** Others who press Join at the same moment are a fraction of a second away; an invitation is not worth showing till then. */
const ALONE_AFTER_MS = 500;

/** Whether nobody else is here: at once when the others left, and after a moment's look for them when we came. */
export function createAlone(model: CallModel): Accessor<boolean> {
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
export function Situation(props: { model: CallModel; alone: boolean }) {
  const view = () => props.model.view;
  const unreachable = () => view().peers.filter((peer) => peer.state === 'unreachable');
  const connecting = () => view().peers.filter((peer) => peer.state === 'connecting');
  const nobody = () => view().peers.length === 0;
  const title = () => situationTitle(props.model, props.alone);
  createEffect(() => {
    // While the browser asks what to share there is time for it.
    if (props.model.screen.state() === 'choosing') void loadLater().catch(() => {});
  });
  return (
    <div class="situation">
      <SourceStrip model={props.model} kind="microphone" />
      <SourceStrip model={props.model} kind="camera" />
      <Show when={props.model.screen.problem() || props.model.screen.sharing()}>
        <LaterPart part="ScreenStrip" props={{ screen: props.model.screen, pointer: props.model.pointer }} />
      </Show>
      <Show when={props.model.isCutOff()}>
        <CutOff model={props.model} />
      </Show>
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
      <Show when={connecting().length > 0 && !props.model.isCutOff()}>
        <Strip>
          <p>
            Connecting to <Names of={connecting()} />.
          </p>
        </Strip>
      </Show>
      <Show when={unreachable().length > 0 && !props.model.isCutOff()}>
        <Strip>
          <p>
            <Names of={unreachable()} /> cannot be reached: no path between your networks was found
            {view().hasRelay === false ? ', and this server has no relay to lead around that' : ''}. Parley
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

/** Why nobody can be reached, and the way out. */
export function CutOff(props: { model: CallModel }) {
  return (
    <Strip tone="warn">
      <p role="status">
        This server has no relay, so nobody can be reached while you use only a relay. Without “Relay only”
        the others can see your network address.
      </p>
      <button type="button" class="quiet" onClick={() => props.model.joinDirectly()}>
        Join without “Relay only”
      </button>
    </Strip>
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
