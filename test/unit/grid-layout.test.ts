import { describe, expect, it } from 'vitest';
import { type Box, layoutGrid } from '../../app/ui/grid-layout.ts';

const GAP = 8;
const WIDE = 16 / 9;
const PHONE = 9 / 16;
const SCREENS = [
  [374, 716],
  [1264, 672],
  [2540, 1300],
  [624, 250],
] as const;

const right = (box: Box) => box.x + box.width;
const bottom = (box: Box) => box.y + box.height;
const area = (box: Box) => box.width * box.height;
const overlap = (a: Box, b: Box) => a.x < right(b) && b.x < right(a) && a.y < bottom(b) && b.y < bottom(a);

/** How many tiles each row has, from the boxes' tops. */
function rowsOf(boxes: readonly Box[]): number[] {
  const tops = new Map<number, number>();
  for (const box of boxes) {
    const top = Math.round(box.y + box.height / 2);
    tops.set(top, (tops.get(top) ?? 0) + 1);
  }
  return [...tops.values()];
}

/** Numbers that look random and are the same in every run (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('layoutGrid', () => {
  it('lays out nothing where there is nobody or no room', () => {
    expect(layoutGrid([], 800, 600, GAP)).toEqual([]);
    expect(layoutGrid([WIDE], 0, 600, GAP)).toEqual([]);
    expect(layoutGrid([WIDE, WIDE, WIDE], 4, 4, GAP)).toHaveLength(3);
  });

  it('gives one person all the room their picture can use', () => {
    const [box] = layoutGrid([2], 1000, 800, GAP);
    expect(box).toEqual({ x: 0, y: 150, width: 1000, height: 500 });
  });

  it.each([
    [2, 1264, 672, [2]],
    [2, 374, 716, [1, 1]],
    [4, 1264, 672, [2, 2]],
    [6, 1264, 672, [3, 3]],
    [6, 374, 716, [2, 2, 2]],
    [5, 374, 716, [2, 2, 1]],
  ])('breaks %i pictures of 4:3 in %ix%i into rows of %j', (count, width, height, rows) => {
    expect(rowsOf(layoutGrid(new Array<number>(count).fill(4 / 3), width, height, GAP))).toEqual(rows);
  });

  it('makes equal pictures equally large, on every screen and for any number of people', () => {
    for (const [width, height] of SCREENS) {
      for (let count = 1; count <= 12; count += 1) {
        const boxes = layoutGrid(new Array<number>(count).fill(WIDE), width, height, GAP);
        for (const box of boxes) expect(area(box)).toBeCloseTo(area(boxes[0] as Box), 3);
      }
    }
  });

  it('gives the room that is left to narrow pictures, never more than the others have', () => {
    const [wide, narrow] = layoutGrid([4 / 3, PHONE], 374, 716, GAP) as [Box, Box];
    expect(narrow.height).toBeGreaterThan(wide.height);
    expect(area(narrow)).toBeLessThanOrEqual(area(wide) + 1);
  });

  it('keeps every picture whole, inside, apart and in reading order', () => {
    const seed = 20_261_123;
    const next = random(seed);
    for (let round = 0; round < 300; round += 1) {
      const [width, height] = SCREENS[round % SCREENS.length] as readonly [number, number];
      const aspects = Array.from({ length: 1 + Math.floor(next() * 10) }, () => PHONE + next() * (2 - PHONE));
      const boxes = layoutGrid(aspects, width, height, GAP);
      const what = `seed ${seed}, round ${round}`;
      boxes.forEach((box, index) => {
        expect(box.width / box.height, what).toBeCloseTo(aspects[index] ?? 0, 5);
        expect(Math.min(box.x, box.y), what).toBeGreaterThanOrEqual(-1e-6);
        expect(right(box), what).toBeLessThanOrEqual(width + 1e-6);
        expect(bottom(box), what).toBeLessThanOrEqual(height + 1e-6);
        const before = boxes[index - 1];
        if (before) expect(box.y > before.y || box.x > before.x, what).toBe(true);
        for (const other of boxes.slice(0, index)) expect(overlap(box, other), what).toBe(false);
      });
    }
  });
});
