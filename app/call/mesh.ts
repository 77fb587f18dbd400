/**
 * Who is in the call, as far as this browser can tell: turns the room's events into members and their links. Owns the
 * members for the life of the call; knows no WebSocket and no screen.
 *
 * A person is the hello they sealed, not the id a server gave them: ids change when a server restarts, and a server may
 * invent them at will. Whoever repeats a hello, or puts another's public key into one of their own, lacks the private
 * key: their link is never confirmed.
 */
import type { MemberInfo } from '../../rooms/protocol/messages.ts';
import { compareBytes } from '../crypto/bytes.ts';
import { memberKeyOf, openHello } from '../crypto/hello-seal.ts';
import type { Identity } from '../crypto/identity.ts';
import { derivePair } from '../crypto/pair.ts';
import type { RoomKeys } from '../crypto/room-keys.ts';
import type { Hello } from '../wire/hello.ts';
import type { CallFeature } from './channels/link-port.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { hasRelay, usableIceServers } from './ice-servers.ts';
import { createMember, type LinkedPeer, type Member, type MemberContext } from './member.ts';
import { type NameWords, nameApart } from './names.ts';
import type { LocalTracks } from './peer-link.ts';
import type { Scope } from './scope.ts';
import type { SignalingEvent } from './signaling.ts';

export interface MeshOptions {
  readonly scope: Scope;
  readonly keys: RoomKeys;
  readonly identity: Identity;
  /** Borrowed. */
  readonly connections: ConnectionPool;
  readonly ownHello: Hello;
  /** Its plain bytes: they salt every pair's keys. */
  readonly ownHelloBytes: Uint8Array<ArrayBuffer>;
  readonly relayOnly: boolean;
  readonly words: NameWords;
  readonly tracks: LocalTracks;
  readonly canSignal: () => boolean;
  readonly sendSignal: (to: string, data: string) => void;
  /** What else is done over confirmed links. */
  readonly features: readonly CallFeature[];
  /** Something a snapshot shows has changed. */
  readonly changed: () => void;
}

export interface Mesh {
  /** Takes the room's events in order. What comes faster than it can be handled is dropped. */
  handle(event: SignalingEvent): void;
  setTracks(tracks: LocalTracks): void;
  /** Whoever is here, under names that tell them apart. */
  peers(): readonly LinkedPeer[];
  /** The name under which somebody is here; '' for an unknown key. */
  nameOf(key: string): string;
  /** Whether a welcome was taken in, and with it who was there before. */
  isWelcomed(): boolean;
  /** Whether the room offers a relay; null until it said so. */
  hasRelay(): boolean | null;
  /** Whether no welcome came yet, or an offer of ours is still to be handed to the room. */
  owesOffers(): boolean;
  /** Whether somebody's link is about to form, or their first picture about to arrive. */
  isSettling(): boolean;
  /** Listed ids whose hello the room's keys do not open. */
  strangers(): number;
  member(key: string): Member | undefined;
  nudge(): void;
  sayBye(): void;
}

/** People at one time: what a hostile server or member can make us link to. A room holds far fewer. */
const MAX_PRESENT = 64;
/** Records kept, of people who left too. */
const MAX_MEMBERS = 256;
/** Different hellos a call looks at: each keeps its keys and counters for as long as the call lasts. */
const MAX_HELLOS = 4_096;
const MAX_STRANGERS = 1_000;
/** Events that may wait while one is handled. */
const MAX_PENDING = 512;

export function createMesh(options: MeshOptions): Mesh {
  const { scope } = options;
  const members = new Map<string, Member>();
  const strangers = new Set<string>();
  let ownId = '';
  let names: ReadonlyMap<string, string> = new Map();
  let tracks = options.tracks;
  let iceServers: RTCIceServer[] = [];
  let chain: Promise<void> = Promise.resolve();
  let pending = 0;
  let hellos = 0;
  let welcomed = false;

  const context: MemberContext = {
    scope,
    ownFingerprint: options.ownHello.fingerprint,
    ownId: () => ownId,
    iceServers: () => iceServers,
    connect: () =>
      options.connections.take({ iceServers, iceTransportPolicy: options.relayOnly ? 'relay' : 'all' }),
    tracks: () => tracks,
    canSignal: options.canSignal,
    sendSignal: options.sendSignal,
    linkUp(port) {
      for (const feature of options.features) feature.linkUp(port);
    },
    featureFrame(port, frame) {
      for (const feature of options.features) feature.control?.(port, frame);
    },
    changed: options.changed,
  };

  function peers(): readonly LinkedPeer[] {
    const present = [...members.values()].filter((member) => member.isPresent()).map((one) => one.snapshot());
    names = nameApart(names, present, options.words);
    return present.map((peer) => ({ ...peer, name: names.get(peer.key) ?? '' }));
  }

  function withId(id: string): Member | undefined {
    for (const member of members.values()) if (member.ids().includes(id)) return member;
    return undefined;
  }

  /** Makes room for a newcomer by forgetting somebody who left. Their keys and counters outlive the record. */
  function hasRoom(): boolean {
    const present = [...members.values()].filter((member) => member.isPresent());
    if (present.length >= MAX_PRESENT) return false;
    if (members.size < MAX_MEMBERS) return true;
    const [gone] = [...members.values()].filter((member) => !member.isPresent());
    return gone !== undefined && members.delete(gone.key);
  }

  /** The member behind a sealed hello, made if new; null for a stranger, for ourselves and past a cap. */
  async function recognise(sealed: string): Promise<Member | 'self' | null> {
    const opened = await openHello(options.keys, sealed);
    if (!opened) return null;
    const { hello, bytes } = opened;
    if (compareBytes(hello.publicKey, options.identity.publicKey) === 0) return 'self';
    const key = await memberKeyOf(bytes);
    const known = members.get(key);
    if (known) return known;
    if (hellos >= MAX_HELLOS) return null;
    hellos += 1;
    const pair = await derivePair({
      identity: options.identity,
      ownHelloBytes: options.ownHelloBytes,
      peerHelloBytes: bytes,
      peerPublicKey: hello.publicKey,
      psk: options.keys.psk,
      roomId: options.keys.roomId,
    });
    if (!pair || scope.signal.aborted) return null;
    // The same hello may stand in one welcome twice, and both copies are looked at side by side.
    const raced = members.get(key);
    if (raced) return raced;
    if (!hasRoom()) return null;
    // Whoever joined later offers: they wait for pictures most, and an answerer's flow sooner than an offerer's.
    const later =
      compareBytes(options.ownHello.nonce, hello.nonce) || compareBytes(options.ownHelloBytes, bytes);
    const offersFirst = later > 0;
    const member = createMember({ key, hello, pair, offersFirst, context });
    members.set(key, member);
    return member;
  }

  async function list({ id, hello }: MemberInfo, afterAbsence: boolean): Promise<void> {
    if (id === ownId) return;
    const member = await recognise(hello);
    if (scope.signal.aborted || member === 'self') return;
    const holder = withId(id);
    if (holder !== member) holder?.unlisted(id);
    if (member) {
      strangers.delete(id);
      member.listed(id, afterAbsence);
    } else if (strangers.size < MAX_STRANGERS) {
      strangers.add(id);
      options.changed();
    }
  }

  async function process(event: SignalingEvent): Promise<void> {
    switch (event.kind) {
      case 'welcome': {
        ownId = event.peerId;
        iceServers = usableIceServers(event.iceServers);
        const listed = new Set(event.peers.map((peer) => peer.id));
        strangers.clear();
        for (const member of members.values()) {
          member.iceServersChanged();
          for (const id of member.ids()) if (!listed.has(id)) member.unlisted(id);
        }
        const afterAbsence = welcomed;
        await Promise.all(event.peers.map((peer) => list(peer, afterAbsence)));
        welcomed = true;
        options.changed();
        return;
      }
      case 'peer-joined':
        await list(event, false);
        return;
      case 'peer-left':
        if (strangers.delete(event.id)) options.changed();
        withId(event.id)?.unlisted(event.id);
        return;
      case 'signal':
        await withId(event.from)?.receiveSignal(event.data, event.from);
        return;
    }
  }

  return {
    handle(event) {
      if (pending >= MAX_PENDING) return;
      pending += 1;
      // In order: a signal must find the member that the event before it announced.
      chain = chain
        .then(() => (scope.signal.aborted ? undefined : process(event)))
        .catch(reportError)
        .finally(() => {
          pending -= 1;
        });
    },
    setTracks(next) {
      const same = (['microphone', 'camera', 'screen'] as const).every((kind) => next[kind] === tracks[kind]);
      if (same) return;
      tracks = next;
      for (const member of members.values()) member.tracksChanged();
    },
    peers,
    nameOf: (key) => peers().find((peer) => peer.key === key)?.name ?? '',
    isWelcomed: () => welcomed,
    hasRelay: () => (welcomed ? hasRelay(iceServers) : null),
    owesOffers: () => !welcomed || [...members.values()].some((member) => member.owesOffer()),
    isSettling: () => [...members.values()].some((member) => member.isSettling()),
    strangers: () => strangers.size,
    member: (key) => members.get(key),
    nudge() {
      for (const member of members.values()) if (member.isPresent()) member.nudge();
    },
    sayBye() {
      for (const member of members.values()) member.sayBye();
    },
  };
}
