/** How the size of a file is said. */

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'] as const;

/** In units of 1000, as file managers and disks have it. */
export function sizeWords(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  if (bytes === 1) return '1 byte';
  return `${unit > 0 && value < 99.5 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}
