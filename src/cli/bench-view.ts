/** Formats the times of a case: aligned columns, with bars on a terminal. */
import type { Case } from './bench-cases.js';
import type { Timed } from './bench-rounds.js';
import { cut, type Style } from './terminal.js';

const MAX_BAR = 24;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

const threeDigits = (value: number): string => {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
};

function timeText(ns: number): string {
  if (ns < 999.5) return `${threeDigits(ns)} ns`;
  return ns < 999_500 ? `${threeDigits(ns / 1e3)} µs` : `${threeDigits(ns / 1e6)} ms`;
}

const bar = (part: number, width: number): string => {
  const eighths = Math.max(Math.round(part * width * 8), 1);
  return '█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7];
};

/** Column widths, shared by all cases. */
export interface Columns {
  readonly label: number;
  readonly name: number;
}

export function columnsOf(cases: readonly Case[]): Columns {
  const names = cases.flatMap(({ contenders }) => contenders.map(({ name }) => name.length));
  return { label: Math.max(...cases.map(({ label }) => label.length)), name: Math.max(...names) };
}

export function caseLines(
  { label, byteCount }: Case,
  times: readonly Timed[],
  widths: Columns,
  { columns, paint }: Style,
): string[] {
  const slowest = Math.max(...times.map(({ medianNs }) => medianNs));
  return times.map(({ name, isOurs, medianNs }, i) => {
    const figures = [
      (i === 0 ? label : '').padEnd(widths.label),
      name.padEnd(widths.name),
      timeText(medianNs).padStart(8),
      `${threeDigits((byteCount / medianNs) * 1e3)} MB/s`.padStart(10),
    ].join('  ');
    if (columns === undefined) return figures;
    const room = Math.min(columns - figures.length - 3, MAX_BAR);
    const shown = isOurs ? paint('bold', cut(figures, columns)) : cut(figures, columns);
    if (room < 4) return shown;
    return `${shown}  ${paint(isOurs ? 'cyan' : 'dim', bar(medianNs / slowest, room))}`;
  });
}
