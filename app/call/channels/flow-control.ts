/**
 * Sending over one data channel no faster than it drains. Owns the two water marks on `bufferedAmount` and the queue of
 * those who wait; knows neither frames nor features. One per channel, so that a slow receiver holds up nobody else.
 *
 * From the high mark on frames wait; `bufferedamountlow` lets them on, first come first served, up to the high mark
 * again (webrtc-pc s6.2). The distance between the marks is what keeps the network busy while the page is.
 */

/**
 * - `sent`: handed to the channel. It may still be lost with the link; whoever must know asks the receiver.
 * - `closed`: the channel or its link ended first.
 * - `aborted`: the caller's own signal ended the wait.
 * - `too-large`: above the peer's `maxMessageSize`. Nothing was sent, and the channel lives.
 */
export type SendOutcome = 'sent' | 'closed' | 'aborted' | 'too-large';

export interface FlowControl {
  /**
   * Hands `frame` over at once when nobody waits and the channel is below its high mark; otherwise in turn. The bytes are
   * the caller's again when the promise settles. Never rejects.
   */
  send(frame: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<SendOutcome>;
  /** Frames that wait now. */
  waiting(): number;
}

export interface FlowControlOptions {
  /** Borrowed; nobody else may send over it or set its `bufferedAmountLowThreshold`. */
  readonly channel: RTCDataChannel;
  /** The link's: when it aborts, everybody's wait ends with `closed`. */
  readonly signal: AbortSignal;
  /** The largest message the peer takes, in bytes; asked for each frame, since it is known only once SCTP is up. */
  readonly maxMessageBytes: () => number;
  readonly highWaterBytes?: number;
  readonly lowWaterBytes?: number;
}

const HIGH_WATER_BYTES = 1024 * 1024;
const LOW_WATER_BYTES = 256 * 1024;

interface Waiter {
  readonly frame: Uint8Array<ArrayBuffer>;
  settle(outcome: SendOutcome): void;
}

export function createFlowControl(options: FlowControlOptions): FlowControl {
  const { channel, signal, highWaterBytes = HIGH_WATER_BYTES, lowWaterBytes = LOW_WATER_BYTES } = options;
  const waiters = new Set<Waiter>();
  channel.bufferedAmountLowThreshold = lowWaterBytes;
  let full = channel.bufferedAmount >= highWaterBytes;

  const isClosed = () =>
    signal.aborted || channel.readyState === 'closing' || channel.readyState === 'closed';

  /** Null while the frame must wait. */
  function hand(frame: Uint8Array<ArrayBuffer>): SendOutcome | null {
    if (isClosed()) return 'closed';
    if (channel.readyState === 'connecting' || full) return null;
    if (frame.byteLength > options.maxMessageBytes()) return 'too-large';
    try {
      channel.send(frame);
    } catch {
      // The browser's own buffer is full, or the channel began to close between the check and the call.
      full = channel.bufferedAmount > lowWaterBytes;
      return full && !isClosed() ? null : 'closed';
    }
    full = channel.bufferedAmount >= highWaterBytes;
    return 'sent';
  }

  function drain(): void {
    for (const waiter of waiters) {
      const outcome = hand(waiter.frame);
      if (outcome === null) return;
      waiter.settle(outcome);
    }
  }

  function endAll(): void {
    for (const waiter of waiters) waiter.settle('closed');
  }

  const whileLinked = { signal };
  channel.addEventListener('open', drain, whileLinked);
  channel.addEventListener(
    'bufferedamountlow',
    () => {
      full = false;
      drain();
    },
    whileLinked,
  );
  channel.addEventListener('closing', endAll, whileLinked);
  channel.addEventListener('close', endAll, whileLinked);
  signal.addEventListener('abort', endAll, { once: true });

  function wait(frame: Uint8Array<ArrayBuffer>, own: AbortSignal | undefined): Promise<SendOutcome> {
    return new Promise((resolve) => {
      const abort = () => waiter.settle('aborted');
      const waiter: Waiter = {
        frame,
        settle(outcome) {
          waiters.delete(waiter);
          own?.removeEventListener('abort', abort);
          resolve(outcome);
        },
      };
      waiters.add(waiter);
      own?.addEventListener('abort', abort, { once: true });
    });
  }

  return {
    send(frame, own) {
      if (own?.aborted) return Promise.resolve('aborted');
      const outcome = waiters.size === 0 || isClosed() ? hand(frame) : null;
      return outcome === null ? wait(frame, own) : Promise.resolve(outcome);
    },
    waiting: () => waiters.size,
  };
}
