/**
 * Links between features without peer connections: control frames in order, delivered only when asked, lost with the link.
 * Owns no rule of any feature.
 */
import type { CallFeature, FeatureFrame, LinkPort } from '../../app/call/channels/link-port.ts';
import { decodeControl, encodeControl } from '../../app/wire/control.ts';

export interface FakePort extends LinkPort {
  /** Control frames sent and not delivered yet, oldest first. */
  readonly sent: FeatureFrame[];
  readonly refused: () => number;
  end(): void;
}

/** The port to the person known as `key`. Frames pass through their bytes. */
export function fakePort(key: string): FakePort {
  const controller = new AbortController();
  const sent: FeatureFrame[] = [];
  let refused = 0;
  const nothing = new EventTarget() as RTCDataChannel;
  return {
    key,
    signal: controller.signal,
    channels: { chat: nothing, files: nothing, pointer: nothing },
    maxMessageBytes: () => 65_536,
    receive() {},
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
