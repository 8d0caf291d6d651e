const UNITS = ['bytes', 'KB', 'MB', 'GB'];

/** Formats a number of bytes: `189 bytes`, `3.8 KB`, `12 MB`. */
export function byteSize(byteCount: number): string {
  let unit = 0;
  let size = byteCount;
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    unit++;
  }
  if (byteCount === 1) return '1 byte';
  return `${unit === 0 ? size : size < 10 ? size.toFixed(1) : Math.round(size)} ${UNITS[unit]}`;
}
