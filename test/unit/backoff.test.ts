import { describe, expect, it } from 'vitest';
import { createBackoff } from '../../app/call/backoff.ts';

const almostOne = () => 1 - Number.EPSILON;
const rounded = (count: number, next: () => number) =>
  Array.from({ length: count }, () => Math.round(next()));

describe('createBackoff', () => {
  it('doubles up to its bound', () => {
    const backoff = createBackoff({ minMs: 250, maxMs: 10_000, random: almostOne });
    expect(rounded(8, backoff.next)).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  it('uses the whole range below the bound', () => {
    let value = 0;
    const backoff = createBackoff({ minMs: 100, maxMs: 1000, random: () => value });
    expect(backoff.next()).toBe(0);
    value = 0.5;
    expect(backoff.next()).toBe(100);
  });

  it('begins again after reset and goes to the end on slow', () => {
    const backoff = createBackoff({ minMs: 250, maxMs: 10_000, random: almostOne });
    rounded(5, backoff.next);
    backoff.reset();
    expect(rounded(1, backoff.next)).toEqual([250]);
    backoff.slow();
    expect(rounded(1, backoff.next)).toEqual([10_000]);
  });

  it('never overflows', () => {
    const backoff = createBackoff({ minMs: 1, maxMs: 1000, random: almostOne });
    for (let attempt = 0; attempt < 5000; attempt += 1) expect(backoff.next()).toBeLessThan(1000);
  });

  it.each([
    [0, 10],
    [-1, 10],
    [20, 10],
    [Number.NaN, 10],
    [1, Number.POSITIVE_INFINITY],
  ])('refuses %d to %d', (minMs, maxMs) => {
    expect(() => createBackoff({ minMs, maxMs, random: almostOne })).toThrow(RangeError);
  });
});
