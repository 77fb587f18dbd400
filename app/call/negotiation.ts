/**
 * Perfect negotiation for one peer connection (W3C webrtc-pc, "Perfect negotiation example"), and when to send what it
 * produces. Owns the collision rules and the bundling of early candidates with their description; knows neither the
 * WebSocket nor sealing: what it has to say goes through `send`.
 *
 * States are the peer connection's own `signalingState`, refined by three flags of the example: `makingOffer`,
 * `ignoreOffer`, `isSettingRemoteAnswerPending`. Messages are handled one at a time, in order of arrival.
 */

import { isAddressable, isUsable, tidyDescription } from './description.ts';

export interface CandidateInit {
  readonly candidate: string;
  readonly sdpMid: string | null;
  readonly sdpMLineIndex: number | null;
  readonly usernameFragment: string | null;
}

export type NegotiationMessage =
  | { readonly kind: 'description'; readonly type: 'offer' | 'answer'; readonly sdp: string }
  | { readonly kind: 'candidates'; readonly candidates: readonly CandidateInit[] };

export interface NegotiationOptions {
  readonly pc: RTCPeerConnection;
  /** The polite side gives way when offers collide. */
  readonly polite: boolean;
  /** Whether this side makes the first offer. The other ignores `negotiationneeded` until one arrived. */
  readonly firstOffer: boolean;
  /** Takes the message; its delivery is the caller's business. */
  readonly send: (message: NegotiationMessage) => void;
  /** Judges a peer's description before the browser sees it. */
  readonly acceptable: (sdp: string) => boolean;
  /** Runs between a first offer being set and its answer being made: the place to configure transceivers. */
  readonly beforeFirstAnswer: () => Promise<void>;
  readonly signal: AbortSignal;
}

export interface Negotiation {
  /**
   * Makes the first offer, on the side that does. Not left to `negotiationneeded`: a connection made in advance has fired it
   * before anybody listened, and it is not fired again until the connection was stable (webrtc-pc s4.7.3).
   */
  start(): void;
  /**
   * Queues a peer's message; resolves when it was handled. Never rejects: what the browser refuses is dropped, and
   * recovery notices. So is what comes faster than it can be handled.
   */
  receive(message: NegotiationMessage): Promise<void>;
  /** The offer that waits for its answer, for a peer that may have missed it; null where none was sent. */
  pendingOffer(): NegotiationMessage | null;
  /** Restarts ICE (RFC 8445 s9). An offer that got no answer is taken back first: it would keep a new one from being made. */
  restartIce(): Promise<void>;
}

/** Messages of a peer that may wait to be handled. */
const MAX_PENDING = 64;
/** Candidates a peer may add to one peer connection by trickling. */
const MAX_TRICKLED = 256;
/** Candidates in one message: below what `wire` allows. */
const TRICKLE_BATCH = 32;

/** How long a description waits for a first candidate to travel with it, and then for those right behind the first. */
const BUNDLE_MS = 20;
const BUNDLE_MORE_MS = 4;
/** How long later candidates wait for each other. */
const TRICKLE_MS = 30;
/**
 * How long a relay candidate waits where others have gone before it. It is the last resort (RFC 8445 s5.1.2.2): most links
 * connect without it, and then it travels over the link itself and costs the room nothing.
 */
const RELAY_TRICKLE_MS = 200;

export function createNegotiation(options: NegotiationOptions): Negotiation {
  const { pc, polite, signal } = options;
  let makingOffer = false;
  let ignoreOffer = false;
  let isSettingRemoteAnswerPending = false;
  let begun = options.firstOffer;
  let chain: Promise<void> = Promise.resolve();
  let pending = 0;
  let candidatesAdded = 0;

  /** While a description waits to be sent, candidates belong to its text and are not sent on their own. */
  let descriptionTimer: ReturnType<typeof setTimeout> | null = null;
  let bundling = false;
  let trickleTimer: ReturnType<typeof setTimeout> | null = null;
  let trickleIsUrgent = false;
  let trickled: CandidateInit[] = [];

  function ownDescription(): NegotiationMessage | null {
    const local = pc.localDescription;
    if (signal.aborted || !local || (local.type !== 'offer' && local.type !== 'answer')) return null;
    return { kind: 'description', type: local.type, sdp: tidyDescription(local.sdp) };
  }

  function sendDescription(): void {
    if (descriptionTimer !== null) clearTimeout(descriptionTimer);
    descriptionTimer = null;
    const description = ownDescription();
    if (description) options.send(description);
  }

  function scheduleDescription(): void {
    trickled = [];
    bundling = false;
    if (descriptionTimer !== null) clearTimeout(descriptionTimer);
    if (pc.iceGatheringState === 'complete') sendDescription();
    else descriptionTimer = setTimeout(sendDescription, BUNDLE_MS);
  }

  function flushCandidates(): void {
    trickleTimer = null;
    const candidates = trickled;
    trickled = [];
    if (signal.aborted) return;
    for (let from = 0; from < candidates.length; from += TRICKLE_BATCH) {
      options.send({ kind: 'candidates', candidates: candidates.slice(from, from + TRICKLE_BATCH) });
    }
  }

  async function makeOffer(): Promise<void> {
    try {
      makingOffer = true;
      // An answer that still waits for its candidates would be replaced by this offer and never be sent.
      if (descriptionTimer !== null && pc.localDescription?.type === 'answer') sendDescription();
      await pc.setLocalDescription();
      if (!signal.aborted) scheduleDescription();
    } catch {
      // The connection was closed or left `stable` meanwhile; `negotiationneeded` fires again if it still is.
    } finally {
      makingOffer = false;
    }
  }

  async function handleDescription(type: 'offer' | 'answer', sdp: string): Promise<void> {
    if (!options.acceptable(sdp)) return;
    const readyForOffer = !makingOffer && (pc.signalingState === 'stable' || isSettingRemoteAnswerPending);
    ignoreOffer = !polite && type === 'offer' && !readyForOffer;
    if (ignoreOffer) return;
    if (type === 'answer' && pc.signalingState !== 'have-local-offer') return;
    isSettingRemoteAnswerPending = type === 'answer';
    try {
      await pc.setRemoteDescription({ type, sdp });
    } finally {
      isSettingRemoteAnswerPending = false;
    }
    if (type === 'answer' || signal.aborted) return;
    if (!begun) {
      begun = true;
      await options.beforeFirstAnswer();
      if (signal.aborted) return;
    }
    await pc.setLocalDescription();
    if (!signal.aborted) scheduleDescription();
  }

  async function handle(message: NegotiationMessage): Promise<void> {
    if (signal.aborted) return;
    try {
      if (message.kind === 'description') {
        await handleDescription(message.type, message.sdp);
        return;
      }
      for (const candidate of message.candidates) {
        if (signal.aborted || candidatesAdded >= MAX_TRICKLED) return;
        if (!isAddressable(candidate.candidate)) continue;
        candidatesAdded += 1;
        await pc.addIceCandidate({ ...candidate }).catch(() => {
          // A candidate of an offer that was ignored, or of a description already replaced.
        });
      }
    } catch {
      // The browser refused the description: the link stays as it is, and recovery makes a new one if it is needed.
    }
  }

  pc.addEventListener(
    'negotiationneeded',
    () => {
      if (begun) void makeOffer();
    },
    { signal },
  );
  pc.addEventListener(
    'icecandidate',
    ({ candidate }) => {
      if (!candidate || candidate.candidate === '') return;
      if (descriptionTimer !== null) {
        if (!bundling) {
          bundling = true;
          clearTimeout(descriptionTimer);
          descriptionTimer = setTimeout(sendDescription, BUNDLE_MORE_MS);
        }
        return;
      }
      if (!isUsable(candidate.candidate)) return;
      trickled.push({
        candidate: candidate.candidate,
        sdpMid: candidate.sdpMid,
        sdpMLineIndex: candidate.sdpMLineIndex,
        usernameFragment: candidate.usernameFragment,
      });
      const urgent = candidate.type !== 'relay' || pc.getConfiguration().iceTransportPolicy === 'relay';
      if (trickleTimer !== null && (trickleIsUrgent || !urgent)) return;
      if (trickleTimer !== null) clearTimeout(trickleTimer);
      trickleIsUrgent = urgent;
      trickleTimer = setTimeout(flushCandidates, urgent ? TRICKLE_MS : RELAY_TRICKLE_MS);
    },
    { signal },
  );
  pc.addEventListener(
    'icegatheringstatechange',
    () => {
      if (pc.iceGatheringState === 'complete' && descriptionTimer !== null) sendDescription();
    },
    { signal },
  );
  signal.addEventListener('abort', () => {
    if (descriptionTimer !== null) clearTimeout(descriptionTimer);
    if (trickleTimer !== null) clearTimeout(trickleTimer);
  });

  return {
    start() {
      if (options.firstOffer) void makeOffer();
    },
    receive(message) {
      if (pending >= MAX_PENDING) return chain;
      pending += 1;
      chain = chain
        .then(() => handle(message))
        .finally(() => {
          pending -= 1;
        });
      return chain;
    },
    pendingOffer: () =>
      pc.signalingState === 'have-local-offer' && descriptionTimer === null ? ownDescription() : null,
    async restartIce() {
      if (signal.aborted) return;
      if (pc.signalingState === 'have-local-offer' && !isSettingRemoteAnswerPending) {
        await pc.setLocalDescription({ type: 'rollback' }).catch(() => undefined);
      }
      if (!signal.aborted) pc.restartIce();
    },
  };
}
