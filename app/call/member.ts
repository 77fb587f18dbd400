/**
 * One other person of the room: the keys shared with them, the present link, and its recovery. Owns the link's lifetime
 * and decides when to mend, rebuild or give up; knows the room only as somebody's word for who is listed.
 *
 * A link is numbered by its generation: the peer connections this pair has had. The side that offers first makes a new
 * one; the other follows the higher number, or asks for it.
 */
import { MAX_CAPACITY } from '../../rooms/protocol/limits.ts';
import type { PairKeys } from '../crypto/pair.ts';
import type { Hello } from '../wire/hello.ts';
import { decodeSignal, encodeSignal, type SignalFrame } from '../wire/signal.ts';
import type { FeatureFrame, LinkPort } from './channels/link-port.ts';
import type { BareConnection } from './connection-pool.ts';
import { inspectDescription } from './description.ts';
import type { PictureOf, ShownSize } from './media/shown-size.ts';
import type { NegotiationMessage } from './negotiation.ts';
import { createPeerLink, hasArrived, type LocalTracks, type PeerLink } from './peer-link.ts';
import {
  CONNECT_MS,
  HEAR_MS,
  RECOVERY_START,
  type Recovery,
  type RecoveryEvent,
  type RecoveryStep,
  recover,
} from './recovery.ts';
import type { Scope } from './scope.ts';
import type { PeerSnapshot, PeerState, Route } from './snapshot.ts';
import { createTokenBucket } from './token-bucket.ts';

/** What all members share with the call they are in. */
export interface MemberContext {
  readonly scope: Scope;
  readonly ownFingerprint: Uint8Array<ArrayBuffer>;
  ownId(): string;
  iceServers(): RTCIceServer[];
  /** A peer connection for a new link; throws when the browser has none to give. */
  connect(): BareConnection;
  tracks(): LocalTracks;
  /** Whether the room can be reached now. */
  canSignal(): boolean;
  /** Hands sealed data to the room; lost while it cannot be reached. */
  sendSignal(to: string, data: string): void;
  /** A link was confirmed, and so may carry more than media. */
  linkUp(port: LinkPort): void;
  featureFrame(port: LinkPort, frame: FeatureFrame): void;
  changed(): void;
}

export interface MemberOptions {
  /** Stable name of the person: derived from their hello. */
  readonly key: string;
  readonly hello: Hello;
  readonly pair: PairKeys;
  /**
   * Whether this side makes first offers and is the impolite one. The two hellos decide it, not the ids: those may
   * change in mid-call when a server restarts, and then both sides would wait, or both insist.
   */
  readonly offersFirst: boolean;
  readonly context: MemberContext;
}

export interface Member {
  readonly key: string;
  /** Whether the room lists this person, under whatever id. */
  isListed(): boolean;
  /** Whether there is anything to show: listed by the room, or still linked. */
  isPresent(): boolean;
  /**
   * The room lists this person under `id`. Starts or mends the link as needed. Several ids are possible: an old socket of
   * theirs that the room has not missed yet, or somebody who repeats their hello. `afterAbsence`: this side was away from the
   * room meanwhile, and what they said to it then is lost.
   */
  listed(id: string, afterAbsence: boolean): void;
  /** The room lists `id` no longer. When it was the last one the link stays for as long as it carries anything. */
  unlisted(id: string): void;
  ids(): readonly string[];
  /** Resolves when the signal was handled. Never rejects. */
  receiveSignal(data: string, from: string): Promise<void>;
  /** The page woke up, came online, or a person asked: look at the link now. */
  nudge(): void;
  iceServersChanged(): void;
  tracksChanged(): void;
  /** How large their picture is shown here, over this link and those that follow it. */
  setShown(of: PictureOf, size: ShownSize): void;
  sayBye(): void;
  link(): PeerLink | null;
  /** Whether an offer of this side's is still to be handed to the room. */
  owesOffer(): boolean;
  /** Whether the first link, or its first picture, is due within moments. */
  isSettling(): boolean;
  /** Signals that did not open or did not decode. */
  refusedSignals(): number;
  snapshot(): LinkedPeer;
}

/** A person as their link shows them; what they do besides talking is the features'. */
export type LinkedPeer = Omit<PeerSnapshot, 'screen'>;

/** How long nothing must arrive before a link counts as silent. SCTP sends again after a second (RFC 9260 s16). */
const SILENCE_MS = 1_500;
/** How long a first link may take to form, and then its first picture to come, before somebody ought to be told. */
const SETTLING_MS = 1_000;
/** An honest room lists no more ids than it can hold people, however many of them repeat one hello. */
const MAX_IDS = MAX_CAPACITY;
/** A generation this far ahead is no honest peer's. */
const MAX_GENERATION_STEP = 1_000;
/** New peer connections a peer can make us open: a few at once, then one in so many milliseconds. */
const OPEN_BURST = 4;
const OPEN_INTERVAL_MS = 3_000;
/** Who was refused is not listened to for so long, unless this side tries again first. */
const REFUSED_MS = 60_000;

export function createMember(options: MemberOptions): Member {
  const { key, hello, pair, offersFirst, context } = options;
  const ids = new Set<string>();
  const shown = new Map<PictureOf, ShownSize>();
  /** The id from which the last signal opened: only the holder of the private key can have sent it. */
  let provenId: string | null = null;
  /** The highest generation either side has named. */
  let generation = 0;
  let link: PeerLink | null = null;
  let linkScope: Scope | null = null;
  let linkGeneration = 0;
  /** The highest generation whose description was handed to the room. */
  let describedGeneration = 0;
  /** Whether the present link is confirmed, and whether any was since the person appeared: a tile stays meanwhile. */
  let linkConfirmed = false;
  let confirmed = false;
  /** Why the last link ended: the peer did what no honest peer does. */
  let refused = false;
  let deafUntilMs = 0;
  let microphone = false;
  let camera = false;
  let route: Route = 'unknown';
  let recovery: Recovery = RECOVERY_START;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let checking = false;
  /** Until when the next step of a first link is worth waiting for, by the page's monotonic clock. */
  let settlesAtMs = 0;
  let pictureArrived = false;
  /** They connected once without proving their key, and get no media again before they do. */
  let proofWasLate = false;
  let mediaHeard = false;
  let refusedSignals = 0;
  const openings = createTokenBucket(OPEN_BURST, OPEN_INTERVAL_MS);

  context.scope.onClose(() => arm(null));

  function arm(timeoutMs: number | null): void {
    if (timer !== null) clearTimeout(timer);
    timer = timeoutMs === null ? null : setTimeout(() => apply('timeout'), timeoutMs);
  }

  function apply(event: RecoveryEvent): void {
    if (!context.scope.signal.aborted) take(recover(recovery, event));
  }

  function take(step: RecoveryStep): void {
    recovery = step.next;
    if (step.timeoutMs !== 'keep') arm(step.timeoutMs);
    switch (step.action) {
      case 'none':
        break;
      case 'check':
        void checkForSilence();
        break;
      case 'restart-ice':
        if (ids.size === 0 && link?.state() === 'failed') drop();
        else link?.restartIce();
        void checkForSilence();
        break;
      case 'rebuild':
        if (ids.size === 0) drop();
        else rebuild();
        break;
    }
    context.changed();
  }

  async function isSilent(watched: PeerLink): Promise<boolean> {
    if (watched.state() === 'failed' || watched.state() === 'closed') return true;
    const before = await watched.received();
    watched.probe();
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
    return !hasArrived(before, await watched.received());
  }

  async function checkForSilence(): Promise<void> {
    const watched = link;
    if (checking || !watched) return;
    checking = true;
    // While the transport still counts as connected one gap proves nothing: a radio may be looking for its cell.
    const silent =
      (await isSilent(watched)) && (watched.state() !== 'connected' || (await isSilent(watched)));
    checking = false;
    if (watched !== link || context.scope.signal.aborted) return;
    if (recovery.state === 'restarting') {
      // Firefox stays connected while ICE restarts, and so has no event when it is done.
      if (watched.state() !== 'connected' || !linkConfirmed) return;
      if (silent) void checkForSilence();
      else apply('connected');
    } else if (silent && ids.size > 0) apply('silent');
    else if (silent) drop();
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

  /** Under which ids they are spoken to: as long as none has proved to be theirs, under all. */
  function addresses(): Iterable<string> {
    return provenId !== null && ids.has(provenId) ? [provenId] : ids;
  }

  /** Seals and sends. What is too long to seal, or finds the room away, is lost: recovery asks again. */
  function sendFrame(frame: SignalFrame, recipients = addresses()): void {
    const from = context.ownId();
    for (const to of recipients) {
      Promise.resolve()
        .then(() => pair.seal(encodeSignal(frame), from, to))
        .then((data) => {
          if (frame.kind === 'description') describedGeneration = frame.generation;
          context.sendSignal(to, data);
        })
        .catch(() => undefined);
    }
  }

  function sendSealed(message: NegotiationMessage, ofGeneration: number, recipients = addresses()): void {
    sendFrame(
      message.kind === 'description'
        ? { ...message, generation: ofGeneration, candidates: [] }
        : { ...message, generation: ofGeneration },
      recipients,
    );
  }

  function offerAgain(recipients = addresses()): void {
    const offer = link?.pendingOffer();
    if (offer) sendSealed(offer, linkGeneration, recipients);
  }

  function requestOffer(recipients = addresses()): void {
    sendFrame({ kind: 'request-offer', generation }, recipients);
  }

  function rebuild(): void {
    deafUntilMs = 0;
    // Without the room a new connection cannot be introduced, and closing the old one would end what may still heal.
    if (link && linkConfirmed && !context.canSignal()) link.restartIce();
    else if (offersFirst) open(generation + 1);
    else requestOffer();
  }

  /** False when a peer asks for links faster than we make them, or the browser has no more to give. */
  function open(nextGeneration: number): boolean {
    if (!openings.take()) return false;
    linkScope?.close();
    const scope = context.scope.child();
    linkScope = scope;
    generation = Math.max(generation, nextGeneration);
    linkGeneration = nextGeneration;
    linkConfirmed = false;
    pictureArrived = false;
    mediaHeard = false;
    route = 'unknown';
    const [ownRole, peerRole] = offersFirst
      ? (['impolite', 'polite'] as const)
      : (['polite', 'impolite'] as const);
    /** Events of a link that was replaced meanwhile are nobody's. */
    const current = () => linkScope === scope && !scope.signal.aborted;
    let port: LinkPort | null = null;
    try {
      link = createPeerLink({
        scope,
        connection: context.connect(),
        polite: !offersFirst,
        peerFingerprint: hello.fingerprint,
        confirmation: {
          tag: () => pair.confirmTag(ownRole, context.ownFingerprint, hello.fingerprint),
          verify: (tag) => pair.verifyConfirm(tag, peerRole, hello.fingerprint, context.ownFingerprint),
        },
        tracks: context.tracks(),
        mediaBeforeProof: !proofWasLate,
        sendSealed: (message) => sendSealed(message, nextGeneration),
        canSignal: context.canSignal,
        events: {
          stateChanged(state) {
            if (!current()) return;
            if (state === 'connected') {
              if (linkConfirmed) apply('connected');
            } else if (state === 'disconnected' || state === 'failed') apply(state);
          },
          confirmed() {
            if (!current() || !link) return;
            linkConfirmed = true;
            confirmed = true;
            refused = false;
            proofWasLate = false;
            port = { ...link.port, key };
            settlesAtMs = performance.now() + SETTLING_MS;
            apply('connected');
            context.linkUp(port);
          },
          proofLate() {
            proofWasLate = true;
          },
          featureFrame(frame) {
            if (current() && port) context.featureFrame(port, frame);
          },
          mediaState(nextMicrophone, nextCamera) {
            if (!current()) return;
            mediaHeard = true;
            microphone = nextMicrophone;
            camera = nextCamera;
            context.changed();
          },
          pictureArrived() {
            if (!current()) return;
            pictureArrived = true;
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
            if (ids.size > 0) apply('parted');
          },
          controlClosed() {
            if (!current()) return;
            if (ids.size > 0) apply('parted');
            else drop();
          },
          refused() {
            if (!current()) return;
            refused = true;
            deafUntilMs = performance.now() + REFUSED_MS;
            drop();
            if (ids.size > 0) apply('refused');
          },
        },
      });
    } catch {
      // The browser has no more peer connections to give.
      scope.close();
      linkScope = null;
      link = null;
      return false;
    }
    for (const [of, size] of shown) link.setShown(of, size);
    context.changed();
    return true;
  }

  function answerRequest(theirs: number): void {
    generation = Math.max(generation, theirs);
    if (!offersFirst) return;
    // They have not seen the offer that is on its way.
    if (link && !linkConfirmed && theirs < linkGeneration) offerAgain();
    else apply('requested');
  }

  return {
    key,
    isListed: () => ids.size > 0,
    isPresent: () => ids.size > 0 || link !== null,
    ids: () => [...ids],
    listed(id, afterAbsence) {
      const isNew = ids.size === 0;
      if (ids.size >= MAX_IDS && !ids.has(id)) {
        const oldest = [...ids].find((one) => one !== provenId);
        if (oldest !== undefined) ids.delete(oldest);
      }
      ids.add(id);
      if (!link && isNew) {
        recovery = RECOVERY_START;
        settlesAtMs = performance.now() + SETTLING_MS;
        // Most often the offer is on its way. Asked for at once it would come a second time, to a link that forms already.
        arm(afterAbsence && !offersFirst ? HEAR_MS : CONNECT_MS);
        if (offersFirst) open(generation + 1);
      } else if (recovery.state === 'unreachable') {
        apply('nudge');
      } else if (!linkConfirmed) {
        // What was said while one of the two was away from the room is lost. Said to every id at every listing, it would grow
        // with the square of the ids that repeat a hello.
        if (offersFirst) offerAgain([id]);
        else requestOffer([id]);
      }
      context.changed();
    },
    unlisted(id) {
      if (!ids.delete(id)) return;
      if (provenId === id) provenId = null;
      if (ids.size > 0) return;
      if (link && linkConfirmed && link.isControlOpen()) void checkForSilence();
      else drop();
      context.changed();
    },
    async receiveSignal(data, from) {
      const bytes = await pair.open(data, from, context.ownId());
      const frame = bytes && decodeSignal(bytes);
      if (!frame || frame.generation > generation + MAX_GENERATION_STEP) {
        refusedSignals += 1;
        return;
      }
      if (context.scope.signal.aborted) return;
      provenId = from;
      if (performance.now() < deafUntilMs) return;
      if (frame.kind === 'request-offer') {
        answerRequest(frame.generation);
        return;
      }
      if (frame.kind === 'description') {
        if (!inspectDescription(frame.sdp, hello.fingerprint).ok) {
          refusedSignals += 1;
          return;
        }
        if (frame.type === 'offer' && frame.generation > generation && !offersFirst) {
          if (!open(frame.generation)) return;
          apply('offered');
        }
      }
      if (frame.generation !== linkGeneration) return;
      if (frame.kind === 'candidates') link?.receive(frame);
      else link?.receive({ kind: 'description', type: frame.type, sdp: frame.sdp });
    },
    nudge: () => apply('nudge'),
    iceServersChanged: () => link?.setIceServers(context.iceServers()),
    tracksChanged: () => link?.setTracks(context.tracks()),
    setShown(of, size) {
      shown.set(of, size);
      link?.setShown(of, size);
    },
    sayBye: () => link?.sayBye(),
    link: () => link,
    owesOffer: () => offersFirst && link !== null && describedGeneration < linkGeneration,
    isSettling: () =>
      performance.now() < settlesAtMs &&
      ids.size > 0 &&
      !(linkConfirmed && (pictureArrived || (mediaHeard && !camera))),
    refusedSignals: () => refusedSignals,
    snapshot: () => ({
      key,
      name: hello.name,
      state: refused ? 'refused' : peerState(recovery, linkConfirmed, confirmed),
      confirmed,
      microphone,
      camera,
      route,
      streams: linkConfirmed && link ? link.streams : null,
    }),
  };
}

function peerState(recovery: Recovery, linkConfirmed: boolean, confirmed: boolean): PeerState {
  if (recovery.state === 'unreachable') return 'unreachable';
  if (recovery.state === 'healthy' && linkConfirmed) return 'connected';
  return confirmed ? 'reconnecting' : 'connecting';
}
