import { describe, expect, it } from 'vitest';
import type { Box } from '../../app/ui/grid-layout.ts';
import { layoutSpotlight } from '../../app/ui/spotlight-layout.ts';

const GAP = 8;
const WIDE = 16 / 9;
const STAGES = [
  [374, 620],
  [1264, 560],
  [2540, 1250],
  [640, 240],
] as const;

const right = (box: Box) => box.x + box.width;
const bottom = (box: Box) => box.y + box.height;
const area = (box: Box) => box.width * box.height;
const apart = (a: Box, b: Box) =>
  right(a) <= b.x + 1e-6 || right(b) <= a.x + 1e-6 || bottom(a) <= b.y + 1e-6 || bottom(b) <= a.y + 1e-6;
const many = (count: number, aspect: number) => new Array<number>(count).fill(aspect);

describe('layoutSpotlight', () => {
  it('is a grid where nothing is small, or nothing large', () => {
    expect(layoutSpotlight([2], [], 1000, 800, GAP)).toEqual({
      featured: [{ x: 0, y: 150, width: 1000, height: 500 }],
      strip: [],
    });
    expect(layoutSpotlight([], [2], 1000, 800, GAP).strip).toHaveLength(1);
  });

  it.each([
    [0, 0],
    [4, 4],
    [1000, 0],
  ])('ends on a stage of %ix%i, which has no room', (width, height) => {
    const { featured, strip } = layoutSpotlight([WIDE], [1, 1], width, height, GAP);
    for (const box of [...featured, ...strip]) expect(area(box)).toBeLessThanOrEqual(16);
  });

  it('puts the strip beside a screen on a wide stage, and below it on a phone', () => {
    const wide = layoutSpotlight([WIDE], many(4, 4 / 3), 1264, 560, GAP);
    for (const box of wide.strip) expect(box.x).toBeGreaterThanOrEqual(right(wide.featured[0] as Box));
    const phone = layoutSpotlight([WIDE], many(4, 3 / 4), 374, 620, GAP);
    expect(phone.featured[0]?.width).toBeCloseTo(374);
    for (const box of phone.strip) expect(box.y).toBeGreaterThanOrEqual(bottom(phone.featured[0] as Box));
  });

  it.each(STAGES)('on %ix%i gives a screen most of the room and everybody else a place', (width, height) => {
    for (let people = 1; people <= 7; people += 1) {
      for (let screens = 1; screens <= 3; screens += 1) {
        const { featured, strip } = layoutSpotlight(
          many(screens, WIDE),
          many(people, 4 / 3),
          width,
          height,
          GAP,
        );
        const all = [...featured, ...strip];
        const what = `${screens} screens, ${people} people`;
        expect([featured.length, strip.length], what).toEqual([screens, people]);
        for (const box of all) {
          expect(area(box), what).toBeGreaterThan(600);
          expect(Math.min(box.x, box.y), what).toBeGreaterThanOrEqual(-1e-6);
          expect(right(box), what).toBeLessThanOrEqual(width + 1e-6);
          expect(bottom(box), what).toBeLessThanOrEqual(height + 1e-6);
        }
        all.forEach((box, index) => {
          for (const other of all.slice(0, index)) expect(apart(box, other), what).toBe(true);
        });
        const smallest = Math.min(...featured.map(area));
        if (screens === 1) for (const box of strip) expect(area(box), what).toBeLessThan(smallest / 2);
      }
    }
  });

  it('keeps a strip of five in one column where they are large enough', () => {
    const { strip } = layoutSpotlight([WIDE], many(5, 4 / 3), 1264, 592, GAP);
    expect(new Set(strip.map(({ x }) => Math.round(x))).size).toBe(1);
  });

  it('leaves one gap between a screen and its strip, and the block in the middle', () => {
    const { featured, strip } = layoutSpotlight([1], [1, 1], 2000, 500, GAP);
    expect((strip[0]?.x ?? 0) - right(featured[0] as Box)).toBeCloseTo(GAP);
    expect(featured[0]?.x).toBeCloseTo(2000 - right(strip[0] as Box));
  });
});
