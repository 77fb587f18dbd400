/** The gate before a link's features. */
import { expect, it } from 'vitest';
import { createGate } from '../../app/call/channels/link-port.ts';

function stage() {
  const channel = new EventTarget();
  const controller = new AbortController();
  const taken: number[] = [];
  let overflows = 0;
  const gate = createGate(channel as RTCDataChannel, controller.signal, () => {
    overflows += 1;
  });
  return {
    gate,
    taken,
    end: () => controller.abort(),
    overflows: () => overflows,
    arrive: (data: unknown) => channel.dispatchEvent(new MessageEvent('message', { data })),
    take: (frame: ArrayBuffer) => void taken.push(frame.byteLength),
  };
}

it('holds what comes before the proof, and gives it first and in order', () => {
  const { gate, arrive, take, taken } = stage();
  arrive(new ArrayBuffer(1));
  arrive(new ArrayBuffer(2));
  expect(taken).toEqual([]);
  gate.open(take);
  arrive(new ArrayBuffer(3));
  expect(taken).toEqual([1, 2, 3]);
});

it('drops what is not binary', () => {
  const { gate, arrive, take, taken } = stage();
  arrive('text');
  gate.open(take);
  arrive('text');
  expect(taken).toEqual([]);
});

it.each([
  ['frames', 65, 1],
  ['bytes', 2, 600 * 1024],
])('refuses once a peer that sends too many %s before its proof', (_what, count, bytes) => {
  const { gate, arrive, take, taken, overflows } = stage();
  for (let sent = 0; sent < count + 10; sent += 1) arrive(new ArrayBuffer(bytes));
  expect(overflows()).toBe(1);
  gate.open(take);
  expect(taken).toEqual([]);
});

it('hears nothing once the link is gone', () => {
  const { gate, arrive, end, take, taken } = stage();
  gate.open(take);
  end();
  arrive(new ArrayBuffer(1));
  expect(taken).toEqual([]);
});
