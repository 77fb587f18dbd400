/**
 * What the engine shows of itself: plain, immutable data that a screen can be built from in any state. Every change
 * makes a new snapshot. Owns no behaviour; knows no Solid and no words for people (those are `ui`'s, keyed by `code`).
 */

import type { PeerScreen } from './media/screen-types.ts';

/** Where the room's server is, seen from here. A running call does not need it. */
export type ServerState = 'connecting' | 'connected' | 'away';

/** Why a call is over. Only `left` was asked for by this person. */
export type EndCode =
  | 'left'
  | 'room-full'
  | 'version'
  | 'forbidden'
  | 'bad-message'
  | 'pace'
  /** Something on this side that cannot be mended by trying again, such as a browser without WebRTC. */
  | 'failed';

/**
 * Where one peer stands.
 * - `connecting`: its hello opened, no link confirmed yet: no tile, but named under People.
 * - `connected`: confirmed and carrying media: has a tile.
 * - `reconnecting`: was connected, the path broke and recovery is under way: keeps its tile.
 * - `unreachable`: recovery or the first attempt failed; retried slowly for as long as the room lists the peer.
 * - `refused`: sent what no honest page sends, so its link was closed. As slowly retried.
 */
export type PeerState = 'connecting' | 'connected' | 'reconnecting' | 'unreachable' | 'refused';

/** `relayed` when either end of the selected candidate pair is a relay candidate. */
export type Route = 'unknown' | 'direct' | 'relayed';

/** The media of one peer. The objects change only when the peer connection was rebuilt; receivers own the tracks. */
export interface PeerStreams {
  /** Camera and microphone, which the browser plays in step. */
  readonly main: MediaStream;
  /** Their screen and its sound; without a frame while they share none. */
  readonly screen: MediaStream;
}

export interface PeerSnapshot {
  /** Stable for as long as the peer's own page keeps its identity, across sockets, server restarts and peer ids. */
  readonly key: string;
  /** Hostile text from the peer's hello, already capped and stripped of control characters. May be empty. */
  readonly name: string;
  readonly state: PeerState;
  /** Whether the link was ever confirmed: only then may the peer have a tile. */
  readonly confirmed: boolean;
  readonly microphone: boolean;
  readonly camera: boolean;
  /** Null while they share none. */
  readonly screen: PeerScreen | null;
  readonly route: Route;
  /** null until confirmed. */
  readonly streams: PeerStreams | null;
}

export interface CallSnapshot {
  /** `joining` until the first welcome; `joined` from then on, also while the server is away; `ended` is final. */
  readonly phase: 'joining' | 'joined' | 'ended';
  readonly server: ServerState;
  /** Set exactly when phase is `ended`. */
  readonly endCode: EndCode | null;
  /** Whether the server offers a relay; null until the first welcome. */
  readonly hasRelay: boolean | null;
  /** Members of the room whose hello this link and password do not open. */
  readonly strangers: number;
  /** In order of appearance; everyone whose hello opened. */
  readonly peers: readonly PeerSnapshot[];
}

/** What can be told of a link when somebody asks. Numbers are null while the browser has not measured them. */
export interface LinkReport {
  readonly route: Route;
  readonly protocol: string | null;
  readonly roundTripMs: number | null;
  readonly videoCodec: string | null;
  readonly audioCodec: string | null;
  readonly receiveBps: number | null;
  readonly sendBps: number | null;
  /** Share of received packets lost since the last report, 0 to 1. */
  readonly loss: number | null;
  readonly width: number | null;
  readonly height: number | null;
  /** Sealed signals in this peer's name that did not open: the room, or somebody in it, tampers or repeats. */
  readonly refusedSignals: number;
}
