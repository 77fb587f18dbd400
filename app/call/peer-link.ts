/**
 * One peer connection and what belongs to it: four transceivers, the control channel, the confirmation that the peer
 * holds the pair's key. Owns the `RTCPeerConnection` from construction to `close`. Knows neither the room nor the
 * ladder of recovery: it reports what happens and does what it is told.
 */
import { type ControlFrame, decodeControl, encodeControl } from '../wire/control.ts';
import { createGate, type FeatureFrame, type LinkPort } from './channels/link-port.ts';
import { codecsFor } from './codecs.ts';
import type { BareConnection } from './connection-pool.ts';
import { inspectDescription } from './description.ts';
import { type CameraSender, createCameraSender } from './media/camera-sender.ts';
import { createOutgoingTrack, type SendTrack } from './media/outgoing-track.ts';
import { createScreenSender, type ScreenSender } from './media/screen-sender.ts';
import type { ScreenTracks } from './media/screen-types.ts';
import { createTuner } from './media/sender-parameters.ts';
import type { PictureOf, ShownSize } from './media/shown-size.ts';
import { createNegotiation, type NegotiationMessage } from './negotiation.ts';
import type { Scope } from './scope.ts';
import type { PeerStreams, Route } from './snapshot.ts';
import { createTokenBucket } from './token-bucket.ts';

/** What proves that both ends of this DTLS session hold the pair's key (DESIGN section 2, last point). */
export interface Confirmation {
  tag(): Promise<Uint8Array<ArrayBuffer>>;
  verify(tag: Uint8Array<ArrayBuffer>): Promise<boolean>;
}

export interface LocalTracks {
  readonly microphone: MediaStreamTrack | null;
  readonly camera: MediaStreamTrack | null;
  readonly screen: ScreenTracks | null;
}

export interface PeerLinkOptions {
  /** Ends with the link; the link closes when it closes. */
  readonly scope: Scope;
  /** Owned by the link from here on. */
  readonly connection: BareConnection;
  readonly polite: boolean;
  /** The certificate fingerprint of the peer's hello. */
  readonly peerFingerprint: Uint8Array;
  readonly confirmation: Confirmation;
  readonly tracks: LocalTracks;
  /**
   * Whether media may flow while the proof is on its way. Who sealed a description holds the pair's key already; the proof ties
   * it to a tile, and nobody is to be heard or seen for long by somebody without one.
   */
  readonly mediaBeforeProof: boolean;
  /** Delivers over the sealed signalling path. */
  readonly sendSealed: (message: NegotiationMessage) => void;
  /** Whether the room can be reached now. */
  readonly canSignal: () => boolean;
  readonly events: PeerLinkEvents;
}

export interface PeerLinkEvents {
  stateChanged(state: RTCPeerConnectionState): void;
  /** The peer proved its key: from here on it may have a tile. */
  confirmed(): void;
  /** Connected, and no proof within PROOF_MS: no media flows until it comes. */
  proofLate(): void;
  /** A control frame that is not about the link. Only after `confirmed`. */
  featureFrame(frame: FeatureFrame): void;
  mediaState(microphone: boolean, camera: boolean): void;
  /** The first packets of the peer's camera are here. */
  pictureArrived(): void;
  routeChanged(route: Route): void;
  /** The peer said goodbye. */
  bye(): void;
  /** The control channel closed. */
  controlClosed(): void;
  /** The peer's proof was wrong, or it sends faster than can be handled. */
  refused(): void;
}

export interface PeerLink {
  readonly streams: PeerStreams;
  /** For the features of the call, once the link is confirmed. */
  readonly port: Omit<LinkPort, 'key'>;
  state(): RTCPeerConnectionState;
  isControlOpen(): boolean;
  /** A message from the sealed signalling path. */
  receive(message: NegotiationMessage): void;
  /** The offer that waits for its answer, for a peer that may never have had it; null where none was sent. */
  pendingOffer(): NegotiationMessage | null;
  restartIce(): void;
  /** New ICE servers, for what is gathered from now on. */
  setIceServers(iceServers: RTCIceServer[]): void;
  setTracks(tracks: LocalTracks): void;
  /** How large the peer's picture is shown here: said once the link is confirmed, and then at every change. */
  setShown(of: PictureOf, size: ShownSize): void;
  /** What came so far, of whatever kind; empty where the browser cannot say. */
  received(): Promise<Received>;
  /**
   * Makes a living peer send something even while all its media is off: a message on a reliable channel is acknowledged
   * by its SCTP (RFC 9260 s6.2), whatever its page does.
   */
  probe(): void;
  level(): number;
  stats(): Promise<RTCStatsReport>;
  /** Best effort, synchronous: used when the page goes away. */
  sayBye(): void;
}

/** Bytes received so far, by the ids of transports and candidate pairs in the statistics. */
export type Received = ReadonlyMap<string, number>;

const NO_TRACKS: LocalTracks = { microphone: null, camera: null, screen: null };
/**
 * In the order of the media sections; the answering side recognises them by it. What belongs to one stream the peer's browser
 * plays in step: it pairs sound and picture by the stream that the description names for both (RFC 8830 s3, RFC 8829 s5.2.1),
 * whatever the receiving page does with the tracks afterwards. In Chromium that is `Call::ConfigureSync`, and a section that
 * names no stream is paired with nothing.
 */
const TRANSCEIVERS = [
  ['audio', 'main'],
  ['video', 'main'],
  ['video', 'screen'],
  ['audio', 'screen'],
] as const;
const MICROPHONE = 0;
const CAMERA = 1;
/** Asking the browser about a link stops its threads for a moment; nothing is asked while first frames are due. */
const CALM_MS = 2_000;
/** From the connection to the peer's proof: the handshake of SCTP and one message, with a loss of either. */
const PROOF_MS = 2_500;
/** Control frames that may wait while one is handled. */
const MAX_WAITING_FRAMES = 128;
/** Control frames of any kind: a restart brings some dozens of candidates, a window being dragged a few sizes a second. */
const PACE_BURST = 256;
const PACE_INTERVAL_MS = 50;

export function createPeerLink(options: PeerLinkOptions): PeerLink {
  const { scope, events } = options;
  const { signal } = scope;
  const { pc, control, features } = options.connection;
  const main = new MediaStream();
  const screen = new MediaStream();
  const outgoing = { main: new MediaStream(), screen: new MediaStream() };
  let tracks = options.tracks;
  let sendMicrophone: SendTrack | null = null;
  let cameraSender: CameraSender | null = null;
  let screenSender: ScreenSender | null = null;
  const shown = new Map<PictureOf, ShownSize>();
  let transceivers: readonly RTCRtpTransceiver[] = [];
  let peerConfirmed = false;
  let mediaFlows = options.mediaBeforeProof;
  let proofTimer: ReturnType<typeof setTimeout> | null = null;
  let ended = false;
  let calmAtMs = 0;
  let routeTimer: ReturnType<typeof setTimeout> | null = null;
  let calmTimer: ReturnType<typeof setTimeout> | null = null;

  const refuse = () => events.refused();
  const gates = {
    chat: createGate(features.chat, signal, refuse),
    files: createGate(features.files, signal, refuse),
    pointer: createGate(features.pointer, signal, refuse),
  };
  const port: PeerLink['port'] = {
    signal,
    channels: features,
    // An unknown limit is the one every implementation must take (RFC 8841 s6.1).
    maxMessageBytes: () => pc.sctp?.maxMessageSize ?? 64 * 1024,
    receive: (channel, take) => gates[channel].open(take),
    sendControl,
    refuse,
  };

  scope.onClose(() => {
    ended = true;
    if (routeTimer !== null) clearTimeout(routeTimer);
    if (calmTimer !== null) clearTimeout(calmTimer);
    if (proofTimer !== null) clearTimeout(proofTimer);
    control.close();
    pc.close();
  });

  function sendControl(frame: ControlFrame): boolean {
    if (control.readyState !== 'open') return false;
    try {
      control.send(encodeControl(frame));
      return true;
    } catch {
      // The channel began to close between the check and the call, or its buffer is full: `close` follows.
      return false;
    }
  }

  /**
   * The control channel carries what follows the first exchange, so that a running call needs no server. It stays open
   * long after its path is gone, and that is when an ICE restart has something to say: then the room is asked first.
   */
  function send(message: NegotiationMessage): void {
    const viaChannel = peerConfirmed && (pc.connectionState === 'connected' || !options.canSignal());
    if (!viaChannel || !sendOverControl(message)) options.sendSealed(message);
  }

  function sendOverControl(message: NegotiationMessage): boolean {
    if (message.kind === 'description') return sendControl(message);
    return message.candidates.every((candidate) => sendControl({ kind: 'candidate', ...candidate }));
  }

  function adopt(list: readonly RTCRtpTransceiver[]): void {
    transceivers = list;
    for (const transceiver of list) {
      const codecs = codecsFor(transceiver.receiver.track.kind);
      if (codecs) transceiver.setCodecPreferences(codecs);
    }
    list.forEach(({ receiver }, index) => {
      (index === MICROPHONE || index === CAMERA ? main : screen).addTrack(receiver.track);
    });
    // A receiver's track is muted until packets arrive (webrtc-pc s5.5).
    list[CAMERA]?.receiver.track.addEventListener('unmute', () => events.pictureArrived(), {
      signal,
      once: true,
    });
    const [microphone, camera, screenVideo, screenAudio] = list.map(({ sender }) => sender);
    if (microphone) sendMicrophone = createOutgoingTrack(microphone);
    if (camera) cameraSender = createCameraSender(camera, signal);
    if (screenVideo && screenAudio) screenSender = createScreenSender(screenVideo, screenAudio, signal);
    applyTracks();
  }

  function applyTracks(): void {
    if (ended) return;
    const allowed = mediaFlows ? tracks : NO_TRACKS;
    sendMicrophone?.(allowed.microphone);
    cameraSender?.send(allowed.camera);
    screenSender?.send(allowed.screen);
  }

  function announceMedia(): void {
    sendControl({
      kind: 'media-state',
      microphone: tracks.microphone !== null,
      camera: tracks.camera !== null,
    });
  }

  /** The first frames are there. From now on pictures are as large as is due, and where the path does not carry all, voices come first. */
  function calm(): void {
    cameraSender?.calm();
    const sender = transceivers[MICROPHONE]?.sender;
    if (!sender || ended) return;
    // webrtc-priority s4.
    createTuner(sender)(({ encodings }) => {
      for (const encoding of encodings) encoding.priority = 'high';
    });
  }

  function announceShown(): void {
    for (const [of, size] of shown) sendControl({ kind: 'shown', of, ...size });
  }

  const negotiation = createNegotiation({
    pc,
    polite: options.polite,
    firstOffer: !options.polite,
    send,
    acceptable: (sdp) => inspectDescription(sdp, options.peerFingerprint).ok,
    async beforeFirstAnswer() {
      const list = pc.getTransceivers().slice(0, TRANSCEIVERS.length);
      list.forEach((transceiver, index) => {
        const [, stream = 'main'] = TRANSCEIVERS[index] ?? [];
        transceiver.direction = 'sendrecv';
        transceiver.sender.setStreams(outgoing[stream]);
      });
      adopt(list);
    },
    signal,
  });

  // Only the side that offers first allocates: transceivers made with addTransceiver are never associated with a remote
  // offer's sections (JSEP, RFC 9429 s5.10), so the other side takes those the offer makes.
  if (!options.polite)
    adopt(
      TRANSCEIVERS.map(([kind, stream]) =>
        pc.addTransceiver(kind, { direction: 'sendrecv', streams: [outgoing[stream]] }),
      ),
    );
  negotiation.start();

  // What is said before it, the peer does not look at: on a busy machine theirs may be verified before ours is made.
  let proofSent = () => {};
  const ownProof = new Promise<void>((settle) => {
    proofSent = settle;
  });
  control.addEventListener(
    'open',
    async () => {
      const tag = await options.confirmation.tag();
      if (!signal.aborted) sendControl({ kind: 'confirm', tag });
      proofSent();
    },
    { signal },
  );
  control.addEventListener('close', () => events.controlClosed(), { signal });

  let incoming: Promise<void> = Promise.resolve();
  let waiting = 0;
  const pace = createTokenBucket(PACE_BURST, PACE_INTERVAL_MS);
  control.addEventListener(
    'message',
    ({ data }: MessageEvent<unknown>) => {
      const frame = data instanceof ArrayBuffer ? decodeControl(data) : null;
      // What does not decode counts as well: it may be of a later version, and its sender may not be honest.
      if (!pace.take() || waiting >= MAX_WAITING_FRAMES) {
        events.refused();
        return;
      }
      if (!frame) return;
      waiting += 1;
      // One at a time: what follows the proof must not be looked at before the proof was.
      incoming = incoming
        .then(() => handleControl(frame))
        .finally(() => {
          waiting -= 1;
        });
    },
    { signal },
  );

  async function handleControl(frame: ControlFrame): Promise<void> {
    if (signal.aborted) return;
    if (!peerConfirmed) {
      if (frame.kind !== 'confirm') return;
      const proven = await options.confirmation.verify(frame.tag);
      await ownProof;
      if (signal.aborted) return;
      if (!proven) {
        events.refused();
        return;
      }
      peerConfirmed = true;
      if (proofTimer !== null) clearTimeout(proofTimer);
      mediaFlows = true;
      applyTracks();
      announceMedia();
      announceShown();
      calmAtMs = performance.now() + CALM_MS;
      calmTimer = setTimeout(calm, CALM_MS);
      events.confirmed();
      reportRouteSoon();
      return;
    }
    switch (frame.kind) {
      case 'description':
        await negotiation.receive(frame);
        return;
      case 'candidate':
        await negotiation.receive({ kind: 'candidates', candidates: [frame] });
        return;
      case 'media-state':
        events.mediaState(frame.microphone, frame.camera);
        return;
      case 'shown':
        (frame.of === 'camera' ? cameraSender : screenSender)?.shownAt(frame);
        return;
      case 'bye':
        events.bye();
        return;
      case 'confirm':
        return;
      default:
        events.featureFrame(frame);
    }
  }

  function reportRouteSoon(): void {
    if (routeTimer !== null) clearTimeout(routeTimer);
    routeTimer = setTimeout(reportRoute, CALM_MS);
  }

  async function reportRoute(): Promise<void> {
    const report = await pc.getStats().catch(() => null);
    if (!report || signal.aborted) return;
    const route = routeOf(report);
    if (route !== 'unknown') events.routeChanged(route);
  }

  function awaitProof(): void {
    proofTimer ??= setTimeout(() => {
      if (peerConfirmed) return;
      mediaFlows = false;
      applyTracks();
      events.proofLate();
    }, PROOF_MS);
  }

  pc.addEventListener(
    'connectionstatechange',
    () => {
      if (pc.connectionState === 'connected' && !peerConfirmed) awaitProof();
      events.stateChanged(pc.connectionState);
      if (pc.connectionState === 'connected' && peerConfirmed) reportRouteSoon();
    },
    { signal },
  );

  return {
    streams: { main, screen },
    port,
    state: () => pc.connectionState,
    isControlOpen: () => control.readyState === 'open',
    receive: (message) => void negotiation.receive(message),
    pendingOffer: negotiation.pendingOffer,
    restartIce: () => void negotiation.restartIce(),
    setIceServers(iceServers) {
      if (ended) return;
      try {
        pc.setConfiguration({ ...pc.getConfiguration(), iceServers });
      } catch {
        // The browser refuses a server; the link goes on with those it has.
      }
    },
    setTracks(next) {
      tracks = next;
      applyTracks();
      if (peerConfirmed) announceMedia();
    },
    setShown(of, size) {
      shown.set(of, size);
      if (peerConfirmed) sendControl({ kind: 'shown', of, ...size });
    },
    async received() {
      const report = await pc.getStats().catch(() => null);
      const bytes = new Map<string, number>();
      report?.forEach(({ type, id, bytesReceived }: { type: string; id: string; bytesReceived?: number }) => {
        // Firefox does not count by transport.
        if (type === 'transport' || type === 'candidate-pair') bytes.set(id, bytesReceived ?? 0);
      });
      return bytes;
    },
    probe: announceMedia,
    level() {
      if (!peerConfirmed || performance.now() < calmAtMs) return 0;
      const source = transceivers[MICROPHONE]?.receiver.getSynchronizationSources()[0];
      return source?.audioLevel ?? 0;
    },
    stats: () => pc.getStats(),
    sayBye() {
      sendControl({ kind: 'bye' });
    },
  };
}

/** Whether anything came between two looks. A pair that the browser gave up in between took its count along. */
export function hasArrived(before: Received, after: Received): boolean {
  return [...after].some(([id, bytes]) => bytes > (before.get(id) ?? 0));
}

interface PairEntry {
  readonly type: string;
  readonly id: string;
  readonly selectedCandidatePairId?: string;
  readonly localCandidateId?: string;
  readonly remoteCandidateId?: string;
  readonly candidateType?: string;
}

/** Whether the selected candidate pair of `report` has a relay candidate at either end. */
export function routeOf(report: RTCStatsReport): Route {
  const entries = new Map<string, PairEntry>();
  report.forEach((entry: PairEntry) => {
    entries.set(entry.id, entry);
  });
  for (const entry of entries.values()) {
    if (entry.type !== 'transport' || !entry.selectedCandidatePairId) continue;
    const pair = entries.get(entry.selectedCandidatePairId);
    const types = [pair?.localCandidateId, pair?.remoteCandidateId].map(
      (id) => id && entries.get(id)?.candidateType,
    );
    return types.includes('relay') ? 'relayed' : 'direct';
  }
  return 'unknown';
}
