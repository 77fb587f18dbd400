import { describe, expect, it } from 'vitest';
import {
  bounded,
  contentBox,
  fitBox,
  fromContent,
  MAX_ZOOM,
  panBy,
  toContent,
  type View,
  WHOLE,
  zoomAt,
} from '../../app/ui/content-box.ts';

const WIDE = 16 / 9;
const TILES = [
  { width: 1600, height: 900 },
  { width: 374, height: 600 },
  { width: 1200, height: 300 },
] as const;

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

describe('fitBox', () => {
  it('letterboxes above and below, and at the sides', () => {
    expect(fitBox(2, { width: 400, height: 400 })).toEqual({ x: 0, y: 100, width: 400, height: 200 });
    expect(fitBox(0.5, { width: 400, height: 400 })).toEqual({ x: 100, y: 0, width: 200, height: 400 });
  });
});

describe('the whole picture', () => {
  it('maps corners and middle, and what lies beside it to less than 0 or more than 1', () => {
    const box = contentBox(2, { width: 400, height: 400 }, WHOLE);
    expect(toContent({ x: 0, y: 100 }, box)).toEqual({ x: 0, y: 0 });
    expect(toContent({ x: 400, y: 300 }, box)).toEqual({ x: 1, y: 1 });
    expect(fromContent({ x: 0.5, y: 0.5 }, box)).toEqual({ x: 200, y: 200 });
    expect(toContent({ x: 0, y: 0 }, box).y).toBe(-0.5);
  });
});

describe('zoomAt', () => {
  it('doubles towards the point, whose content stays where it is', () => {
    const tile = { width: 400, height: 200 };
    const view = zoomAt(WHOLE, 2, { x: 0, y: 0 }, 2, tile);
    expect(contentBox(2, tile, view)).toEqual({ x: 0, y: 0, width: 800, height: 400 });
  });

  it('stays within 1 and the most', () => {
    const tile = TILES[0];
    expect(zoomAt(WHOLE, 0.1, { x: 10, y: 10 }, WIDE, tile)).toEqual(WHOLE);
    expect(zoomAt(WHOLE, 1000, { x: 10, y: 10 }, WIDE, tile).zoom).toBe(MAX_ZOOM);
  });
});

describe('panBy', () => {
  it('does not move a picture that is whole, nor one past its edge', () => {
    const tile = { width: 400, height: 200 };
    expect(panBy(WHOLE, { x: 50, y: 50 }, 2, tile)).toEqual(WHOLE);
    const view = panBy({ zoom: 2, x: 0.5, y: 0.5 }, { x: 9_999, y: -9_999 }, 2, tile);
    expect(contentBox(2, tile, view)).toEqual({ x: 0, y: -200, width: 800, height: 400 });
  });
});

it('holds under any sequence of gestures, on any tile: no room wasted, and there and back again', () => {
  const seed = 20_261_125;
  const next = random(seed);
  for (let round = 0; round < 2_000; round += 1) {
    const tile = TILES[round % TILES.length] as (typeof TILES)[number];
    const aspect = 0.3 + next() * 3;
    let view: View = WHOLE;
    for (let step = 0; step < 5; step += 1) {
      const at = { x: next() * tile.width, y: next() * tile.height };
      const before = contentBox(aspect, tile, view);
      const factor = 0.5 + next() * 2;
      const zoomed = zoomAt(view, factor, at, aspect, tile);
      view =
        next() < 0.5 ? zoomed : panBy(view, { x: next() * 400 - 200, y: next() * 400 - 200 }, aspect, tile);
      const what = `seed ${seed}, round ${round}, step ${step}`;
      const box = contentBox(aspect, tile, view);
      expect(box.width / box.height, what).toBeCloseTo(aspect, 6);
      for (const [from, length, room] of [
        [box.x, box.width, tile.width],
        [box.y, box.height, tile.height],
      ] as const) {
        if (length <= room) expect(from, what).toBeCloseTo((room - length) / 2, 6);
        else {
          expect(from, what).toBeLessThan(1e-6);
          expect(from + length, what).toBeGreaterThan(room - 1e-6);
        }
      }
      const back = fromContent(toContent(at, box), box);
      expect(back.x, what).toBeCloseTo(at.x, 6);
      expect(back.y, what).toBeCloseTo(at.y, 6);
      // Where no bound was in the way the content under the point has not moved.
      const free = zoomed.zoom === view.zoom && zoomed.x === view.x && zoomed.y === view.y && factor > 1;
      if (free && before.width > tile.width && before.height > tile.height && zoomed.zoom < MAX_ZOOM) {
        expect(toContent(at, box).x, what).toBeCloseTo(toContent(at, before).x, 6);
        expect(toContent(at, box).y, what).toBeCloseTo(toContent(at, before).y, 6);
      }
    }
  }
});

it('keeps what lies in the middle when the tile changes its size', () => {
  const view = zoomAt(WHOLE, 4, { x: 900, y: 300 }, WIDE, TILES[0]);
  expect(bounded(view, WIDE, { width: 800, height: 450 })).toEqual(view);
});
