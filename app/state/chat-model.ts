/**
 * The chat of a running call as signals, with what only this screen knows of it: whether it is being read, and what is being
 * written. Owns the adaptation; holds no words.
 */
import { type Accessor, createEffect, createMemo, createSignal, onCleanup } from 'solid-js';
import type { Chat, ChatDelivery, ChatEntry, ChatOutcome, ChatPerson } from '../call/channels/chat.ts';

export type { ChatDelivery, ChatEntry, ChatOutcome, ChatPerson } from '../call/channels/chat.ts';
export type ChatMessage = Extract<ChatEntry, { kind: 'message' }>;

export interface ChatModel {
  /** Oldest first. Entries never change, and each is one object for as long as it is in the log. */
  readonly entries: Accessor<readonly ChatEntry[]>;
  readonly people: Accessor<readonly ChatPerson[]>;
  /** Of an own message. */
  deliveries(id: string): readonly ChatDelivery[];
  /** Messages that came since the log was last read. */
  readonly unread: Accessor<number>;
  /** Whether the log is on the screen now. */
  setReading(reading: boolean): void;
  /** Text not sent yet, and whom it is for; null for everyone. They outlive the panel, and the person's presence. */
  readonly draft: Accessor<string>;
  setDraft(text: string): void;
  readonly recipient: Accessor<ChatPerson | null>;
  setRecipient(person: ChatPerson | null): void;
  /** Sends the draft, and clears it when it was taken. */
  send(): ChatOutcome;
  /** As the engine's: to those who are here and did not get it. */
  sendAgain(id: string): ChatOutcome;
  /** Makes the draft of an own message that cannot be sent again; what was for one stays for that one. */
  writeAgain(message: ChatMessage): void;
  /** `listener` is called with every message that comes while the log is not read. */
  onUnread(listener: (message: ChatMessage) => void): void;
}

const EMPTY: readonly ChatDelivery[] = [];

/** Needs a Solid owner; does not own `chat`. */
export function createChatModel(chat: Chat): ChatModel {
  const [snapshot, setSnapshot] = createSignal(chat.snapshot());
  const [read, setRead] = createSignal(0);
  const [reading, setReading] = createSignal(false);
  const [draft, setDraft] = createSignal('');
  const [recipient, setRecipient] = createSignal<ChatPerson | null>(null);
  const listeners = new Set<(message: ChatMessage) => void>();

  onCleanup(
    chat.subscribe(() => {
      const before = snapshot().received;
      const next = chat.snapshot();
      setSnapshot(next);
      const last = next.entries.at(-1);
      if (next.received === before || reading() || last?.kind !== 'message') return;
      for (const listener of listeners) listener(last);
    }),
  );
  createEffect(() => {
    if (reading()) setRead(snapshot().received);
  });

  return {
    entries: createMemo(() => snapshot().entries),
    people: createMemo(() => snapshot().people),
    deliveries: (id) => snapshot().deliveries.get(id) ?? EMPTY,
    unread: createMemo(() => (reading() ? 0 : snapshot().received - read())),
    setReading,
    draft,
    setDraft,
    recipient,
    setRecipient,
    send() {
      const outcome = chat.send(draft(), recipient()?.key ?? null);
      if (outcome === 'taken') setDraft('');
      return outcome;
    },
    sendAgain: (id) => chat.sendAgain(id),
    writeAgain({ text, privateWith }) {
      setDraft([draft(), text].filter(Boolean).join('\n'));
      if (privateWith) setRecipient(privateWith);
    },
    onUnread(listener) {
      listeners.add(listener);
      onCleanup(() => listeners.delete(listener));
    },
  };
}
