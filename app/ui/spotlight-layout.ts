/**
 * Where tiles go when some matter more: those large, the rest small in a strip beside or below them, whichever leaves them
 * larger. Pure geometry in CSS pixels; knows no elements.
 */
import { type Box, layoutGrid } from './grid-layout.ts';

interface Spotlight {
  readonly featured: readonly Box[];
  readonly strip: readonly Box[];
}

/** The side of a square as large as a tile of the strip ought to be: a share of the stage's own, and its bounds in pixels. */
const SIDE_SHARE = 0.14;
const MIN_SIDE_PX = 92;
const MAX_SIDE_PX = 200;
/** How much of the stage the strip may take, and the steps in which that is tried. */
const MAX_SHARE = 0.4;
const STEP_PX = 8;
/** How much larger they may be where there is room that nothing else needs. */
const SPARE_SHARE = 1.5;

/** Boxes for both lists of aspect ratios (width / height), in their order. Every tile lies whole on the stage. */
export function layoutSpotlight(
  featured: readonly number[],
  strip: readonly number[],
  width: number,
  height: number,
  gap: number,
): Spotlight {
  if (strip.length === 0 || featured.length === 0)
    return {
      featured: layoutGrid(featured, width, height, gap),
      strip: layoutGrid(strip, width, height, gap),
    };
  const beside = arrange(featured, strip, width, height, gap);
  const below = turned(arrange(featured, strip, width, height, gap, true));
  return sizeOf(below.featured) > sizeOf(beside.featured) + 1 ? below : beside;
}

/** The strip right of the featured; with `turn`, below them, and then the boxes come with x and y exchanged. */
function arrange(
  featured: readonly number[],
  strip: readonly number[],
  width: number,
  height: number,
  gap: number,
  turn = false,
): Spotlight {
  const [length, breadth] = turn ? [height, width] : [width, height];
  const grid = (aspects: readonly number[], along: number): readonly Box[] => {
    const boxes = turn ? layoutGrid(aspects, breadth, along, gap) : layoutGrid(aspects, along, breadth, gap);
    return turn ? boxes.map(transposed) : boxes;
  };
  const wanted =
    Math.min(MAX_SIDE_PX, Math.max(MIN_SIDE_PX, SIDE_SHARE * Math.sqrt(width * height))) * strip.length;
  const most = length * MAX_SHARE;
  let depth = Math.min(most, MIN_SIDE_PX);
  let small = grid(strip, depth);
  const grow = (size: number, limit: number) => {
    while (sizeOf(small) < size && depth + STEP_PX <= limit) {
      depth += STEP_PX;
      small = grid(strip, depth);
    }
  };
  grow(wanted, most);
  const large = grid(featured, Math.max(0, length - depth - gap));
  // What a picture of another shape than the stage leaves over.
  const [from, to] = extent(large);
  grow(wanted * SPARE_SHARE, length - gap - (to - from));
  // Both as one block in the middle: no gap opens between a picture and its strip.
  const [largeFrom, largeTo] = extent(large);
  const [smallFrom, smallTo] = extent(small);
  const used = largeTo - largeFrom + gap + (smallTo - smallFrom);
  const start = (length - used) / 2;
  return {
    featured: large.map((box) => ({ ...box, x: box.x - largeFrom + start })),
    strip: small.map((box) => ({ ...box, x: box.x - smallFrom + start + (largeTo - largeFrom) + gap })),
  };
}

/** From where to where; a stage without room has no boxes. */
function extent(boxes: readonly Box[]): [number, number] {
  if (boxes.length === 0) return [0, 0];
  return [Math.min(...boxes.map(({ x }) => x)), Math.max(...boxes.map(({ x, width }) => x + width))];
}

/** The sides of squares as large as the boxes, added up: as `layoutGrid` weighs them. */
function sizeOf(boxes: readonly Box[]): number {
  return boxes.reduce((sum, { width, height }) => sum + Math.sqrt(width * height), 0);
}

function turned({ featured, strip }: Spotlight): Spotlight {
  return { featured: featured.map(transposed), strip: strip.map(transposed) };
}

function transposed({ x, y, width, height }: Box): Box {
  return { x: y, y: x, width: height, height: width };
}
