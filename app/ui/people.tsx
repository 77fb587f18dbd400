/** Who is here, and how each of them is reached. */
import { For, Show } from 'solid-js';
import type { CallModel } from '../state/app-model.ts';
import { HandMark } from './gestures.tsx';
import { nameOr, peerStateWords } from './words.ts';

export function People(props: { model: CallModel }) {
  const media = () => props.model.media;
  return (
    <ul class="people">
      <li>
        <bdi>{nameOr(props.model.name)}</bdi>
        <span class="hint">
          <HandMark place={props.model.gestures.place(null)} />
          you{media().source('microphone').status === 'on' ? '' : ', muted'}
        </span>
      </li>
      <For each={props.model.view.peers}>
        {(peer) => (
          <li>
            <bdi>{nameOr(peer.name)}</bdi>
            <span class="hint">
              <HandMark place={props.model.gestures.place(peer.key)} />
              {peerStateWords(peer.state)}
              {peer.confirmed && !peer.microphone ? ', muted' : ''}
              {peer.screen ? ', sharing a screen' : ''}
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
  );
}
