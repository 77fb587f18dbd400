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

interface Candidate {
  readonly rows: readonly (readonly number[])[];
  readonly heights: readonly number[];
  readonly score: number;
}

/** Differences below this are nobody's: they come of rounding. */
const SAME = 1e-6;

/**
 * One box per aspect ratio (width / height), in order, reading row by row, rows and stack centred. Every way to break
 * the sequence into rows is tried. All tiles are equally tall, so that nobody seems to matter more; only a row of narrow
 * pictures may be taller, up to the area that the others have.
 */
export function layoutGrid(aspects: readonly number[], width: number, height: number, gap: number): Box[] {
  if (aspects.length === 0 || width <= 0 || height <= 0) return [];
  let best: Candidate | null = null;
  for (const rows of rowBreaks(aspects)) {
    const candidate = measure(rows, width, height, gap);
    if (candidate && (best === null || isBetter(candidate, best))) best = candidate;
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

function measure(rows: number[][], width: number, height: number, gap: number): Candidate | null {
  const room = height - gap * (rows.length - 1);
  const widest = rows.map((row) => (width - gap * (row.length - 1)) / sum(row));
  const common = Math.min(room / rows.length, ...widest);
  if (common <= 0) return null;
  const largest = Math.max(...rows.flat());
  let left = room - common * rows.length;
  const heights = rows.map((row, index) => {
    const equal = common * Math.sqrt(largest / Math.max(...row));
    const grown = Math.min(equal, widest[index] ?? common, common + left);
    left -= grown - common;
    return grown;
  });
  // Square roots of areas, so that nobody is made small for the sake of filling a corner.
  const score = sum(
    rows.flatMap((row, index) => row.map((aspect) => Math.sqrt(aspect) * (heights[index] ?? 0))),
  );
  return { rows, heights, score };
}

/** Larger pictures first; among equals the most even rows, then the fewest, then full rows above short ones. */
function isBetter(candidate: Candidate, best: Candidate): boolean {
  const difference = candidate.score - best.score;
  if (Math.abs(difference) > SAME) return difference > 0;
  const [a, b] = [candidate.rows.map((row) => row.length), best.rows.map((row) => row.length)];
  const spread = (lengths: readonly number[]) => Math.max(...lengths) - Math.min(...lengths);
  if (spread(a) !== spread(b)) return spread(a) < spread(b);
  if (a.length !== b.length) return a.length < b.length;
  const index = a.findIndex((length, at) => length !== b[at]);
  return index >= 0 && (a[index] ?? 0) > (b[index] ?? 0);
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

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
