/**
 * A confirmed link as the features of a call see it: chat, files, pointer, and what else people do besides talking. Owns
 * shapes, and the gate that holds frames back until the peer has proven its key. A feature knows no peer connection and
 * no other feature.
 */
import type { ControlFrame } from '../../wire/control.ts';
import type { FeatureChannels } from '../connection-pool.ts';

/** Control frames about what people do; those about the link itself never leave it. */
export type FeatureFrame = Exclude<
  ControlFrame,
  { readonly kind: 'confirm' | 'description' | 'candidate' | 'media-state' | 'bye' | 'shown' }
>;

/** Valid until `signal` aborts: then the link is gone, and a person who comes back does so with another port. */
export interface LinkPort {
  /** The person: stable across the links they have had. */
  readonly key: string;
  readonly signal: AbortSignal;
  /** For sending. Whoever sends minds `bufferedAmount` and `readyState`. */
  readonly channels: FeatureChannels;
  /** The largest message the peer takes, in bytes (webrtc-pc s6.1, maxMessageSize). */
  maxMessageBytes(): number;
  /** Takes the frames of one channel, those that waited first. One taker a channel. Binary frames only. */
  receive(channel: keyof FeatureChannels, take: (frame: ArrayBuffer) => void): void;
  /** False when the control channel is not open. */
  sendControl(frame: FeatureFrame): boolean;
  /** The peer does what no honest peer does: its link is closed. */
  refuse(): void;
}

export interface CallFeature {
  /** A link was confirmed: called once a link, before anything that came over it is delivered. */
  linkUp(port: LinkPort): void;
  /** A control frame that is not about the link itself. */
  control?(port: LinkPort, frame: FeatureFrame): void;
  /** Whoever is in the call now, linked or not, after every change: a person not among `keys` has left. */
  present?(keys: ReadonlySet<string>): void;
}

/** What a peer may send before its proof was looked at: streams overtake one another (RFC 9260 s2.2). */
const MAX_HELD_FRAMES = 64;
const MAX_HELD_BYTES = 1024 * 1024;

export interface Gate {
  /** From here on every frame goes to `take`, those held so far first. */
  open(take: (frame: ArrayBuffer) => void): void;
}

/** Listens at once; `overflow` is called once if more arrives than is held. What is not binary is dropped. */
export function createGate(channel: RTCDataChannel, signal: AbortSignal, overflow: () => void): Gate {
  let held: ArrayBuffer[] = [];
  let heldBytes = 0;
  let taker: ((frame: ArrayBuffer) => void) | null = null;
  let full = false;
  channel.addEventListener(
    'message',
    ({ data }: MessageEvent<unknown>) => {
      if (!(data instanceof ArrayBuffer) || full) return;
      if (taker) {
        taker(data);
        return;
      }
      held.push(data);
      heldBytes += data.byteLength;
      if (held.length <= MAX_HELD_FRAMES && heldBytes <= MAX_HELD_BYTES) return;
      full = true;
      held = [];
      overflow();
    },
    { signal },
  );
  return {
    open(take) {
      taker = take;
      const waiting = held;
      held = [];
      for (const frame of waiting) take(frame);
    },
  };
}
