/** The result of an audit as text and as JSON. */

import { counted, grouped } from '../text/counted.js';
import { printable } from '../text/printable.js';
import type { Audit } from './audit-faults.js';
import type { CallFields } from './log-call.js';
import { columnsOf, type Style } from './terminal.js';
import { NO_TOKENS, type Tokens } from './worst-repeats.js';

const HEADINGS = {
  times: 'times',
  first: 'first line',
  last: 'last line',
  tokens: 'wasted tokens',
  wasted: 'wasted',
};

/** Up to six decimals: a token costs a few millionths. */
function costText(cost: number): string {
  return cost.toLocaleString('en-US', { maximumFractionDigits: 6 });
}

const rounded = (cost: number): number => Number(cost.toFixed(6));

const totalOf = ({ input, output }: Tokens): number => input + output;

/** The most expensive keys as a table, and the totals. */
export function auditView({ tally, fields, lineCount }: Audit, style: Style): string {
  const { callCount, keyCount, notComparedCount, repeatedCount, duplicateCount, cost, wasted } =
    tally;
  const { tokens, wastedTokens } = tally;
  const { hasCost, hasTokens, currency } = shownOf(fields);
  const rows = tally.worst.list.map((repeat) => ({
    times: grouped(repeat.times),
    first: grouped(repeat.firstLine),
    last: grouped(repeat.lastLine),
    tokens: grouped(totalOf(repeat.wastedTokens ?? NO_TOKENS)),
    wasted: costText(repeat.wasted),
    key: printable(repeat.key),
  }));
  const names = (['times', 'first', 'last', 'tokens', 'wasted'] as const).filter(
    (name) => (hasCost || name !== 'wasted') && (hasTokens || name !== 'tokens'),
  );
  const widths = names.map((name) =>
    Math.max(HEADINGS[name].length, ...rows.map((row) => row[name].length)),
  );
  const counts = (cells: Readonly<Record<(typeof names)[number], string>>) =>
    names.map((name, i) => cells[name].padStart(widths[i] as number)).join('  ');
  // A key is there to be copied, so it is never cut. Where a row is too narrow, it has its own line.
  const keyWidth = Math.max(0, ...rows.map(({ key }) => columnsOf(key)));
  const countsWidth = widths.reduce((sum, width) => sum + width + 2, 0);
  const separator =
    countsWidth + keyWidth > (style.columns ?? Number.POSITIVE_INFINITY) ? '\n' : '  ';
  const table = rows.map((row) => `${counts(row)}${separator}${row.key}`);
  if (rows.length > 0) {
    table.unshift(style.paint('bold', `${counts(HEADINGS)}${separator}key`));
  }
  if (repeatedCount > rows.length)
    table.push(`… and ${counted(repeatedCount - rows.length, 'more key')}`);
  if (table.length > 0) table.push('');

  const isPart = notComparedCount > 0;
  const calls = `${counted(lineCount, 'line')}, ${counted(callCount, 'call')} with ${isPart ? 'more than ' : ''}${counted(keyCount, 'key')}`;
  const verdict =
    duplicateCount === 0
      ? 'no duplicates'
      : `${counted(duplicateCount, 'duplicate')} of ${counted(repeatedCount, 'key')}`;
  const waste = [
    hasTokens
      ? `, ${grouped(totalOf(wastedTokens))} tokens wasted of ${grouped(totalOf(tokens))}`
      : '',
    hasCost ? `, ${costText(wasted)} wasted of ${costText(cost)}${currency && ` ${currency}`}` : '',
  ].join('');
  const colour = duplicateCount === 0 ? 'green' : 'red';
  return [
    ...table,
    calls,
    style.paint(colour, `${verdict}${isPart ? ' among those compared' : ''}${waste}`),
    '',
  ].join('\n');
}

/** The data that `--json` prints. */
export function auditJson({ tally, fields, lineCount, faults }: Audit) {
  const { hasCost, hasTokens, currency } = shownOf(fields);
  const { tokens, wastedTokens } = tally;
  return {
    lines: lineCount,
    calls: tally.callCount,
    keys: tally.keyCount,
    repeatedKeys: tally.repeatedCount,
    duplicates: tally.duplicateCount,
    ...(hasCost ? { cost: rounded(tally.cost), wasted: rounded(tally.wasted) } : {}),
    ...(currency === '' ? {} : { currency }),
    ...(hasTokens ? { tokens, wastedTokens } : {}),
    notCompared: tally.notComparedCount,
    faults: Object.fromEntries(
      [...faults].map(([kind, { count, firstLine }]) => [kind, { count, firstLine }]),
    ),
    worst: tally.worst.list.map(({ wasted, ...repeat }) => ({
      ...repeat,
      ...(hasCost ? { wasted: rounded(wasted) } : {}),
    })),
  };
}

/** Costs and tokens are shown only if the command line says where they are. */
function shownOf({ cost, usage, prices }: CallFields) {
  return {
    hasCost: cost !== undefined || prices !== undefined,
    hasTokens: usage !== undefined,
    currency: prices?.currency === undefined ? '' : printable(prices.currency),
  };
}
