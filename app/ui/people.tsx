/** Who is here, what of them is off or shown, and how each of them is reached. */
import { For, type JSX, Show } from 'solid-js';
import type { CallModel } from '../state/app-model.ts';
import { HandMark } from './gestures.tsx';
import { nameOr, presenceWords, reachWords } from './words.ts';

export function People(props: { model: CallModel }) {
  const isOn = (kind: 'microphone' | 'camera') => props.model.media.source(kind).status === 'on';
  const peers = () => props.model.view.peers;
  const any = (route: 'direct' | 'relayed') =>
    peers().some((peer) => peer.state === 'connected' && peer.route === route);
  return (
    <div class="people">
      <ul>
        <Person name={nameOr(props.model.name)} place={props.model.gestures.place(null)}>
          {presenceWords('This is you', {
            microphone: isOn('microphone'),
            camera: isOn('camera'),
            screen: props.model.screen.state() === 'sharing',
          })}
        </Person>
        <For each={peers()}>
          {(peer) => (
            <Person
              name={nameOr(peer.name)}
              place={props.model.gestures.place(peer.key)}
              onRetry={peer.state === 'unreachable' ? () => props.model.retry() : null}
            >
              {presenceWords(reachWords(peer.state, peer.route), {
                // What was never heard of is not said to be off.
                microphone: peer.microphone || !peer.confirmed,
                camera: peer.camera || !peer.confirmed,
                screen: peer.screen !== null,
              })}
            </Person>
          )}
        </For>
      </ul>
      <Show when={any('direct')}>
        <p class="hint">Directly: sound and picture go from browser to browser, and nowhere else.</p>
      </Show>
      <Show when={any('relayed')}>
        <p class="hint">
          Through the relay: your networks allow no direct path, or one of you chose <i>Relay only</i>. So the
          operator’s relay passes sound and picture on, sealed. It can neither see nor hear you.
        </p>
      </Show>
    </div>
  );
}

function Person(props: {
  name: string;
  /** Of their raised hand; 0 while it is down. */
  place: number;
  onRetry?: (() => void) | null;
  children: JSX.Element;
}) {
  return (
    <li>
      <bdi>{props.name}</bdi>
      <HandMark place={props.place} />
      <p class="hint">{props.children}</p>
      <Show when={props.onRetry}>
        {(retry) => (
          <button type="button" class="quiet" onClick={() => retry()()}>
            Try again
          </button>
        )}
      </Show>
    </li>
  );
}
