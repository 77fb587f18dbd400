import { describe, expect, it } from 'vitest';
import type { LinkReport } from '../../app/call/snapshot.ts';
import { gradeOf } from '../../app/ui/quality.ts';
import { figuresOf } from '../../app/ui/quality-words.ts';

const NOTHING: LinkReport = {
  route: 'unknown',
  protocol: null,
  roundTripMs: null,
  videoCodec: null,
  audioCodec: null,
  receiveBps: null,
  sendBps: null,
  loss: null,
  width: null,
  height: null,
  refusedSignals: 0,
};

describe('gradeOf', () => {
  it.each([
    [{}, null],
    [{ roundTripMs: 40 }, 'good'],
    [{ roundTripMs: 40, loss: 0 }, 'good'],
    [{ roundTripMs: 40, loss: 0.03 }, 'fair'],
    [{ roundTripMs: 300, loss: 0 }, 'fair'],
    [{ roundTripMs: 40, loss: 0.2 }, 'poor'],
    [{ roundTripMs: 900 }, 'poor'],
  ])('%j is %s', (measured, grade) => {
    expect(gradeOf({ ...NOTHING, ...measured })).toBe(grade);
  });

  it('is nothing without a link', () => {
    expect(gradeOf(null)).toBeNull();
  });
});

describe('figuresOf', () => {
  it('names what was measured and nothing else', () => {
    expect(figuresOf(NOTHING)).toEqual([]);
    const measured = {
      ...NOTHING,
      route: 'relayed',
      protocol: 'udp',
      loss: 0.0123,
      receiveBps: 1_240_000,
    } as const;
    expect(figuresOf({ ...measured, sendBps: 64_000, videoCodec: 'VP8', width: 640, height: 480 })).toEqual([
      ['Path', 'through the relay, which carries ciphertext (UDP)'],
      ['Packets lost', '1.2 %'],
      ['Received', '1.2 Mbit/s'],
      ['Sent', '64 kbit/s'],
      ['Picture', 'VP8, 640 × 480'],
    ]);
  });
});
