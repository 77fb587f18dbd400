/**
 * A measured figure, what it is held to, and how both are printed. Owns the arithmetic (medians, ratios) and the
 * verdict; knows nothing of how anything is measured.
 */

/** `ratio-*` holds ours divided by the floor, `value-*` ours alone, against `bound`. */
export interface Target {
  readonly kind: 'ratio-at-most' | 'ratio-at-least' | 'value-at-most';
  readonly bound: number;
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** One value a round. */
  readonly ours: readonly number[];
  /** One value a round, measured in between those of ours; null where nothing can be less. */
  readonly floor: readonly number[] | null;
  /** Null for a figure that is shown for what it explains. */
  readonly target: Target | null;
}

/** What a section of the bench returns: figures for the one table, and lines to print below it. */
export interface SectionResult {
  readonly figures: readonly Figure[];
  readonly notes: readonly string[];
}

/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (upper + lower) / 2;
}

/** Median of ours over median of the floor; null without a floor, and where the floor is 0. */
function ratioOf(figure: Figure): number | null {
  const floor = figure.floor === null ? 0 : median(figure.floor);
  return floor > 0 ? median(figure.ours) / floor : null;
}

/** Whether the median meets the target; null without one. What could not be measured has not met it. */
function isReached(figure: Figure): boolean | null {
  const { target } = figure;
  if (target === null) return null;
  if (target.kind === 'value-at-most') return median(figure.ours) <= target.bound;
  const ratio = ratioOf(figure);
  if (ratio === null) return false;
  return target.kind === 'ratio-at-most' ? ratio <= target.bound : ratio >= target.bound;
}

export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 1000) return String(Math.round(value));
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** `median (least-greatest)`. */
function formatSpread(values: readonly number[] | null): string {
  if (values === null || values.length === 0) return '-';
  const middle = formatNumber(median(values));
  const least = Math.min(...values);
  const greatest = Math.max(...values);
  return least === greatest ? middle : `${middle} (${formatNumber(least)}-${formatNumber(greatest)})`;
}

function formatTarget(target: Target | null, unit: string): string {
  if (target === null) return '';
  const bound = formatNumber(target.bound);
  if (target.kind === 'value-at-most') return unit === '' ? `<= ${bound}` : `<= ${bound} ${unit}`;
  return target.kind === 'ratio-at-most' ? `ratio <= ${bound}` : `ratio >= ${bound}`;
}

/** Rows padded to columns; the first row is the head. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const [head = [], ...body] = rows;
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [line(head), rule, ...body.map(line)].join('\n');
}

/**
 * The table of all figures: median and spread over the rounds, ratio of the medians, target, verdict. `floorName` heads
 * the column of what ours is compared with.
 */
export function formatFigures(figures: readonly Figure[], floorName = 'floor'): string {
  const rows = figures.map((figure) => {
    const ratio = ratioOf(figure);
    const reached = isReached(figure);
    return [
      figure.unit === '' ? figure.name : `${figure.name}, ${figure.unit}`,
      formatSpread(figure.ours),
      formatSpread(figure.floor),
      ratio === null ? '-' : ratio.toFixed(2),
      String(figure.ours.length),
      formatTarget(figure.target, figure.unit),
      reached === null ? '' : reached ? 'yes' : 'NO',
    ];
  });
  return formatTable([['figure', 'ours', floorName, 'ratio', 'rounds', 'target', 'reached'], ...rows]);
}
