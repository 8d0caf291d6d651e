const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'];

/** Formats a number of bytes, or of bytes per second: `189 bytes`, `3.8 KB`, `12 MB`. */
export function byteSize(byteCount: number): string {
  let unit = 0;
  let size = byteCount;
  // What would be rounded to 1000 is 1.0 of the next unit.
  while (size >= 999.5 && unit < UNITS.length - 1) {
    size /= 1000;
    unit++;
  }
  if (unit > 0 && size < 9.95) return `${size.toFixed(1)} ${UNITS[unit]}`;
  const rounded = Math.round(size);
  return unit === 0 && rounded === 1 ? '1 byte' : `${rounded} ${UNITS[unit]}`;
}
