/**
 * Links between features without peer connections: control frames in order, delivered only when asked, lost with the link;
 * and the pointer channel, which a test may lose and reorder as it likes.
 * Owns no rule of any feature.
 */
import type { CallFeature, FeatureFrame, LinkPort } from '../../app/call/channels/link-port.ts';
import { decodeControl, encodeControl } from '../../app/wire/control.ts';

export interface FakePort extends LinkPort {
  /** Control frames sent and not delivered yet, oldest first. */
  readonly sent: FeatureFrame[];
  /** Frames sent over the pointer channel so far. */
  readonly pointed: ArrayBuffer[];
  /** A frame comes over the pointer channel. */
  arrive(bytes: ArrayBuffer): void;
  /** What the pointer channel has not sent yet, in bytes. */
  setBuffered(bytes: number): void;
  readonly refused: () => number;
  end(): void;
}

/** The port to the person known as `key`. Frames pass through their bytes. */
export function fakePort(key: string): FakePort {
  const controller = new AbortController();
  const sent: FeatureFrame[] = [];
  let refused = 0;
  const nothing = new EventTarget() as RTCDataChannel;
  const pointed: ArrayBuffer[] = [];
  let take: (frame: ArrayBuffer) => void = () => {};
  const pointer = {
    readyState: 'open',
    bufferedAmount: 0,
    send: (bytes: Uint8Array<ArrayBuffer>) => void pointed.push(bytes.slice().buffer),
  };
  return {
    key,
    signal: controller.signal,
    // A pointer is sent by these three members alone; the rest of RTCDataChannel only a browser can make.
    channels: { chat: nothing, files: nothing, pointer: pointer as unknown as RTCDataChannel },
    maxMessageBytes: () => 65_536,
    receive(channel, taker) {
      if (channel === 'pointer') take = taker;
    },
    sendControl(frame) {
      if (controller.signal.aborted) return false;
      const read = decodeControl(encodeControl(frame).buffer);
      if (read) sent.push(read as FeatureFrame);
      return true;
    },
    refuse() {
      refused += 1;
    },
    sent,
    pointed,
    arrive(bytes) {
      if (!controller.signal.aborted) take(bytes);
    },
    setBuffered(bytes) {
      pointer.bufferedAmount = bytes;
    },
    refused: () => refused,
    end: () => controller.abort(),
  };
}

export interface FakeLink {
  /** Delivers the oldest frame of one direction; false when there is none. */
  deliver(from: 'first' | 'second'): boolean;
  deliverAll(): void;
  /** What was on its way is lost. */
  cut(): void;
}

interface End {
  readonly key: string;
  readonly feature: CallFeature;
}

/** A confirmed link between two people. */
export function fakeLink(first: End, second: End): FakeLink {
  const ports = { first: fakePort(second.key), second: fakePort(first.key) };
  first.feature.linkUp(ports.first);
  second.feature.linkUp(ports.second);
  const deliver = (from: 'first' | 'second') => {
    const frame = ports[from].sent.shift();
    if (!frame) return false;
    if (from === 'first') second.feature.control?.(ports.second, frame);
    else first.feature.control?.(ports.first, frame);
    return true;
  };
  return {
    deliver,
    deliverAll() {
      while (deliver('first') || deliver('second'));
    },
    cut() {
      for (const port of [ports.first, ports.second]) {
        port.sent.length = 0;
        port.end();
      }
    },
  };
}
