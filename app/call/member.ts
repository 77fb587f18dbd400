/**
 * One other person of the room: the keys shared with them, the present link, and its recovery. Owns the link's lifetime
 * and decides when to mend, rebuild or give up; knows the room only as somebody's word for who is listed.
 *
 * The record outlives its links: the pair's counters must never start again under the same keys (AES-GCM), so it is kept
 * for the whole call even while the person is away.
 */
import type { PairKeys } from '../crypto/pair.ts';
import type { Hello } from '../wire/hello.ts';
import { decodeSignal, encodeSignal, type SignalFrame } from '../wire/signal.ts';
import { inspectDescription } from './description.ts';
import type { NegotiationMessage } from './negotiation.ts';
import { createPeerLink, type LocalTracks, type PeerLink } from './peer-link.ts';
import {
  FIRST_TIMEOUT_MS,
  RECOVERY_START,
  type Recovery,
  type RecoveryEvent,
  type RecoveryStep,
  recover,
  recoverFromSilence,
} from './recovery.ts';
import type { Scope } from './scope.ts';
import type { PeerSnapshot, PeerState, Route } from './snapshot.ts';

/** What all members share with the call they are in. */
export interface MemberContext {
  readonly scope: Scope;
  ownId(): string;
  ownFingerprint: Uint8Array<ArrayBuffer>;
  configuration(): RTCConfiguration;
  tracks(): LocalTracks;
  /** Hands sealed data to the room; false while it cannot be reached. */
  sendSignal(to: string, data: string): boolean;
  changed(): void;
}

export interface Member {
  readonly key: string;
  id(): string;
  isListed(): boolean;
  /** Whether there is anything to show: listed by the room, or still linked. */
  isPresent(): boolean;
  /** The room lists this person, under this id. Starts or mends the link as needed. */
  listed(id: string): void;
  /** The room lists them no longer. The link stays while it carries media. */
  unlisted(): void;
  receiveSignal(data: string, from: string): Promise<void>;
  /** The page woke up, came online, or a person asked: look at the link now. */
  nudge(): void;
  configurationChanged(): void;
  tracksChanged(): void;
  sayBye(): void;
  link(): PeerLink | null;
  snapshot(): PeerSnapshot;
}

/** How long silence must last before a peer that the room no longer lists is taken to be gone. */
const SILENCE_MS = 1_500;
/** After a goodbye or a closed channel the room's word follows at once; without it the link is mended. */
const LEFT_GRACE_MS = 2_000;

export function createMember(key: string, hello: Hello, pair: PairKeys, context: MemberContext): Member {
  let id = '';
  let isListed = false;
  let generation = 0;
  let link: PeerLink | null = null;
  let linkScope: Scope | null = null;
  /** Whether the present link is confirmed, and whether any was since the person appeared: a tile stays meanwhile. */
  let linkConfirmed = false;
  let confirmed = false;
  let microphone = false;
  let camera = false;
  let route: Route = 'unknown';
  let recovery: Recovery = RECOVERY_START;
  let timer: ReturnType<typeof setTimeout> | null = null;

  context.scope.onClose(() => arm(null));

  /** The impolite side, which has the smaller id, makes first offers (DESIGN section 4). */
  const offersFirst = () => context.ownId() < id;

  function arm(timeoutMs: number | null): void {
    if (timer !== null) clearTimeout(timer);
    timer = timeoutMs === null ? null : setTimeout(() => apply('timeout'), timeoutMs);
  }

  function apply(event: RecoveryEvent): void {
    take(recover(recovery, event));
  }

  function take(step: RecoveryStep): void {
    recovery = step.next;
    arm(step.timeoutMs);
    switch (step.action) {
      case 'none':
        break;
      case 'check':
        void checkForSilence();
        break;
      case 'restart-ice':
        if (!isListed && link?.state() === 'failed') {
          drop();
          return;
        }
        link?.restartIce();
        break;
      case 'rebuild':
        if (!isListed) {
          drop();
          return;
        }
        rebuild();
        break;
    }
    context.changed();
  }

  async function isSilent(): Promise<boolean> {
    const watched = link;
    if (!watched || watched.state() === 'failed' || watched.state() === 'closed') return true;
    const before = await watched.receivedBytes();
    watched.probe();
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
    if (watched !== link) return false;
    return (await watched.receivedBytes()) <= before;
  }

  async function checkForSilence(): Promise<void> {
    const watched = link;
    if (watched && (await isSilent()) && watched === link && !context.scope.signal.aborted) {
      if (isListed) take(recoverFromSilence(recovery));
      else drop();
    }
  }

  function drop(): void {
    arm(null);
    linkScope?.close();
    linkScope = null;
    link = null;
    linkConfirmed = false;
    confirmed = false;
    route = 'unknown';
    recovery = RECOVERY_START;
    context.changed();
  }

  /** Seals and sends. What is too long to seal, or finds the room away, is lost: recovery asks again. */
  function sendFrame(frame: SignalFrame): void {
    const to = id;
    pair
      .seal(encodeSignal(frame), context.ownId(), to)
      .then((data) => context.sendSignal(to, data))
      .catch(() => undefined);
  }

  function sendSealed(message: NegotiationMessage, ofGeneration: number): void {
    sendFrame(
      message.kind === 'description'
        ? { ...message, generation: ofGeneration, candidates: [] }
        : { ...message, generation: ofGeneration },
    );
  }

  function requestOffer(): void {
    sendFrame({ kind: 'request-offer', generation });
  }

  function rebuild(): void {
    if (offersFirst()) open(generation + 1);
    else requestOffer();
  }

  function open(nextGeneration: number): void {
    linkScope?.close();
    const scope = context.scope.child();
    linkScope = scope;
    generation = nextGeneration;
    linkConfirmed = false;
    const polite = !offersFirst();
    const ownGeneration = nextGeneration;
    /** Events of a link that was replaced meanwhile are nobody's. */
    const current = () => linkScope === scope && !scope.signal.aborted;
    link = createPeerLink({
      scope,
      configuration: context.configuration(),
      polite,
      peerFingerprint: hello.fingerprint,
      confirmation: {
        tag: () => pair.confirmTag(polite ? 'polite' : 'impolite', context.ownFingerprint, hello.fingerprint),
        verify: (tag) =>
          pair.verifyConfirm(tag, polite ? 'impolite' : 'polite', hello.fingerprint, context.ownFingerprint),
      },
      tracks: context.tracks(),
      sendSealed: (message) => sendSealed(message, ownGeneration),
      events: {
        stateChanged(state) {
          if (!current()) return;
          if (state === 'connected') {
            if (linkConfirmed) apply('connected');
          } else if (state === 'disconnected') apply('disconnected');
          else if (state === 'failed') apply('failed');
        },
        confirmed() {
          if (!current()) return;
          linkConfirmed = true;
          confirmed = true;
          apply('connected');
        },
        mediaState(nextMicrophone, nextCamera) {
          if (!current()) return;
          microphone = nextMicrophone;
          camera = nextCamera;
          context.changed();
        },
        routeChanged(next) {
          if (!current()) return;
          route = next;
          context.changed();
        },
        bye() {
          if (!current()) return;
          drop();
          mendUnlessLeft();
        },
        controlLost(reason) {
          if (!current()) return;
          if (reason === 'proof' || !isListed) drop();
          else mendUnlessLeft();
        },
      },
    });
    context.changed();
  }

  /** The peer ended the link. If the room says so too, they left; if not, they are still there and want a new one. */
  function mendUnlessLeft(): void {
    recovery = { ...RECOVERY_START, attempts: 0 };
    arm(LEFT_GRACE_MS);
  }

  return {
    key,
    id: () => id,
    isListed: () => isListed,
    isPresent: () => isListed || link !== null,
    listed(nextId) {
      id = nextId;
      isListed = true;
      if (!link) {
        recovery = RECOVERY_START;
        if (offersFirst()) open(generation + 1);
        arm(FIRST_TIMEOUT_MS);
      } else if (!linkConfirmed) {
        // What was said while one of the two was away from the room is lost.
        link.resend();
      }
      context.changed();
    },
    unlisted() {
      isListed = false;
      if (!linkConfirmed) drop();
      else void checkForSilence();
      context.changed();
    },
    async receiveSignal(data, from) {
      const bytes = await pair.open(data, from, context.ownId());
      const frame = bytes && decodeSignal(bytes);
      if (!frame || context.scope.signal.aborted) return;
      if (frame.kind === 'request-offer') {
        // Only a link that this side too finds wanting is given up: a running one is the truth.
        if (offersFirst() && recovery.state !== 'healthy')
          take({ ...recover(recovery, 'nudge'), action: 'rebuild' });
        return;
      }
      if (frame.kind === 'description' && !inspectDescription(frame.sdp, hello.fingerprint).ok) return;
      if (frame.kind === 'description' && frame.type === 'offer' && frame.generation > generation) {
        if (offersFirst()) return;
        open(frame.generation);
      }
      if (frame.generation !== generation) return;
      if (frame.kind === 'candidates') link?.receive({ kind: 'candidates', candidates: frame.candidates });
      else link?.receive({ kind: 'description', type: frame.type, sdp: frame.sdp });
    },
    nudge: () => apply('nudge'),
    configurationChanged: () => link?.setConfiguration(context.configuration()),
    tracksChanged: () => link?.setTracks(context.tracks()),
    sayBye: () => link?.sayBye(),
    link: () => link,
    snapshot: () => ({
      key,
      name: hello.name,
      state: peerState(recovery, confirmed),
      confirmed,
      microphone,
      camera,
      route,
      streams: linkConfirmed && link ? link.streams : null,
    }),
  };
}

function peerState(recovery: Recovery, confirmed: boolean): PeerState {
  if (recovery.state === 'unreachable') return 'unreachable';
  if (recovery.state === 'healthy') return 'connected';
  return confirmed ? 'reconnecting' : 'connecting';
}
