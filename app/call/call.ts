/**
 * One call, from Join to Leave: composes signalling and mesh, and shows one snapshot of both. Owns their lifetimes and
 * the page events that concern them; borrows the local media.
 */

import { ROOM_PATH } from '../../rooms/protocol/limits.ts';
import { memberKeyOf, sealHello } from '../crypto/hello-seal.ts';
import { createNonce, type Identity } from '../crypto/identity.ts';
import type { RoomKeys } from '../crypto/room-keys.ts';
import { cleanName, encodeHello, type Hello } from '../wire/hello.ts';
import type { Call, CallOptions } from './call-types.ts';
import { createChat } from './channels/chat.ts';
import type { CallFeature } from './channels/link-port.ts';
import { createPointers } from './channels/pointers.ts';
import { createRaisedHands } from './channels/raised-hands.ts';
import { createReactions } from './channels/reactions.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { createFiles } from './files/files.ts';
import { createReporter } from './link-report.ts';
import { createScreenFeature } from './media/screen-feature.ts';
import { createScreenSource } from './media/screen-source.ts';
import { createMesh, type Mesh } from './mesh.ts';
import { createSubject } from './observable.ts';
import type { LocalTracks } from './peer-link.ts';
import { Scope } from './scope.ts';
import { createSignaling, type Signaling } from './signaling.ts';
import type { CallSnapshot, EndCode } from './snapshot.ts';

/** What `prepare` made. */
export interface CallMaterial {
  readonly keys: RoomKeys;
  readonly identity: Identity;
  /** Made with the certificate of the fingerprint; the call's from its start on. */
  readonly connections: ConnectionPool;
  readonly fingerprint: Uint8Array<ArrayBuffer>;
}

const REFRESH_MS = 16;
const SETTLING_REFRESH_MS = 250;
/** People take for immediate what follows a press within this time. */
const AT_ONCE_MS = 100;
/** A hidden page's timers may be held back for a minute; a gap longer than the two together is sleep. */
const TICK_MS = 15_000;
const SLEEP_GAP_MS = 90_000;

const START: CallSnapshot = {
  phase: 'joining',
  server: 'connecting',
  endCode: null,
  hasRelay: null,
  strangers: 0,
  peers: [],
};

export function createCall(
  material: CallMaterial | Promise<CallMaterial>,
  options: Omit<CallOptions, 'secret' | 'password'>,
): Call {
  const scope = new Scope();
  const { signal } = scope;
  const subject = createSubject<CallSnapshot>(START);
  let mesh: Mesh | null = null;
  let signaling: Signaling | null = null;
  let refreshTimer: ReturnType<typeof setTimeout> | null = null;
  let refreshAtMs = Number.POSITIVE_INFINITY;
  const screen = createScreenSource();
  const screens = createScreenFeature(screen, refresh);
  scope.onClose(() => screen.close());
  let setUnderway = () => {};
  const underway = new Promise<void>((settle) => {
    setUnderway = settle;
  });
  const underwayTimer = setTimeout(setUnderway, AT_ONCE_MS);
  scope.onClose(() => {
    clearTimeout(underwayTimer);
    setUnderway();
  });
  /** What the others know this person by; '' until it is computed, which is long before there is a link. */
  let ownKey = '';
  /** '' until the keys are there, which is before there is a link. */
  let roomId = '';
  const hands = createRaisedHands(() => ownKey);
  const files = createFiles(
    scope,
    () => ownKey,
    () => roomId,
  );
  const reactions = createReactions();
  const chat = createChat({ scope, nameOf: (key) => mesh?.nameOf(key) ?? '' });
  const pointers = createPointers(() => ownKey);
  scope.onClose(() => pointers.close());
  const features: readonly CallFeature[] = [
    screens,
    hands.feature,
    reactions.feature,
    pointers.feature,
    files.feature,
    chat,
  ];

  function lookUnderway(): void {
    if (mesh && !mesh.owesOffers()) setUnderway();
  }

  /**
   * Screens are drawn from snapshots, and drawing takes longer than anything the engine does. While links form it would be in
   * their way, only to show tiles that have no picture yet: what changes then is told together, when the pictures are there
   * or after SETTLING_REFRESH_MS.
   */
  function refresh(): void {
    lookUnderway();
    const delayMs = mesh?.isSettling() ? SETTLING_REFRESH_MS : REFRESH_MS;
    const atMs = performance.now() + delayMs;
    if (atMs >= refreshAtMs) return;
    if (refreshTimer !== null) clearTimeout(refreshTimer);
    refreshAtMs = atMs;
    refreshTimer = setTimeout(publish, delayMs);
  }

  function publish(): void {
    refreshTimer = null;
    refreshAtMs = Number.POSITIVE_INFINITY;
    const before = subject.snapshot();
    if (!mesh || !signaling || before.phase === 'ended') return;
    const { state, endCode } = signaling.snapshot();
    if (state === 'ended') {
      end(endCode ?? 'bad-message');
      return;
    }
    const peers = mesh.peers().map((peer) => ({ ...peer, screen: screens.of(peer.key) }));
    subject.set({
      phase: mesh.isWelcomed() ? 'joined' : 'joining',
      server: state,
      endCode: null,
      hasRelay: mesh.hasRelay(),
      strangers: mesh.strangers(),
      peers,
    });
    const keys = new Set(peers.map((peer) => peer.key));
    for (const feature of features) feature.present?.(keys);
  }

  function end(endCode: EndCode): void {
    if (subject.snapshot().phase === 'ended') return;
    mesh?.sayBye();
    subject.set({ ...subject.snapshot(), phase: 'ended', endCode, peers: [], strangers: 0 });
    scope.close();
  }

  function ownTracks(): LocalTracks {
    const { microphoneTrack, cameraTrack } = options.media.snapshot();
    const own = screen.snapshot();
    return {
      microphone: microphoneTrack,
      camera: cameraTrack,
      screen: own.state === 'sharing' ? own.tracks : null,
    };
  }

  function start({ keys, identity, connections, fingerprint }: CallMaterial): void {
    scope.onClose(() => connections.close());
    if (signal.aborted) return;
    roomId = keys.roomId;
    const hello: Hello = {
      version: 1,
      publicKey: identity.publicKey,
      fingerprint,
      nonce: createNonce(Date.now()),
      name: cleanName(options.name),
      capabilities: 0,
    };
    const sealed = sealHello(keys, hello);
    const ownHelloBytes = encodeHello(hello);
    memberKeyOf(ownHelloBytes).then((key) => {
      ownKey = key;
    }, reportError);
    const room = createSignaling({ url: roomUrl(), roomId: keys.roomId, hello: () => sealed });
    signaling = room;
    const people = createMesh({
      scope,
      keys,
      identity,
      connections,
      ownHello: hello,
      ownHelloBytes,
      relayOnly: options.relayOnly,
      words: options.words,
      tracks: ownTracks(),
      canSignal: () => room.snapshot().state === 'connected',
      sendSignal: (to, data) => {
        room.send(to, data);
        lookUnderway();
      },
      features,
      changed: refresh,
    });
    mesh = people;
    scope.onClose(room.on((event) => people.handle(event)));
    scope.onClose(room.subscribe(refresh));
    scope.onClose(() => room.close());
    scope.onClose(options.media.subscribe(() => people.setTracks(ownTracks())));
    scope.onClose(
      screen.subscribe(() => {
        people.setTracks(ownTracks());
        screens.announce();
      }),
    );

    // A closed page cannot say goodbye; a page that is going away just can.
    addEventListener('pagehide', () => people.sayBye(), { signal });
    const wake = () => {
      room.retry();
      people.nudge();
    };
    addEventListener('online', wake, { signal });
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && wake(), {
      signal,
    });
    // A machine that slept fires no event when it wakes up without its network having changed.
    let tickedAt = Date.now();
    const ticker = setInterval(() => {
      const now = Date.now();
      if (now - tickedAt > SLEEP_GAP_MS) wake();
      tickedAt = now;
    }, TICK_MS);
    scope.onClose(() => clearInterval(ticker));
    refresh();
  }

  scope.onClose(() => {
    if (refreshTimer !== null) clearTimeout(refreshTimer);
  });
  // At once if it can be: the socket need not wait for another task.
  if (material instanceof Promise) material.then(start).catch(() => end('failed'));
  else start(material);
  const reporter = createReporter();

  return {
    snapshot: () => subject.snapshot(),
    subscribe: (listener) => subject.subscribe(listener),
    underway,
    screen,
    hands: hands.face,
    files: files.face,
    reactions: reactions.face,
    chat,
    pointers: pointers.face,
    level: (key) => mesh?.member(key)?.link()?.level() ?? 0,
    setShown: (key, of, size) => mesh?.member(key)?.setShown(of, size),
    async report(key) {
      const member = mesh?.member(key);
      const link = member?.link();
      return member && link
        ? reporter.report(key, await link.stats(), link.streams.main, member.refusedSignals())
        : null;
    },
    retry() {
      signaling?.retry();
      mesh?.nudge();
    },
    leave: () => end('left'),
  };
}

function roomUrl(): string {
  const url = new URL(ROOM_PATH, location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  return url.href;
}
