/**
 * A running call as a Solid store, and what happened in it as events. Owns the adaptation; holds no words for people
 * and decides nothing about links.
 */
import { type Accessor, createMemo, onCleanup } from 'solid-js';
import { createStore, reconcile } from 'solid-js/store';
import type { Call } from '../call/call-types.ts';
import type { PeerScreen } from '../call/media/screen-types.ts';
import type { CallSnapshot, EndCode, PeerSnapshot, PeerState, Route, ServerState } from '../call/snapshot.ts';
import { type CallEvent, createNotices, type Notices } from './notices.ts';

export type { PictureOf, ShownSize } from '../call/media/shown-size.ts';
export type { EndCode, LinkReport, PeerState, Route } from '../call/snapshot.ts';

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
  /** Null while they share none. */
  readonly screen: PeerScreen | null;
  readonly screenStream: MediaStream | null;
}

interface CallView {
  readonly phase: CallSnapshot['phase'];
  readonly server: ServerState;
  readonly endCode: EndCode | null;
  readonly hasRelay: boolean | null;
  readonly strangers: number;
  readonly peers: readonly PeerView[];
}

export interface CallStore {
  readonly view: CallView;
  /** Everyone who may have a tile, in order of appearance. */
  readonly tiles: Accessor<readonly PeerView[]>;
  /** The call's own events are posted here by the store. */
  readonly notices: Notices;
}

/** What the tiles themselves show already. */
const ON_TILES: ReadonlySet<CallEvent['kind']> = new Set(['muted', 'unmuted', 'sharing', 'not-sharing']);

/** Needs a Solid owner; does not own `call`. */
export function createCallStore(call: Call): CallStore {
  const [view, setView] = createStore<CallView>(copy(call.snapshot()));
  const notices = createNotices();
  let previous = call.snapshot();

  const unsubscribe = call.subscribe(() => {
    const next = call.snapshot();
    for (const event of happened(previous, next)) {
      notices.post({ ...event, quiet: ON_TILES.has(event.kind) });
    }
    previous = next;
    setView(reconcile(copy(next), { key: 'key' }));
  });
  onCleanup(unsubscribe);

  return { view, tiles: createMemo(() => view.peers.filter((peer) => peer.confirmed)), notices };
}

// reconcile() writes into the objects it was given before, so the engine's snapshots must not be among them.
function copy(snapshot: CallSnapshot): CallView {
  const { peers, ...rest } = snapshot;
  return { ...rest, peers: peers.map(copyPeer) };
}

function copyPeer(peer: PeerSnapshot): PeerView {
  const { streams, ...rest } = peer;
  return { ...rest, stream: streams?.main ?? null, screenStream: streams?.screen ?? null };
}

/** What changed between two snapshots that a person should hear of. */
function happened(before: CallSnapshot, after: CallSnapshot): CallEvent[] {
  if (after.phase === 'ended') return [];
  const found: CallEvent[] = [];
  const old = new Map(before.peers.map((peer) => [peer.key, peer]));
  for (const peer of after.peers) {
    const was = old.get(peer.key);
    old.delete(peer.key);
    if (peer.confirmed && !was?.confirmed) found.push({ kind: 'joined', name: peer.name });
    else if (was?.confirmed && peer.microphone !== was.microphone && was.state === 'connected')
      found.push({ kind: peer.microphone ? 'unmuted' : 'muted', name: peer.name });
    else if (peer.state !== was?.state) {
      if (peer.state === 'unreachable') found.push({ kind: 'unreachable', name: peer.name });
      if (peer.state === 'refused') found.push({ kind: 'refused', name: peer.name });
      if (peer.state === 'reconnecting') found.push({ kind: 'reconnecting', name: peer.name });
      if (peer.state === 'connected' && was) found.push({ kind: 'reconnected', name: peer.name });
    }
    if (peer.confirmed && (peer.screen === null) !== ((was?.screen ?? null) === null))
      found.push({ kind: peer.screen ? 'sharing' : 'not-sharing', name: peer.name });
  }
  for (const gone of old.values()) if (gone.confirmed) found.push({ kind: 'left', name: gone.name });
  if (before.phase === 'joined' && before.server !== after.server) {
    if (after.server === 'away') found.push({ kind: 'server-away', name: '' });
    if (after.server === 'connected') found.push({ kind: 'server-back', name: '' });
  }
  return found;
}
