/**
 * The chat: its log and its composer. Loaded after the call began; messages arrive without it. Renders what others wrote as
 * text and nothing else.
 */
import { Check, Lock, SendHorizontal } from 'lucide';
import {
  createEffect,
  createMemo,
  createSignal,
  For,
  type JSX,
  on,
  onCleanup,
  onMount,
  Show,
} from 'solid-js';
import type { CallModel } from '../state/app-model.ts';
import type { ChatDelivery, ChatEntry, ChatMessage, ChatOutcome, ChatPerson } from '../state/chat-model.ts';
import { AttachFiles } from './attach-files.tsx';
import { type Chosen, readInput } from './dropped-files.ts';
import { FileShelf } from './file-shelf.tsx';
import { Icon } from './icon.tsx';
import { linkify } from './linkify.ts';
import { offerFiles } from './offer-files.ts';
import { nameOr } from './words.ts';

type Model = Pick<CallModel, 'chat' | 'files' | 'notices'>;

export function Chat(props: { model: Model }) {
  let field: HTMLTextAreaElement | undefined;
  const look = () => props.model.chat.setReading(document.visibilityState === 'visible');
  onMount(() => {
    document.addEventListener('visibilitychange', look);
    look();
    // A touched screen would give half of itself to a keyboard before anything was read.
    if (!matchMedia('(hover: none)').matches) field?.focus();
  });
  onCleanup(() => {
    document.removeEventListener('visibilitychange', look);
    props.model.chat.setReading(false);
  });
  return (
    <div class="chat">
      <Log model={props.model} />
      <FileShelf model={props.model.files} />
      <Composer model={props.model} ref={(element) => (field = element)} />
    </div>
  );
}

const NOTE = { came: 'joined, and sees messages from here on', left: 'left', back: 'is back' };

/** How far from its end a log may be and still follow what comes. */
const FOLLOW_PX = 48;

function Log(props: { model: Model }) {
  const chat = () => props.model.chat;
  const [unseen, setUnseen] = createSignal(false);
  let log: HTMLDivElement | undefined;
  let follows = true;
  const toEnd = () => {
    if (log) log.scrollTop = log.scrollHeight;
  };
  const onScroll = () => {
    if (!log) return;
    follows = log.scrollHeight - log.scrollTop - log.clientHeight < FOLLOW_PX;
    if (follows) setUnseen(false);
  };
  createEffect(
    on(
      () => chat().entries().at(-1),
      (last) => {
        if (follows || (last?.kind === 'message' && last.from === null)) toEnd();
        else setUnseen(true);
      },
    ),
  );
  onMount(() => {
    // A keyboard that opens, or a composer that grows, must not hide the end.
    const observer = new ResizeObserver(() => follows && toEnd());
    if (log) observer.observe(log);
    onCleanup(() => observer.disconnect());
  });
  return (
    <div class="chat-view">
      <div class="chat-log" role="log" aria-label="Messages" tabindex="0" ref={log} onScroll={onScroll}>
        <p class="chat-about">
          Messages go straight from browser to browser and are kept only in this page: they are gone when you
          leave. You see what is written from the moment you joined, and so does everyone else.
        </p>
        <For each={chat().entries()}>
          {(entry, index) =>
            entry.kind === 'message' ? (
              <Message
                message={entry}
                goesOn={goesOn(chat().entries()[index() - 1], entry)}
                deliveries={chat().deliveries(entry.id)}
                model={props.model}
              />
            ) : (
              <p class="chat-note">
                <bdi>{nameOr(entry.person.name)}</bdi> {NOTE[entry.kind]}
              </p>
            )
          }
        </For>
      </div>
      <Show when={unseen()}>
        <button type="button" class="primary chat-new" onClick={toEnd}>
          New messages
        </button>
      </Show>
    </div>
  );
}

/** Messages so close together stand under one name. */
const GROUP_MS = 5 * 60_000;

function goesOn(before: ChatEntry | undefined, { from, privateWith, atMs }: ChatMessage): boolean {
  return (
    before?.kind === 'message' &&
    before.from?.key === from?.key &&
    before.privateWith?.key === privateWith?.key &&
    atMs - before.atMs < GROUP_MS
  );
}

function Message(props: {
  message: ChatMessage;
  goesOn: boolean;
  deliveries: readonly ChatDelivery[];
  model: Model;
}) {
  const { from, privateWith, text, atMs, writtenAtMs } = props.message;
  const arrived = () => props.deliveries.every(({ state }) => state === 'delivered');
  return (
    <div
      class="message"
      data-own={from === null ? '' : undefined}
      data-private={privateWith ? '' : undefined}
      data-goes-on={props.goesOn ? '' : undefined}
    >
      <p class="message-from" classList={{ 'visually-hidden': props.goesOn }}>
        {from ? <bdi>{nameOr(from.name)}</bdi> : 'You'}
        <Show when={privateWith}>
          {(person) => (
            <span class="message-private">
              <Icon of={Lock} />
              {from ? ' to you only' : ' to '}
              {!from && <bdi>{nameOr(person().name)}</bdi>}
              {!from && ' only'}
            </span>
          )}
        </Show>
      </p>
      <p class="message-text" dir="auto" classList={{ 'only-emoji': isOnlyEmoji(text) }}>
        <For each={linkify(text)}>
          {(part) =>
            part.kind === 'text' ? (
              part.text
            ) : (
              <a href={part.href} target="_blank" rel="noopener noreferrer" dir="ltr">
                {part.before}
                <strong>{part.host}</strong>
                {part.after}
              </a>
            )
          }
        </For>
      </p>
      {/* Its changes are not messages. */}
      <p class="message-time" aria-live="off">
        <time datetime={new Date(writtenAtMs).toISOString()}>{timeOfDay(writtenAtMs)}</time>
        {writtenAtMs !== atMs && `, arrived ${timeOfDay(atMs)}`}
        <Show when={from === null && arrived()}>
          <Icon of={Check} />
          <span class="visually-hidden">
            Delivered{props.deliveries.length > 1 ? ` to all ${props.deliveries.length}` : ''}
          </span>
        </Show>
      </p>
      <Show when={from === null && !arrived()}>
        <Missing of={props.deliveries} />
      </Show>
      <Again {...props} />
    </div>
  );
}

/** A few emoji, and what joins them (UTS #51 s1.4.9). */
const EMOJI = /\p{Extended_Pictographic}|\p{Regional_Indicator}/u;
const ONLY_EMOJI =
  /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|\u200d|\ufe0f|\s){1,24}$/u;
const isOnlyEmoji = (text: string) => ONLY_EMOJI.test(text) && EMOJI.test(text);

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const timeOfDay = (ms: number) => clock.format(ms);

/** Who has not got a message, and why. */
function Missing(props: { of: readonly ChatDelivery[] }) {
  const those = (wanted: ChatDelivery['state']) =>
    props.of.filter(({ state }) => state === wanted).map(({ to }) => to);
  return (
    <p class="message-missing" aria-live="off">
      <Show when={props.of.length > 1}>
        <span>
          Delivered to {those('delivered').length} of {props.of.length}
        </span>
      </Show>
      <Whom of={those('sent')} before="Sending to" />
      <Whom of={those('waiting')} before="Waiting to reach" />
      <Whom of={those('failed')} before="Not delivered to" />
    </p>
  );
}

/** For what somebody did not get: one press sends it to them, or makes it a draft where they have left. */
function Again(props: { message: ChatMessage; deliveries: readonly ChatDelivery[]; model: Model }) {
  const chat = () => props.model.chat;
  const missed = () => props.deliveries.filter(({ state }) => state === 'failed');
  const here = () =>
    missed().some(({ to }) =>
      chat()
        .people()
        .some(({ key }) => key === to.key),
    );
  const again = () => {
    if (!here()) chat().writeAgain(props.message);
    else if (chat().sendAgain(props.message.id) === 'too-fast')
      props.model.notices.post({ kind: 'own-too-fast', name: '', about: 'too fast' });
  };
  return (
    <Show when={missed().length > 0}>
      <button type="button" class="quiet message-again" onClick={again}>
        {here() ? 'Send again' : 'Write again'}
      </button>
    </Show>
  );
}

function Whom(props: { of: readonly ChatPerson[]; before: string }) {
  return (
    <Show when={props.of.length > 0}>
      <span>
        {props.before}{' '}
        <For each={props.of}>
          {(person, index) => (
            <>
              {index() > 0 && ', '}
              <bdi>{nameOr(person.name)}</bdi>
            </>
          )}
        </For>
      </span>
    </Show>
  );
}

/** Characters left at which the counter shows. */
const COUNT_FROM = 200;
const MAX_CHARACTERS = 4_000;
const EVERYONE = '';

function Composer(props: { model: Model; ref: (field: HTMLTextAreaElement) => void }) {
  const [outcome, setOutcome] = createSignal<ChatOutcome>('taken');
  const chat = () => props.model.chat;
  const left = createMemo(() => MAX_CHARACTERS - countUpTo(chat().draft(), 2 * MAX_CHARACTERS));
  const gone = () => {
    const to = chat().recipient();
    return to !== null &&
      !chat()
        .people()
        .some(({ key }) => key === to.key)
      ? to
      : null;
  };
  let field: HTMLTextAreaElement | undefined;

  const send = () => {
    setOutcome(chat().send());
    field?.focus();
  };
  const attach = (chosen: Chosen) => void offerFiles(props.model, chosen, chat().recipient()?.key ?? null);
  return (
    <form
      class="composer"
      data-private={chat().recipient() ? '' : undefined}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="composer-row">
        <label class="composer-to">
          <span>To</span>
          <select
            onChange={({ currentTarget: { value } }) => {
              setOutcome('taken');
              chat().setRecipient(
                chat()
                  .people()
                  .find(({ key }) => key === value) ?? null,
              );
            }}
          >
            <option value={EVERYONE} selected={chat().recipient() === null}>
              Everyone
            </option>
            <For each={chat().people()}>
              {(person) => (
                <option value={person.key} selected={chat().recipient()?.key === person.key}>
                  {nameOr(person.name)} only
                </option>
              )}
            </For>
            {/* Nothing meant for one may go to all because they left. */}
            <Show when={gone()}>
              {(person) => (
                <option value={person().key} selected>
                  {nameOr(person().name)}, who left
                </option>
              )}
            </Show>
          </select>
        </label>
        <AttachFiles onChosen={attach} />
        <Show when={'webkitdirectory' in HTMLInputElement.prototype}>
          <AttachFiles folder onChosen={attach} />
        </Show>
      </div>
      <div class="composer-row">
        <textarea
          aria-label="Message"
          rows="1"
          placeholder={chat().recipient() ? 'Private message' : 'Message to everyone'}
          enterkeyhint="send"
          aria-invalid={left() < 0}
          value={chat().draft()}
          ref={(element) => {
            field = element;
            props.ref(element);
          }}
          onInput={(event) => {
            setOutcome('taken');
            chat().setDraft(event.currentTarget.value);
          }}
          onKeyDown={(event) => {
            // Enter that ends the composing of a character is the input method's.
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
            event.preventDefault();
            send();
          }}
          onPaste={(event) => {
            const data = event.clipboardData;
            // Copied cells and the like are text with a picture of it: then the text is meant.
            if (!data || data.files.length === 0 || data.types.includes('text/plain')) return;
            event.preventDefault();
            attach(readInput(data.files));
          }}
        />
        <button type="submit" class="primary composer-send" aria-label="Send">
          <Icon of={SendHorizontal} />
        </button>
      </div>
      <p class="composer-says" role="status">
        {says(outcome(), left(), gone())}
      </p>
    </form>
  );
}

function says(outcome: ChatOutcome, left: number, gone: ChatPerson | null): JSX.Element {
  if (left < 0)
    return `${left < -MAX_CHARACTERS + 1 ? 'Far too' : `${-left} characters too`} long. Send it as a file.`;
  if (gone) {
    return (
      <>
        <bdi>{nameOr(gone.name)}</bdi> has left
      </>
    );
  }
  if (outcome === 'nobody') return 'Nobody is here to read it yet';
  if (outcome === 'too-fast') return 'Wait a moment, then send again';
  return left <= COUNT_FROM ? `${left} left` : '';
}

/** Code points of `text`, or `most` when there are more. */
function countUpTo(text: string, most: number): number {
  return text.length >= 2 * most ? most : Math.min(most, [...text.trim()].length);
}
