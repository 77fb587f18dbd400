/** Chooses the screen. */
import { type Accessor, createComputed, createEffect, createSignal, Match, Switch, untrack } from 'solid-js';
import type { AppModel, View } from '../state/app-model.ts';
import { AboutScreen } from './about-screen.tsx';
import { CallScreen } from './call-screen.tsx';
import { Home } from './home.tsx';
import { Lobby } from './lobby.tsx';
import './styles/tokens.css';
import './styles/base.css';
import './styles/home.css';
import './styles/lobby.css';
import './styles/stage.css';
import './styles/screen.css';
import './styles/call.css';
import './styles/bar.css';
import './styles/panel.css';
import './styles/gestures.css';
import './styles/chat.css';
import './styles/pointer.css';
import './styles/dialogs.css';
import './styles/ended.css';
import './styles/files.css';

/** What the tab is called: screens have their own, people and rooms stay out of it. */
const TITLES: Readonly<Record<View['kind'], string>> = {
  home: 'Parley',
  lobby: 'Ready to join? · Parley',
  call: 'Call · Parley',
  about: 'How it works · Parley',
};

/**
 * The screen to draw. Drawing a call takes as long as all that a join has to say together, and would hold it up: the lobby
 * stays until that is said, and takes no more presses.
 */
function createDrawn(view: Accessor<View>): Accessor<View> {
  const [drawn, setDrawn] = createSignal(view());
  createComputed(() => {
    const next = view();
    const draw = () => {
      if (view() !== next) return;
      document.body.inert = false;
      setDrawn(next);
    };
    if (next.kind !== 'call' || untrack(drawn).kind !== 'lobby') return draw();
    document.body.inert = true;
    void next.underway.then(draw);
  });
  return drawn;
}

export function App(props: { model: AppModel }) {
  const view = createDrawn(() => props.model.view());
  createEffect(() => {
    document.title = TITLES[view().kind];
  });
  return (
    <Switch>
      <Match when={is(view(), 'home')} keyed>
        {(model) => <Home model={model} />}
      </Match>
      <Match when={is(view(), 'lobby')} keyed>
        {(model) => <Lobby model={model} />}
      </Match>
      <Match when={is(view(), 'call')} keyed>
        {(model) => <CallScreen app={props.model} model={model} />}
      </Match>
      <Match when={is(view(), 'about')} keyed>
        {(model) => <AboutScreen model={model} />}
      </Match>
    </Switch>
  );
}

function is<K extends View['kind']>(view: View, kind: K): Extract<View, { kind: K }> | false {
  return isKind(view, kind) ? view : false;
}

function isKind<K extends View['kind']>(view: View, kind: K): view is Extract<View, { kind: K }> {
  return view.kind === kind;
}
