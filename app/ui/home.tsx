/** The first screen: start a call, or join one by its link. */
import { createSignal, Show } from 'solid-js';
import { HOW_IT_WORKS, type HomeModel } from '../state/app-model.ts';
import { SafetyLine, ScreenHeading } from './parts.tsx';
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
        <div class="home-foot">
          <SafetyLine />
          <a href={HOW_IT_WORKS}>How it works</a>
        </div>
      </section>
      <section class="how" id="how-it-works" aria-labelledby="how-title" tabindex="-1">
        <h2 id="how-title">How it works</h2>
        <dl>
          <div>
            <dt>The link is the key</dt>
            <dd>
              Your browser makes it. The part after # is never sent to a server, so only people who have the
              link can come in.
            </dd>
          </div>
          <div>
            <dt>A server introduces you</dt>
            <dd>
              It passes a few sealed notes between the browsers so they can find each other. It cannot read
              them. It does see your network address, and how many people are in a room.
            </dd>
          </div>
          <div>
            <dt>You talk directly</dt>
            <dd>
              Picture and sound travel encrypted between your browsers. Where no direct path exists, a relay
              passes on what it cannot decrypt. If the server goes away, the call goes on.
            </dd>
          </div>
          <div>
            <dt>The honest limit</dt>
            <dd>
              Whoever serves this page could change it. Use a server run by someone you trust, or run your
              own.
            </dd>
          </div>
        </dl>
      </section>
    </main>
  );
}

function otherHost(problem: ReturnType<HomeModel['problem']>) {
  return problem?.code === 'other-host' ? problem : null;
}
