/** Chooses the screen. */
import { Match, Switch } from 'solid-js';
import type { AppModel, View } from '../state/app-model.ts';
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
import './styles/dialogs.css';
import './styles/ended.css';
import './styles/files.css';

export function App(props: { model: AppModel }) {
  return (
    <Switch>
      <Match when={is(props.model.view(), 'home')} keyed>
        {(model) => <Home model={model} />}
      </Match>
      <Match when={is(props.model.view(), 'lobby')} keyed>
        {(model) => <Lobby model={model} />}
      </Match>
      <Match when={is(props.model.view(), 'call')} keyed>
        {(model) => <CallScreen app={props.model} model={model} />}
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
