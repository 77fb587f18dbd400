/** Flow control over a channel that drains when the test says so. */
import { expect, it } from 'vitest';
import { createFlowControl, type SendOutcome } from '../../app/call/channels/flow-control.ts';

const HIGH = 100;
const LOW = 30;
const LARGEST = 64;

/** What flow control uses of an `RTCDataChannel`: `drain` is the network. */
class FakeChannel extends EventTarget {
  readyState: RTCDataChannelState = 'open';
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  readonly sent: number[] = [];
  capacity = Number.POSITIVE_INFINITY;

  send(frame: Uint8Array): void {
    if (this.readyState !== 'open') throw new DOMException('not open', 'InvalidStateError');
    if (this.bufferedAmount + frame.byteLength > this.capacity)
      throw new DOMException('full', 'OperationError');
    this.bufferedAmount += frame.byteLength;
    this.sent.push(frame[0] ?? 0);
  }

  /** webrtc-pc s6.2: the event fires when the amount falls from above the threshold to or below it. */
  drain(bytes: number): void {
    const before = this.bufferedAmount;
    this.bufferedAmount = Math.max(0, before - bytes);
    const { bufferedAmountLowThreshold: low } = this;
    if (before > low && this.bufferedAmount <= low) this.dispatchEvent(new Event('bufferedamountlow'));
  }

  become(state: RTCDataChannelState): void {
    this.readyState = state;
    this.dispatchEvent(new Event(state === 'closed' ? 'close' : state));
  }
}

function stage(channel = new FakeChannel()) {
  const link = new AbortController();
  const flow = createFlowControl({
    channel: channel as unknown as RTCDataChannel,
    signal: link.signal,
    maxMessageBytes: () => LARGEST,
    highWaterBytes: HIGH,
    lowWaterBytes: LOW,
  });
  const outcomes = new Map<number, SendOutcome>();
  const send = (name: number, bytes = 40, signal?: AbortSignal) => {
    void flow.send(new Uint8Array(bytes).fill(name), signal).then((outcome) => outcomes.set(name, outcome));
  };
  return { channel, flow, link, outcomes, send };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

it('sends at once below the high mark, then waits for the low one', async () => {
  const { channel, flow, outcomes, send } = stage();
  for (const name of [1, 2, 3, 4, 5]) send(name);
  expect(channel.sent).toEqual([1, 2, 3]);
  expect(flow.waiting()).toBe(2);
  channel.drain(80);
  expect(channel.sent).toEqual([1, 2, 3]);
  channel.drain(11);
  expect(channel.sent).toEqual([1, 2, 3, 4, 5]);
  await settled();
  expect([...outcomes]).toEqual([1, 2, 3, 4, 5].map((name) => [name, 'sent']));
});

it('never holds more than the high mark and one frame, and keeps the order', async () => {
  const { channel, send } = stage();
  let most = 0;
  for (let name = 0; name < 200; name += 1) send(name, 1 + ((name * 7) % LARGEST));
  while (channel.sent.length < 200) {
    most = Math.max(most, channel.bufferedAmount);
    channel.drain(17);
  }
  expect(most).toBeLessThan(HIGH + LARGEST);
  expect(channel.sent).toEqual(Array.from({ length: 200 }, (_, name) => name));
});

it('lets nobody overtake those who wait', () => {
  const { channel, send } = stage();
  for (const name of [1, 2, 3, 4]) send(name);
  channel.bufferedAmount = 0;
  send(5, 1);
  expect(channel.sent).toEqual([1, 2, 3]);
});

it('ends a wait when the caller aborts, and only that one', async () => {
  const { channel, flow, outcomes, send } = stage();
  const own = new AbortController();
  for (const name of [1, 2, 3]) send(name);
  send(4, 40, own.signal);
  send(5);
  own.abort();
  await settled();
  expect(outcomes.get(4)).toBe('aborted');
  expect(flow.waiting()).toBe(1);
  channel.drain(120);
  expect(channel.sent).toEqual([1, 2, 3, 5]);
  send(6, 1, own.signal);
  await settled();
  expect(outcomes.get(6)).toBe('aborted');
  expect(channel.sent).not.toContain(6);
});

it.each<[string, (staged: ReturnType<typeof stage>) => void]>([
  ['the channel closes', ({ channel }) => channel.become('closed')],
  ['the channel begins to close', ({ channel }) => channel.become('closing')],
  ['the link ends', ({ link }) => link.abort()],
])('says closed to all who wait when %s, and to all who come later', async (_what, end) => {
  const staged = stage();
  for (const name of [1, 2, 3, 4, 5]) staged.send(name);
  end(staged);
  staged.send(6);
  await settled();
  expect([4, 5, 6].map((name) => staged.outcomes.get(name))).toEqual(['closed', 'closed', 'closed']);
  expect(staged.flow.waiting()).toBe(0);
  staged.channel.drain(200);
  expect(staged.channel.sent).toEqual([1, 2, 3]);
});

it('waits for a channel that opens', () => {
  const channel = new FakeChannel();
  channel.readyState = 'connecting';
  const { send } = stage(channel);
  send(1);
  send(2);
  expect(channel.sent).toEqual([]);
  channel.become('open');
  expect(channel.sent).toEqual([1, 2]);
});

it('refuses what the peer would not take, and goes on', async () => {
  const { channel, outcomes, send } = stage();
  send(1, LARGEST + 1);
  send(2, LARGEST);
  await settled();
  expect([...outcomes]).toEqual([
    [1, 'too-large'],
    [2, 'sent'],
  ]);
  expect(channel.sent).toEqual([2]);
});

it('waits when the browser itself takes no more', () => {
  const channel = new FakeChannel();
  channel.capacity = 70;
  const { send } = stage(channel);
  send(1);
  send(2);
  expect(channel.sent).toEqual([1]);
  channel.drain(40);
  expect(channel.sent).toEqual([1, 2]);
});

it('keeps receivers apart', () => {
  const slow = stage();
  const fast = stage();
  for (const name of [1, 2, 3, 4]) {
    slow.send(name);
    fast.send(name);
    fast.channel.drain(40);
  }
  expect(slow.channel.sent).toEqual([1, 2, 3]);
  expect(fast.channel.sent).toEqual([1, 2, 3, 4]);
});
