/** The call: stage, bar, people and dialogs, put together. */
import { ExternalLink, MessageSquare, UserPlus, Users } from 'lucide';
import { createSignal, For, onCleanup, onMount, Show } from 'solid-js';
import { ABOUT_PATH, type AppModel, type CallModel } from '../state/app-model.ts';
import {
  Bar,
  BarButton,
  type BarItem,
  createBarLayout,
  createIdle,
  focusBarButton,
  SourceToggle,
} from './bar.tsx';
import { DropZone } from './drop-zone.tsx';
import { Ended } from './ended.tsx';
import { createFileNotices, FileShelf } from './file-shelf.tsx';
import { HandToggle, ReactButton, ReactionMenu, toggleReactions } from './gestures.tsx';
import { Icon } from './icon.tsx';
import { LaterPart, loadLater } from './later-part.tsx';
import { Panel } from './panel.tsx';
import { DeviceSelects, Dialog, SafetyLine, ScreenHeading, SourceNote, Switch } from './parts.tsx';
import { PointerSlot, PointerToggle } from './pointer-tools.tsx';
import { ScreenToggle } from './screen-toggle.tsx';
import { ShareLink } from './share.tsx';
import { createShortcuts, type Shortcut } from './shortcuts.ts';
import { CutOff, createAlone, Notices, Situation } from './situation.tsx';
import { Stage } from './stage.tsx';

export function CallScreen(props: { app: AppModel; model: CallModel }) {
  return (
    <Show when={props.model.view.endCode} fallback={<Running app={props.app} model={props.model} />}>
      <Ended model={props.model} />
    </Show>
  );
}

/** The server may be away by the time somebody opens the chat; nothing of a join waits for this. */
const LOAD_LATER_AFTER_MS = 4_000;
const PREVIEW_CHARACTERS = 80;
/** On the button; its description has the whole number. */
const MOST_COUNTED = 99;

function Running(props: { app: AppModel; model: CallModel }) {
  const [panel, setPanel] = createSignal<'none' | 'Chat' | 'People'>('none');
  const [open, setOpen] = createSignal<'none' | 'invite' | 'more' | 'keys'>('none');
  const closer = (name: 'invite' | 'more' | 'keys') => () => setOpen((old) => (old === name ? 'none' : old));
  const alone = createAlone(props.model);
  createFileNotices(props.model);
  const media = () => props.model.media;
  const chat = () => props.model.chat;
  const togglePanel = (name: 'Chat' | 'People') => setPanel((old) => (old === name ? 'none' : name));
  const closePanel = () => {
    const was = panel();
    setPanel('none');
    focusBarButton(was);
  };

  // In the order of the bar. The rank is the order in which they stay in it.
  const items: readonly BarItem[] = [
    { rank: 0, draw: () => <SourceToggle model={props.model} kind="microphone" /> },
    { rank: 0, draw: () => <SourceToggle model={props.model} kind="camera" /> },
    { rank: 3, draw: () => <ScreenToggle screen={props.model.screen} /> },
    { rank: 7, draw: () => <PointerToggle model={props.model.pointer} /> },
    { rank: 5, draw: () => <ReactButton /> },
    { rank: 2, draw: () => <HandToggle model={props.model.gestures} /> },
    {
      rank: 0,
      draw: () => (
        <BarButton
          label="Chat"
          keys="C"
          pressed={panel() === 'Chat'}
          badge={Math.min(MOST_COUNTED, chat().unread())}
          description={unreadWords(chat().unread())}
          onClick={() => togglePanel('Chat')}
        >
          <Icon of={MessageSquare} />
        </BarButton>
      ),
    },
    {
      rank: 4,
      draw: () => (
        <BarButton label="People" pressed={panel() === 'People'} onClick={() => togglePanel('People')}>
          <Icon of={Users} />
        </BarButton>
      ),
    },
    {
      rank: 6,
      draw: () => (
        <BarButton label="Invite" onClick={() => setOpen('invite')}>
          <Icon of={UserPlus} />
        </BarButton>
      ),
    },
  ];
  const layout = createBarLayout(items);
  const closeMore = ({ target }: Event) => {
    if (target instanceof Element && target.closest('button')) setOpen('none');
  };
  const idle = createIdle(() => panel() !== 'none' || alone());

  const shortcuts: readonly Shortcut[] = [
    { key: 'M', does: 'Microphone on or off', run: () => media().toggle('microphone') },
    { key: 'V', does: 'Camera on or off', run: () => media().toggle('camera') },
    { key: 'S', does: 'Share your screen, or stop', run: () => props.model.screen.toggle() },
    { key: 'P', does: 'Point at a shared screen, or stop', run: () => props.model.pointer.toggle() },
    { key: 'R', does: 'React', run: toggleReactions },
    { key: 'H', does: 'Raise or lower your hand', run: () => props.model.gestures.toggleHand() },
    { key: 'C', does: 'Open or close the chat', run: () => togglePanel('Chat') },
    { key: '?', does: 'These shortcuts', run: () => setOpen('keys') },
  ];
  createShortcuts({
    enabled: props.app.shortcuts,
    all: shortcuts,
    microphoneOff: () => !media().source('microphone').wanted,
    talk: (on) => media().setWanted('microphone', on),
  });

  onMount(() => {
    const timer = setTimeout(() => void loadLater().catch(() => {}), LOAD_LATER_AFTER_MS);
    onCleanup(() => clearTimeout(timer));
  });
  chat().onUnread(({ from, privateWith, text }) => {
    if (!from) return;
    // A shared screen may be seen by others.
    const says = privateWith ? 'wrote to you only' : `wrote: ${text.slice(0, PREVIEW_CHARACTERS)}`;
    props.model.notices.post({ name: from.name, says, about: `chat ${from.key}` });
  });

  return (
    <main class="call" data-panel={panel()} data-idle={idle() ? '' : undefined}>
      <ScreenHeading hidden>
        Call
        <Show when={props.model.label}>
          {' '}
          <bdi>{props.model.label}</bdi>
        </Show>
      </ScreenHeading>
      <header class="call-head">
        <SafetyLine />
        <Notices model={props.model} alone={alone()} />
      </header>
      <div class="call-body">
        <div class="call-main">
          <Situation model={props.model} alone={alone()} />
          <Stage
            model={props.model}
            alone={alone()}
            overlay={(surface) => <PointerSlot model={props.model.pointer} surface={surface} />}
          />
          {/* The chat has it too. */}
          <Show when={panel() !== 'Chat'}>
            <FileShelf model={props.model.files} />
          </Show>
        </div>
        <Show when={panel() === 'Chat'}>
          <Panel name="Chat" onClose={closePanel}>
            <LaterPart part="Chat" props={{ model: props.model }} />
          </Panel>
        </Show>
        <Show when={panel() === 'People'}>
          <Panel name="People" onClose={closePanel}>
            <LaterPart part="People" props={{ model: props.model }} />
          </Panel>
        </Show>
      </div>
      <Bar layout={layout} onMore={() => setOpen('more')} onLeave={() => props.model.leave()} />
      <ReactionMenu model={props.model.gestures} />
      <DropZone model={props.model} to={panel() === 'Chat' ? chat().recipient() : null} />
      <Dialog title="More" open={open() === 'more'} onClose={closer('more')}>
        <Show when={layout.underMore().length > 0}>
          <div
            class="bar-rest"
            // Before the button's own: what it opens may take the focus, and behind a dialog nothing can.
            on:click={{ capture: true, handleEvent: closeMore }}
          >
            <For each={layout.underMore()}>{(item) => item.draw()}</For>
          </div>
        </Show>
        <DeviceSelects media={media()} />
        <SourceNote media={media()} kind="microphone" />
        <SourceNote media={media()} kind="camera" />
        <Show when={props.model.relayOnly}>
          <Show
            when={props.model.isCutOff()}
            fallback={
              <p class="hint">This call uses only the relay: the others do not see your network address.</p>
            }
          >
            <CutOff model={props.model} />
          </Show>
        </Show>
        <Switch
          label="Keyboard shortcuts"
          checked={props.app.shortcuts()}
          onChange={props.app.setShortcuts}
        />
        <button type="button" onClick={() => setOpen('keys')}>
          Show shortcuts
        </button>
        {/* In a tab of its own, which cannot reach this one: the call goes on. */}
        <a class="more-link" href={ABOUT_PATH} target="_blank" rel="noopener">
          How it works <Icon of={ExternalLink} />
          <span class="visually-hidden">(opens in another tab)</span>
        </a>
      </Dialog>
      <Dialog title="Invite people" open={open() === 'invite'} onClose={closer('invite')}>
        <p>Whoever has this link can join. Pass it on only to people you want here.</p>
        <Show when={props.model.hasPassword}>
          <p>They also need the room password.</p>
        </Show>
        <ShareLink link={props.model.link} asked />
      </Dialog>
      <Dialog title="Leave the call?" open={props.model.isLeaving()} onClose={() => props.model.stay()}>
        <p>You can join again with the same link.</p>
        <div class="row">
          <button type="button" class="primary" ref={focusSoon} onClick={() => props.model.stay()}>
            Stay
          </button>
          <button type="button" class="danger" onClick={() => props.model.leave()}>
            Leave
          </button>
        </div>
      </Dialog>
      <Dialog title="Shortcuts" open={open() === 'keys'} onClose={closer('keys')}>
        <LaterPart part="Shortcuts" props={{ all: shortcuts }} />
        <Switch
          label="Keyboard shortcuts"
          checked={props.app.shortcuts()}
          onChange={props.app.setShortcuts}
        />
      </Dialog>
    </main>
  );
}

/** When what is around it is shown, which gives the focus to its first button. */
function focusSoon(element: HTMLElement): void {
  onMount(() => element.focus());
}

function unreadWords(unread: number): string | undefined {
  return unread === 0 ? undefined : unread === 1 ? '1 unread message' : `${unread} unread messages`;
}
