/**
 * Two features with a link between them and no browser: what one end sends waits until the test lets it through, or is lost
 * with the link. Owns delivery; knows no feature's frames.
 */
import type { CallFeature, LinkPort } from '../../app/call/channels/link-port.ts';

type ChannelName = keyof LinkPort['channels'];

/** What features use of an `RTCDataChannel`. Its buffer drains at once. */
class FakeChannel extends EventTarget {
  readyState: RTCDataChannelState = 'open';
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  readonly outgoing: ArrayBuffer[] = [];

  send(frame: Uint8Array): void {
    if (this.readyState !== 'open') throw new DOMException('not open', 'InvalidStateError');
    this.outgoing.push(Uint8Array.from(frame).buffer);
  }
}

class End {
  readonly channels = { chat: new FakeChannel(), files: new FakeChannel(), pointer: new FakeChannel() };
  readonly takers = new Map<ChannelName, (frame: ArrayBuffer) => void>();
  refusals = 0;
  readonly port: LinkPort;

  constructor(peerKey: string, signal: AbortSignal) {
    this.port = {
      key: peerKey,
      signal,
      // Of a channel the features use no more than FakeChannel has; the rest of RTCDataChannel only a browser can make.
      channels: this.channels as unknown as LinkPort['channels'],
      maxMessageBytes: () => 64 * 1024,
      receive: (channel, take) => void this.takers.set(channel, take),
      sendControl: () => false,
      refuse: () => {
        this.refusals += 1;
      },
    };
  }
}

export interface FakeLink {
  /** Of each end, by its own key: how often its feature refused the other. */
  refusals(key: string): number;
  /** Delivers what waits and what that brings about, until nothing does. */
  flush(): void;
  /** Delivers what the end of this key has sent so far, and nothing that it brings about. */
  deliverFrom(key: string): void;
  /** Frames sent by the end of this key over `channel`, and not delivered yet. */
  outgoing(key: string, channel: ChannelName): readonly ArrayBuffer[];
  /** As if the end of this key had sent `frame`. */
  inject(key: string, channel: ChannelName, frame: ArrayBuffer): void;
  /** One end's channel ends, as where the other side ended it; the link is still there, and what was not delivered is lost. */
  endChannel(key: string, channel: ChannelName): void;
  /** Ends the link; what was not delivered is lost. */
  cut(): void;
}

/** Links the features of two people, each given with its person's key. */
export function linkFeatures(a: [string, CallFeature], b: [string, CallFeature]): FakeLink {
  const controller = new AbortController();
  const ends = new Map([
    [a[0], new End(b[0], controller.signal)],
    [b[0], new End(a[0], controller.signal)],
  ]);
  const endOf = (key: string): End => {
    const end = ends.get(key);
    if (!end) throw new Error(`nobody is called ${key}`);
    return end;
  };
  const otherOf = (key: string): End => endOf(key === a[0] ? b[0] : a[0]);
  const deliverFrom = (key: string): boolean => {
    let any = false;
    for (const [name, channel] of Object.entries(endOf(key).channels)) {
      for (const frame of channel.outgoing.splice(0)) {
        any = true;
        otherOf(key).takers.get(name as ChannelName)?.(frame);
      }
    }
    return any;
  };
  a[1].linkUp(endOf(a[0]).port);
  b[1].linkUp(endOf(b[0]).port);
  return {
    refusals: (key) => endOf(key).refusals,
    flush() {
      while ([deliverFrom(a[0]), deliverFrom(b[0])].some(Boolean)) {
        // Answers may bring about more.
      }
    },
    deliverFrom: (key) => void deliverFrom(key),
    outgoing: (key, channel) => endOf(key).channels[channel].outgoing,
    inject: (key, channel, frame) => otherOf(key).takers.get(channel)?.(frame),
    endChannel(key, name) {
      const channel = endOf(key).channels[name];
      channel.readyState = 'closed';
      channel.outgoing.length = 0;
      channel.dispatchEvent(new Event('close'));
    },
    cut() {
      for (const end of ends.values())
        for (const channel of Object.values(end.channels)) channel.readyState = 'closed';
      controller.abort();
    },
  };
}
