/**
 * Who is in the call, as far as this browser can tell: turns the room's events into members and their links. Owns the
 * members for the life of the call; knows no WebSocket and no screen.
 *
 * A person is their hello's public key, not the id a server gave them: ids may change when a server restarts, and a
 * server may invent them at will.
 */
import { openHello, peerKeyOf } from '../crypto/hello-seal.ts';
import type { Identity } from '../crypto/identity.ts';
import { derivePair } from '../crypto/pair.ts';
import type { RoomKeys } from '../crypto/room-keys.ts';
import { createMember, type Member, type MemberContext } from './member.ts';
import type { LocalTracks } from './peer-link.ts';
import type { Scope } from './scope.ts';
import type { SignalingEvent } from './signaling.ts';
import type { PeerSnapshot } from './snapshot.ts';

export interface MeshOptions {
  readonly scope: Scope;
  readonly keys: RoomKeys;
  readonly identity: Identity;
  readonly certificate: RTCCertificate;
  readonly ownFingerprint: Uint8Array<ArrayBuffer>;
  /** The plain bytes of the own hello: they salt every pair's keys. */
  readonly ownHelloBytes: Uint8Array<ArrayBuffer>;
  readonly relayOnly: boolean;
  readonly tracks: LocalTracks;
  readonly sendSignal: (to: string, data: string) => boolean;
  /** Something a snapshot shows has changed. */
  readonly changed: () => void;
}

export interface Mesh {
  handle(event: SignalingEvent): void;
  setTracks(tracks: LocalTracks): void;
  peers(): readonly PeerSnapshot[];
  /** Listed ids whose hello the room's keys do not open. */
  strangers(): number;
  member(key: string): Member | undefined;
  nudge(): void;
  sayBye(): void;
}

/** Records of people, present or not: bounds what a hostile server or member can make us remember. */
const MAX_MEMBERS = 256;
const MAX_STRANGERS = 1_000;

export function createMesh(options: MeshOptions): Mesh {
  const { scope } = options;
  const members = new Map<string, Member>();
  const strangers = new Set<string>();
  let ownId = '';
  let tracks = options.tracks;
  let iceServers: RTCIceServer[] = [];
  let chain: Promise<void> = Promise.resolve();

  const configuration = (): RTCConfiguration => ({
    certificates: [options.certificate],
    bundlePolicy: 'max-bundle',
    rtcpMuxPolicy: 'require',
    iceTransportPolicy: options.relayOnly ? 'relay' : 'all',
    iceServers,
  });

  const context: MemberContext = {
    scope,
    ownId: () => ownId,
    ownFingerprint: options.ownFingerprint,
    configuration,
    tracks: () => tracks,
    sendSignal: options.sendSignal,
    changed: options.changed,
  };

  const withId = (id: string): Member | undefined => {
    for (const member of members.values()) if (member.isListed() && member.id() === id) return member;
    return undefined;
  };

  /** The member behind a sealed hello, made if new; null for a stranger, for ourselves and past the cap. */
  async function recognise(sealed: string): Promise<Member | 'self' | null> {
    const opened = await openHello(options.keys, sealed);
    if (!opened || scope.signal.aborted) return null;
    const key = peerKeyOf(opened.hello);
    if (key === peerKeyOf({ publicKey: options.identity.publicKey })) return 'self';
    const known = members.get(key);
    if (known) return known;
    if (members.size >= MAX_MEMBERS) return null;
    const pair = await derivePair({
      identity: options.identity,
      ownHelloBytes: options.ownHelloBytes,
      peerHelloBytes: opened.bytes,
      peerPublicKey: opened.hello.publicKey,
      psk: options.keys.psk,
      roomId: options.keys.roomId,
    });
    if (!pair || scope.signal.aborted) return null;
    const member = createMember(key, opened.hello, pair, context);
    members.set(key, member);
    return member;
  }

  async function list(id: string, sealed: string): Promise<void> {
    if (id === ownId) return;
    const member = await recognise(sealed);
    if (scope.signal.aborted || member === 'self') return;
    if (member) {
      strangers.delete(id);
      member.listed(id);
    } else if (strangers.size < MAX_STRANGERS) {
      strangers.add(id);
      options.changed();
    }
  }

  async function process(event: SignalingEvent): Promise<void> {
    switch (event.kind) {
      case 'welcome': {
        ownId = event.peerId;
        iceServers = event.iceServers.map((server) => ({ ...server, urls: [...server.urls] }));
        const present = new Set(event.peers.map((peer) => peer.id));
        strangers.clear();
        for (const member of members.values()) {
          member.configurationChanged();
          if (member.isListed() && !present.has(member.id())) member.unlisted();
        }
        await Promise.all(event.peers.map((peer) => list(peer.id, peer.hello)));
        options.changed();
        return;
      }
      case 'peer-joined':
        await list(event.id, event.hello);
        return;
      case 'peer-left':
        if (strangers.delete(event.id)) options.changed();
        withId(event.id)?.unlisted();
        return;
      case 'signal':
        await withId(event.from)?.receiveSignal(event.data, event.from);
        return;
    }
  }

  return {
    handle(event) {
      // In order: a signal must find the member that the event before it announced.
      chain = chain.then(async () => {
        if (!scope.signal.aborted) await process(event);
      });
    },
    setTracks(next) {
      if (next.microphone === tracks.microphone && next.camera === tracks.camera) return;
      tracks = next;
      for (const member of members.values()) member.tracksChanged();
    },
    peers: () =>
      [...members.values()].filter((member) => member.isPresent()).map((member) => member.snapshot()),
    strangers: () => strangers.size,
    member: (key) => members.get(key),
    nudge() {
      for (const member of members.values()) member.nudge();
    },
    sayBye() {
      for (const member of members.values()) member.sayBye();
    },
  };
}
