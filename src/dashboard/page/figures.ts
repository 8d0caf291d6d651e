import { grouped } from '../../text/counted.js';
import { duration } from '../../text/duration.js';
import { printable } from '../../text/printable.js';

const MOST_DIGITS = 9_999_999;
const COMPACT = new Intl.NumberFormat('en-US', {
  notation: 'compact',
  maximumSignificantDigits: 3,
});

/** `1.23M`. */
export const compactText = (count: number) => COMPACT.format(count);

/** `1,234,567`, and `12.3M` where that would be too wide. */
export const countText = (count: number) =>
  count > MOST_DIGITS ? compactText(count) : grouped(count);

/** `62.5 %`; a dash without a ratio. */
export const percentText = (ratio: number | undefined) =>
  ratio === undefined ? '–' : `${(ratio * 100).toFixed(1)} %`;

/** How long a run took: `840 ms`, `12.4 s`, `3 min 20 s`. */
export function runTimeText(ms: number | undefined): string {
  if (ms === undefined) return '–';
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms);
}

/** The time until `ms`: `12 s`. A time that has passed is `0 s`. */
export const untilText = (ms: number, nowMs: number) => duration(Math.max(0, ms - nowMs));

/** The time since `ms`. A time to come is `0 s`. */
export const sinceText = (ms: number, nowMs: number) => untilText(nowMs, ms);

/** `$12.35`. A currency that the browser does not know follows the amount. */
export function moneyText(cost: number, currency: string): string {
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: cost < 1 ? 4 : 2 };
  try {
    return cost.toLocaleString('en-US', { style: 'currency', currency, ...digits });
  } catch {
    return `${cost.toLocaleString('en-US', digits)} ${printable(currency.slice(0, 12))}`;
  }
}
