/** The screen before a call: how one looks and sounds, and what one is called. */
import { Mic, MicOff } from 'lucide';
import { createSignal, onCleanup, onMount, Show } from 'solid-js';
import { ABOUT_PATH, type LobbyModel } from '../state/app-model.ts';
import type { MediaModel } from '../state/media-model.ts';
import { Icon } from './icon.tsx';
import { DeviceSelects, SafetyLine, ScreenHeading, ScreenLink, SourceNote, Switch } from './parts.tsx';
import { SelfVideo } from './tile.tsx';

export function Lobby(props: { model: LobbyModel }) {
  const media = () => props.model.media;
  return (
    <main class="lobby">
      <header class="lobby-head">
        <ScreenLink class="brand" href="/" onOpen={() => props.model.goHome()}>
          Parley
        </ScreenLink>
      </header>
      <div class="lobby-preview">
        <div class="preview">
          <Show
            when={media().selfStream()}
            fallback={
              <p>
                {media().source('camera').status === 'starting'
                  ? 'Starting your camera'
                  : 'No picture is sent'}
              </p>
            }
          >
            {(stream) => <SelfVideo stream={stream()} />}
          </Show>
        </div>
        <LevelMeter media={media()} />
        <SourceNote media={media()} kind="camera" />
        <SourceNote media={media()} kind="microphone" />
      </div>
      <form
        class="lobby-form"
        onSubmit={(event) => {
          event.preventDefault();
          props.model.join();
        }}
      >
        <ScreenHeading>
          <Show when={props.model.label} fallback="Ready to join?">
            Ready to join <bdi class="label">{props.model.label}</bdi>?
          </Show>
        </ScreenHeading>
        <label class="field">
          <span>Your name</span>
          <input
            type="text"
            maxlength="40"
            autocomplete="name"
            value={props.model.name()}
            onInput={(event) => props.model.setName(event.currentTarget.value)}
          />
        </label>
        <div class="switches">
          <Switch
            label="Microphone"
            checked={media().source('microphone').wanted}
            onChange={(on) => media().setWanted('microphone', on)}
          />
          <Switch
            label="Camera"
            checked={media().source('camera').wanted}
            onChange={(on) => media().setWanted('camera', on)}
          />
        </div>
        <DeviceSelects media={media()} />
        <Switch
          label="Relay only"
          hint={
            props.model.isRelayMissing()
              ? 'This server has no relay: with this on, nobody can be reached.'
              : 'Hides your network address from the others; sound and picture take a detour.'
          }
          checked={props.model.relayOnly()}
          onChange={props.model.setRelayOnly}
        />
        <details open={props.model.password() !== ''}>
          <summary>Use a room password</summary>
          <label class="field">
            <span>Room password</span>
            <input
              type="password"
              autocomplete="off"
              value={props.model.password()}
              onInput={(event) => props.model.setPassword(event.currentTarget.value)}
              onChange={() => props.model.settlePassword()}
            />
          </label>
          <p class="hint">
            Everybody needs the link and the same password. Agree on it outside the link; people who type
            another one do not meet.
          </p>
        </details>
        <button type="submit" class="primary large">
          Join
        </button>
        <div class="foot">
          <SafetyLine />
          <ScreenLink href={ABOUT_PATH} onOpen={() => props.model.about()}>
            How it works
          </ScreenLink>
        </div>
      </form>
    </main>
  );
}

/** Loudness as a bar. Written once a frame as a transform, outside of Solid, while this is on screen. */
function LevelMeter(props: { media: MediaModel }) {
  const [element, setElement] = createSignal<HTMLElement>();
  onMount(() => {
    let shown = 0;
    let frame = requestAnimationFrame(function draw() {
      const level = props.media.source('microphone').status === 'on' ? props.media.level() : 0;
      // Rises at once and falls slowly, so that a word is seen.
      shown = Math.max(level, shown * 0.9);
      element()?.style.setProperty('transform', `scaleX(${Math.min(1, shown).toFixed(3)})`);
      frame = requestAnimationFrame(draw);
    });
    onCleanup(() => cancelAnimationFrame(frame));
  });
  return (
    <div class="meter" aria-hidden="true">
      <Show when={props.media.source('microphone').status === 'on'} fallback={<Icon of={MicOff} />}>
        <Icon of={Mic} />
      </Show>
      <div class="meter-track">
        <div class="meter-fill" ref={setElement} />
      </div>
    </div>
  );
}
