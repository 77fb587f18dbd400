/**
 * Text messages between people: to everyone or to one. Owns the log, kept in memory only, and for each person what was
 * written to them and not acknowledged yet; knows no peer connection, no words and no elements.
 *
 * A message is `waiting` while there is no open channel to carry it, `sent` once a channel took it, `delivered` when the
 * person's page said so, and `failed` when they left first and did not come back, or too much waited for them. A new link is
 * sent everything that was not acknowledged, in order, also what had failed meanwhile; the receiver knows messages by their
 * ids and shows each once. Who joins later is sent nothing of what was said before.
 */

import {
  type ChatFrame,
  cleanChatText,
  countCharacters,
  decodeChat,
  encodeChat,
  MAX_CHAT_CHARACTERS,
} from '../../wire/chat.ts';
import { createSubject, type Observable } from '../observable.ts';
import type { Scope } from '../scope.ts';
import { createTokenBucket } from '../token-bucket.ts';
import { createFlowControl, type FlowControl } from './flow-control.ts';
import type { CallFeature, LinkPort } from './link-port.ts';

export interface ChatPerson {
  readonly key: string;
  /** Hostile text, capped; may be empty. */
  readonly name: string;
}

export type ChatEntry =
  | {
      readonly kind: 'message';
      /** Unique in the log. */
      readonly id: string;
      /** null when written here. */
      readonly from: ChatPerson | null;
      /** null when written to everyone. Of a private message from somebody, that somebody too. */
      readonly privateWith: ChatPerson | null;
      /** Hostile text, cleaned and capped. */
      readonly text: string;
      /** When it was written here, or arrived: ms since 1970 by this clock. */
      readonly atMs: number;
      /** When it was written, where it took a minute or more to arrive; else as `atMs`. */
      readonly writtenAtMs: number;
    }
  /** Between messages, so that it can be seen who could read what. `back`: who came has what was said before they left. */
  | {
      readonly kind: 'came' | 'left' | 'back';
      readonly id: string;
      readonly person: ChatPerson;
      readonly atMs: number;
    };

export interface ChatDelivery {
  readonly to: ChatPerson;
  readonly state: 'waiting' | 'sent' | 'delivered' | 'failed';
}

export interface ChatSnapshot {
  /** Oldest first; the last `MAX_ENTRIES`. Entries never change. */
  readonly entries: readonly ChatEntry[];
  /** How many messages of others there were in all. */
  readonly received: number;
  /** Of each own message in the log, by its id. A list changes only by a new one. */
  readonly deliveries: ReadonlyMap<string, readonly ChatDelivery[]>;
  /** Whoever can be written to, also while their link recovers. In order of appearance. */
  readonly people: readonly ChatPerson[];
}

/**
 * - `nobody`: there is nobody here, or the one it is for has left.
 * - `too-fast`: more messages in a moment than the others' pages take.
 */
export type ChatOutcome = 'taken' | 'empty' | 'too-long' | 'nobody' | 'too-fast';

export interface Chat extends Observable<ChatSnapshot> {
  /** `to` is a person's key, or null for everyone here now. Only a message that was `taken` is in the log. */
  send(text: string, to: string | null): ChatOutcome;
  /** Sends an own message to those who are here and did not get it. */
  sendAgain(id: string): ChatOutcome;
}

const MAX_ENTRIES = 500;
/** Messages written to one person and not acknowledged; what is written beyond fails for them. */
const MAX_UNACKNOWLEDGED = 50;
/**
 * What one may write: so many at once, then one in so many milliseconds. The receiver's burst has room for that and for all
 * that a new link sends again, so whoever exceeds it does so on purpose.
 */
const WRITE_BURST = 30;
const WRITE_INTERVAL_MS = 500;
const RECEIVE_BURST = 100;
/** Ids by which messages are known again, of each person. */
const MAX_SEEN = 512;
/** People remembered, also of those who left: whoever returns may send again what was shown. */
const MAX_PEOPLE = 128;
const LATE_MS = 60_000;
/** A server that restarts lists people one after the other: who seems to have left may be back in a moment. */
const RETURN_MS = 20_000;

interface Correspondent {
  readonly key: string;
  name: string;
  here: boolean;
  /** null while there is no open channel. */
  flow: FlowControl | null;
  /** By id, in order of writing. */
  readonly unacknowledged: Map<string, Uint8Array<ArrayBuffer>>;
  readonly seen: Set<string>;
  /** The least difference of the clocks and the way so far; what exceeds it is delay. */
  leastLagMs: number;
  /** Runs from when they left until nothing more is expected of them. */
  returning: ReturnType<typeof setTimeout> | undefined;
}

export interface ChatOptions {
  /** The call's. */
  readonly scope: Scope;
  /** The name under which the person of `key` is shown. */
  nameOf(key: string): string;
  /** For tests. */
  readonly now?: () => number;
}

export function createChat({
  scope,
  nameOf,
  now = Date.now,
}: ChatOptions): Chat & Required<Omit<CallFeature, 'control'>> {
  const subject = createSubject<ChatSnapshot>({
    entries: [],
    received: 0,
    deliveries: new Map(),
    people: [],
  });
  const correspondents = new Map<string, Correspondent>();
  const writing = createTokenBucket(WRITE_BURST, WRITE_INTERVAL_MS);
  let notes = 0;

  scope.onClose(() => {
    for (const { returning } of correspondents.values()) clearTimeout(returning);
  });

  const present = () => [...correspondents.values()].filter(({ here }) => here);
  const personOf = ({ key, name }: Correspondent): ChatPerson => ({ key, name });

  function change(next: Partial<ChatSnapshot>): void {
    subject.set({ ...subject.snapshot(), ...next });
  }

  function append(entry: ChatEntry, more: Partial<ChatSnapshot> = {}): void {
    const entries = [...subject.snapshot().entries, entry];
    const dropped = entries.length > MAX_ENTRIES ? entries.shift() : undefined;
    const deliveries = new Map(more.deliveries ?? subject.snapshot().deliveries);
    if (dropped) deliveries.delete(dropped.id);
    change({ ...more, entries, deliveries });
  }

  /** Says who came or went where there is something that they could read or not. */
  function note(kind: 'came' | 'left' | 'back', correspondent: Correspondent): void {
    change({ people: present().map(personOf) });
    if (subject.snapshot().entries.length === 0) return;
    append({ kind, id: `${kind} ${notes++}`, person: personOf(correspondent), atMs: now() });
  }

  /** Marks the delivery of messages to one person. */
  function mark(key: string, ids: Iterable<string>, state: ChatDelivery['state']): void {
    const deliveries = new Map(subject.snapshot().deliveries);
    for (const id of ids) {
      const list = deliveries.get(id);
      if (list)
        deliveries.set(
          id,
          list.map((entry) => (entry.to.key === key ? { ...entry, state } : entry)),
        );
    }
    change({ deliveries });
  }

  async function transmit(correspondent: Correspondent, id: string): Promise<void> {
    const { flow, unacknowledged, key } = correspondent;
    const bytes = unacknowledged.get(id);
    if (!flow || !bytes) return;
    const outcome = await flow.send(bytes);
    if (outcome === 'sent' && correspondent.flow === flow && unacknowledged.has(id)) mark(key, [id], 'sent');
  }

  /** Puts what of the log failed to reach somebody back among what is sent to them, as far as that has room; or only message `id`. */
  function takeBack({ key, unacknowledged }: Correspondent, id?: string): readonly string[] {
    const { entries, deliveries } = subject.snapshot();
    const taken: string[] = [];
    for (const entry of entries) {
      if (entry.kind !== 'message' || (id ?? entry.id) !== entry.id) continue;
      const failed = deliveries.get(entry.id)?.some(({ to, state }) => to.key === key && state === 'failed');
      if (!failed || unacknowledged.size >= MAX_UNACKNOWLEDGED) continue;
      unacknowledged.set(entry.id, encodeChat({ ...entry, isPrivate: entry.privateWith !== null }));
      taken.push(entry.id);
    }
    if (taken.length > 0) mark(key, taken, 'waiting');
    return taken;
  }

  function receive(from: Correspondent, frame: Extract<ChatFrame, { kind: 'message' }>): void {
    const { seen } = from;
    if (seen.has(frame.id)) return;
    seen.add(frame.id);
    const [oldest] = seen;
    if (seen.size > MAX_SEEN && oldest !== undefined) seen.delete(oldest);
    from.name = nameOf(from.key);
    const person = personOf(from);
    const atMs = now();
    const lagMs = atMs - frame.writtenAtMs;
    const lateMs = Math.max(0, lagMs - from.leastLagMs);
    from.leastLagMs = Math.min(from.leastLagMs, lagMs);
    append(
      {
        kind: 'message',
        id: `${from.key} ${frame.id}`,
        from: person,
        privateWith: frame.isPrivate ? person : null,
        text: frame.text,
        atMs,
        writtenAtMs: lateMs < LATE_MS ? atMs : atMs - lateMs,
      },
      { received: subject.snapshot().received + 1 },
    );
  }

  function correspondentOf(key: string): { readonly correspondent: Correspondent; readonly isNew: boolean } {
    const known = correspondents.get(key);
    if (known) return { correspondent: known, isNew: false };
    if (correspondents.size >= MAX_PEOPLE) {
      const gone = [...correspondents.values()].find(({ here }) => !here);
      if (gone) correspondents.delete(gone.key);
    }
    const correspondent: Correspondent = {
      key,
      name: '',
      here: false,
      flow: null,
      unacknowledged: new Map(),
      seen: new Set(),
      leastLagMs: Infinity,
      returning: undefined,
    };
    correspondents.set(key, correspondent);
    return { correspondent, isNew: true };
  }

  return {
    snapshot: subject.snapshot,
    subscribe: subject.subscribe,

    linkUp(port: LinkPort) {
      const { correspondent, isNew } = correspondentOf(port.key);
      const { unacknowledged } = correspondent;
      const flow = createFlowControl({
        channel: port.channels.chat,
        signal: port.signal,
        maxMessageBytes: port.maxMessageBytes,
      });
      correspondent.flow = flow;
      correspondent.name = nameOf(port.key);
      const wasHere = correspondent.here;
      correspondent.here = true;
      clearTimeout(correspondent.returning);
      if (!wasHere) note(isNew ? 'came' : 'back', correspondent);
      takeBack(correspondent);

      const patience = createTokenBucket(RECEIVE_BURST, WRITE_INTERVAL_MS);
      port.receive('chat', (bytes) => {
        const frame = decodeChat(bytes);
        if (frame?.kind === 'ack' && unacknowledged.delete(frame.id)) {
          mark(port.key, [frame.id], 'delivered');
          return;
        }
        if (!patience.take()) port.refuse();
        else if (frame?.kind === 'message') {
          // Also for one that was shown before: its ack was lost with the link.
          void flow.send(encodeChat({ kind: 'ack', id: frame.id }));
          receive(correspondent, frame);
        }
      });
      const broken = () => {
        if (correspondent.flow !== flow) return;
        correspondent.flow = null;
        mark(port.key, unacknowledged.keys(), 'waiting');
      };
      port.signal.addEventListener('abort', broken);
      // It may end long before the link is given up: without a server, that waits until there is one.
      port.channels.chat.addEventListener('close', broken);
      for (const id of unacknowledged.keys()) void transmit(correspondent, id);
    },

    present(keys) {
      for (const correspondent of present()) {
        if (keys.has(correspondent.key)) continue;
        const { key, unacknowledged } = correspondent;
        correspondent.here = false;
        note('left', correspondent);
        const giveUp = () => {
          mark(key, unacknowledged.keys(), 'failed');
          unacknowledged.clear();
        };
        correspondent.returning = setTimeout(giveUp, RETURN_MS);
      }
    },

    send(text, to) {
      const clean = cleanChatText(text);
      if (clean === '') return 'empty';
      if (countCharacters(text.trim()) > MAX_CHAT_CHARACTERS) return 'too-long';
      const recipients = present().filter(({ key }) => to === null || key === to);
      const [first] = recipients;
      if (!first) return 'nobody';
      if (!writing.take()) return 'too-fast';
      const id = crypto.getRandomValues(new BigUint64Array(1))[0]?.toString(16).padStart(16, '0') ?? '';
      const atMs = now();
      const frame = { kind: 'message', id, isPrivate: to !== null, writtenAtMs: atMs, text: clean } as const;
      const bytes = encodeChat(frame);
      const delivery = recipients.map((recipient): ChatDelivery => {
        const full = recipient.unacknowledged.size >= MAX_UNACKNOWLEDGED;
        if (!full) recipient.unacknowledged.set(id, bytes);
        return { to: personOf(recipient), state: full ? 'failed' : 'waiting' };
      });
      append(
        {
          kind: 'message',
          id,
          from: null,
          privateWith: to === null ? null : personOf(first),
          text: clean,
          atMs,
          writtenAtMs: atMs,
        },
        { deliveries: new Map(subject.snapshot().deliveries).set(id, delivery) },
      );
      for (const recipient of recipients) void transmit(recipient, id);
      return 'taken';
    },

    sendAgain(id) {
      const failed =
        subject
          .snapshot()
          .deliveries.get(id)
          ?.filter(({ state }) => state === 'failed') ?? [];
      const recipients = present().filter(({ key }) => failed.some(({ to }) => to.key === key));
      if (recipients.length === 0) return 'nobody';
      if (!writing.take()) return 'too-fast';
      const sent = recipients.filter((recipient) => takeBack(recipient, id).length > 0);
      for (const recipient of sent) void transmit(recipient, id);
      return sent.length > 0 ? 'taken' : 'too-fast';
    },
  };
}
