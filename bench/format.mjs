/** Figures with three digits, for the terminal and for docs/benchmarks.md. */

/** @param {number} value */
const threeDigits = (value) => {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
};

/** @param {number} ns */
export function formatTime(ns) {
  if (ns < 999.5) return `${ns.toFixed(0)} ns`;
  if (ns < 999_500) return `${threeDigits(ns / 1e3)} µs`;
  return `${threeDigits(ns / 1e6)} ms`;
}

/**
 * @param {number} bytes
 * @param {number} ns
 */
export const formatRate = (bytes, ns) => `${((bytes / ns) * 1e3).toFixed(0)} MB/s`;

/** @param {number} ratio */
export const formatRatio = (ratio) => `${threeDigits(ratio)} ×`;

/** @param {number} bytes in decimal units, as is usual for transfers */
export function formatBytes(bytes) {
  if (bytes < 1e3) return `${bytes} B`;
  return bytes < 1e6 ? `${threeDigits(bytes / 1e3)} KB` : `${threeDigits(bytes / 1e6)} MB`;
}

/**
 * Pads columns with spaces: the first column is left-aligned, the others are right-aligned.
 *
 * @param {readonly (readonly string[])[]} rows
 */
export function formatColumns(rows) {
  const columnCount = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columnCount }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((text, column) => {
          const width = widths[column] ?? 0;
          return column === 0 ? text.padEnd(width) : text.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
