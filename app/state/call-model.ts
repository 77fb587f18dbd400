/**
 * A running call as a Solid store, and what happened in it as events. Owns the adaptation; holds no words for people
 * and decides nothing about links.
 */
import { type Accessor, createMemo, createSignal, onCleanup } from 'solid-js';
import { createStore, reconcile } from 'solid-js/store';
import type { Call } from '../call/call-types.ts';
import type { CallSnapshot, EndCode, PeerSnapshot, PeerState, Route, ServerState } from '../call/snapshot.ts';

export type { EndCode, PeerState } from '../call/snapshot.ts';

export interface PeerView {
  readonly key: string;
  /** Hostile text; may be empty. */
  readonly name: string;
  readonly state: PeerState;
  readonly confirmed: boolean;
  readonly microphone: boolean;
  readonly camera: boolean;
  readonly route: Route;
  readonly stream: MediaStream | null;
}

interface CallView {
  readonly phase: CallSnapshot['phase'];
  readonly server: ServerState;
  readonly endCode: EndCode | null;
  readonly strangers: number;
  readonly peers: readonly PeerView[];
}

/** What is worth announcing. `id` counts up; `name` is hostile text and empty for events of the server. */
export interface CallEvent {
  readonly id: number;
  readonly kind:
    | 'joined'
    | 'left'
    | 'unreachable'
    | 'reconnecting'
    | 'reconnected'
    | 'muted'
    | 'unmuted'
    | 'server-away'
    | 'server-back';
  readonly name: string;
}

export interface CallStore {
  readonly view: CallView;
  /** Everyone who may have a tile, in order of appearance. */
  readonly tiles: Accessor<readonly PeerView[]>;
  /** The last few events, oldest first; each is dropped after EVENT_LIFE_MS. */
  readonly events: Accessor<readonly CallEvent[]>;
}

const EVENT_LIFE_MS = 6_000;
const MAX_EVENTS = 4;

/** Needs a Solid owner; does not own `call`. */
export function createCallStore(call: Call): CallStore {
  const [view, setView] = createStore<CallView>(copy(call.snapshot()));
  const [events, setEvents] = createSignal<readonly CallEvent[]>([]);
  const timers = new Set<ReturnType<typeof setTimeout>>();
  let previous = call.snapshot();
  let nextId = 1;

  const unsubscribe = call.subscribe(() => {
    const next = call.snapshot();
    for (const event of happened(previous, next)) {
      const entry = { ...event, id: nextId++ };
      setEvents((list) => [...list, entry].slice(-MAX_EVENTS));
      const timer = setTimeout(() => {
        timers.delete(timer);
        setEvents((list) => list.filter((other) => other.id !== entry.id));
      }, EVENT_LIFE_MS);
      timers.add(timer);
    }
    previous = next;
    setView(reconcile(copy(next), { key: 'key' }));
  });
  onCleanup(() => {
    unsubscribe();
    for (const timer of timers) clearTimeout(timer);
  });

  return { view, tiles: createMemo(() => view.peers.filter((peer) => peer.confirmed)), events };
}

// reconcile() writes into the objects it was given before, so the engine's snapshots must not be among them.
function copy(snapshot: CallSnapshot): CallView {
  const { phase, server, endCode, strangers } = snapshot;
  return { phase, server, endCode, strangers, peers: snapshot.peers.map(copyPeer) };
}

function copyPeer(peer: PeerSnapshot): PeerView {
  const { streams, ...rest } = peer;
  return { ...rest, stream: streams?.main ?? null };
}

/** What changed between two snapshots that a person should hear of. */
function happened(before: CallSnapshot, after: CallSnapshot): Omit<CallEvent, 'id'>[] {
  if (after.phase === 'ended') return [];
  const found: Omit<CallEvent, 'id'>[] = [];
  const old = new Map(before.peers.map((peer) => [peer.key, peer]));
  for (const peer of after.peers) {
    const was = old.get(peer.key);
    old.delete(peer.key);
    if (peer.confirmed && !was?.confirmed) found.push({ kind: 'joined', name: peer.name });
    else if (was?.confirmed && peer.microphone !== was.microphone && was.state === 'connected')
      found.push({ kind: peer.microphone ? 'unmuted' : 'muted', name: peer.name });
    else if (peer.state !== was?.state) {
      if (peer.state === 'unreachable') found.push({ kind: 'unreachable', name: peer.name });
      if (peer.state === 'reconnecting') found.push({ kind: 'reconnecting', name: peer.name });
      if (peer.state === 'connected' && was) found.push({ kind: 'reconnected', name: peer.name });
    }
  }
  for (const gone of old.values()) if (gone.confirmed) found.push({ kind: 'left', name: gone.name });
  if (before.phase === 'joined' && before.server !== after.server) {
    if (after.server === 'away') found.push({ kind: 'server-away', name: '' });
    if (after.server === 'connected') found.push({ kind: 'server-back', name: '' });
  }
  return found;
}
