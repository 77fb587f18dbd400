/**
 * Where tiles go so that the least area is wasted at their own aspect ratios. Pure geometry in CSS pixels; knows no
 * elements.
 */

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Above this many tiles only even rows are tried: the number of ways to break rows doubles with each tile. */
const MAX_SEARCHED = 10;

/**
 * One box per aspect ratio (width / height), in order, reading row by row, rows and stack centred. Every way to break
 * the sequence into rows is tried; a row is as tall as its width allows, and rows share what height there is.
 */
export function layoutGrid(aspects: readonly number[], width: number, height: number, gap: number): Box[] {
  if (aspects.length === 0 || width <= 0 || height <= 0) return [];
  let best: { readonly score: number; readonly rows: number[][]; readonly heights: number[] } | null = null;
  for (const rows of rowBreaks(aspects)) {
    const room = height - gap * (rows.length - 1);
    const natural = rows.map((row) => (width - gap * (row.length - 1)) / sum(row));
    const heights = shareHeight(natural, room);
    if (heights.some((value) => value <= 0)) continue;
    // Square roots of areas, so that nobody is made small for the sake of filling a corner.
    const score = sum(
      rows.flatMap((row, index) => row.map((aspect) => Math.sqrt(aspect) * (heights[index] ?? 0))),
    );
    if (best === null || score > best.score) best = { score, rows, heights };
  }
  if (!best) return aspects.map(() => ({ x: 0, y: 0, width: 0, height: 0 }));
  const { rows, heights } = best;
  let y = (height - sum(heights) - gap * (rows.length - 1)) / 2;
  return rows.flatMap((row, index) => {
    const rowHeight = heights[index] ?? 0;
    let x = (width - sum(row) * rowHeight - gap * (row.length - 1)) / 2;
    const boxes = row.map((aspect) => {
      const box = { x, y, width: aspect * rowHeight, height: rowHeight };
      x += box.width + gap;
      return box;
    });
    y += rowHeight + gap;
    return boxes;
  });
}

function* rowBreaks(aspects: readonly number[]): Generator<number[][]> {
  const count = aspects.length;
  if (count > MAX_SEARCHED) {
    for (let columns = 1; columns <= count; columns++) {
      const rows: number[][] = [];
      for (let start = 0; start < count; start += columns) rows.push(aspects.slice(start, start + columns));
      yield rows;
    }
    return;
  }
  for (let breaks = 0; breaks < 2 ** (count - 1); breaks++) {
    const rows: number[][] = [[]];
    aspects.forEach((aspect, index) => {
      if (index > 0 && (breaks >> (index - 1)) & 1) rows.push([]);
      rows.at(-1)?.push(aspect);
    });
    yield rows;
  }
}

/** Gives every row the same height, except rows whose width allows less; what those leave goes to the others. */
function shareHeight(natural: readonly number[], room: number): number[] {
  const result = natural.map(() => 0);
  const order = natural.map((_, index) => index).sort((a, b) => (natural[a] ?? 0) - (natural[b] ?? 0));
  let left = room;
  order.forEach((row, done) => {
    const share = Math.min(natural[row] ?? 0, left / (order.length - done));
    result[row] = share;
    left -= share;
  });
  return result;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
