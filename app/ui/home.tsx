/** The first screen: start a call, or join one by its link. */
import { createSignal, Show } from 'solid-js';
import { ABOUT_PATH, type HomeModel } from '../state/app-model.ts';
import { SafetyLine, ScreenHeading, ScreenLink } from './parts.tsx';
import { linkWords } from './words.ts';

export function Home(props: { model: HomeModel }) {
  const [input, setInput] = createSignal('');
  return (
    <main class="home">
      <section class="home-hero">
        <p class="brand">Parley</p>
        <ScreenHeading>Open a link and talk.</ScreenHeading>
        <p class="lead">Video calls straight from browser to browser. No account, nothing to install.</p>
        <button type="button" class="primary large" onClick={() => props.model.start()}>
          Start a call
        </button>
        <form
          class="join-form"
          onSubmit={(event) => {
            event.preventDefault();
            props.model.joinLink(input());
          }}
        >
          <label class="field">
            <span>Invitation link</span>
            <input
              type="text"
              inputmode="url"
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              aria-invalid={props.model.problem() !== null}
              aria-describedby="link-problem"
              value={input()}
              onInput={(event) => setInput(event.currentTarget.value)}
            />
          </label>
          <button type="submit">Join with a link</button>
        </form>
        <div id="link-problem" class="problem" role="alert">
          <Show when={props.model.problem()}>
            {(problem) => (
              <p>
                {linkWords(problem())}{' '}
                <Show when={otherHost(problem())}>
                  {(other) => (
                    <a href={other().url} rel="noopener noreferrer">
                      open it at <bdi>{other().host}</bdi>
                    </a>
                  )}
                </Show>
              </p>
            )}
          </Show>
        </div>
        <div class="foot">
          <SafetyLine />
          <ScreenLink href={ABOUT_PATH} onOpen={() => props.model.about()}>
            How it works
          </ScreenLink>
        </div>
      </section>
    </main>
  );
}

function otherHost(problem: ReturnType<HomeModel['problem']>) {
  return problem?.code === 'other-host' ? problem : null;
}
