/** Counts the calls of a log, and reports the lines that cannot be counted. */

import { counted, grouped } from '../text/counted.js';
import { printable } from '../text/printable.js';
import type { Field } from './field.js';
import type { KeyTally } from './key-tally.js';
import { type CallFields, callIn, type Fault, type FaultKind } from './log-call.js';
import { type LogLine, MAX_LINE_BYTES } from './log-lines.js';

/** The lines with one kind of fault. */
export interface FaultCount {
  count: number;
  /** The number of the first such line, from 1. `detail` says more about its fault. */
  readonly firstLine: number;
  readonly detail: string | undefined;
  /** What to do about it, or nothing. */
  readonly hint: string;
}

/** The state of an audit. */
export class Audit {
  readonly fields: CallFields;
  readonly tally: KeyTally;
  readonly faults = new Map<FaultKind, FaultCount>();
  lineCount = 0;

  constructor(fields: CallFields, tally: KeyTally) {
    this.fields = fields;
    this.tally = tally;
  }

  /** Adds the next line of the log. */
  add(line: LogLine): void {
    this.lineCount++;
    const found = typeof line === 'string' ? callIn(line, this.fields) : line;
    if (found === undefined) return;
    if ('key' in found) this.tally.add(found.key, this.lineCount, found.cost, found.tokens);
    const fault = 'key' in found ? found.costFault : found;
    if (fault !== undefined) this.#addFault(fault);
  }

  #addFault({ kind, detail, hint }: Fault): void {
    const fault = this.faults.get(kind);
    if (fault === undefined) {
      this.faults.set(kind, {
        count: 1,
        firstLine: this.lineCount,
        detail,
        hint: hint?.() ?? '',
      });
    } else {
      fault.count++;
    }
  }
}

const DESCRIPTIONS: Readonly<Record<FaultKind, (fields: CallFields) => string>> = {
  notObject: () => 'without a JSON object',
  tooLarge: () =>
    `of more than ${grouped(MAX_LINE_BYTES)} bytes, or with more values than fit into memory`,
  noKey: ({ request, keys }) =>
    request === undefined
      ? `without a key at ${keys.map(({ text }) => text).join(', ')}`
      : `without a request at ${request.field.text}`,
  badRequest: () => 'with a request that has no key',
  noCost: ({ cost }) => `without a cost at ${(cost as Field).text}`,
  badCost: ({ cost }) => `with an invalid cost at ${(cost as Field).text}`,
  noUsage: ({ usage = [] }) => `without tokens at ${usage.map(({ text }) => text).join(', ')}`,
  noPrice: () => 'with a model that has no price',
};

/** Describes the lines that were not counted: one text for each kind of fault. */
export function faultLines({ faults, fields, tally }: Audit): string[] {
  const lines = [...faults].map(([kind, { count, firstLine, detail, hint }]) => {
    const place = `${count === 1 ? '' : 'first: '}line ${grouped(firstLine)}`;
    const suffix = detail === undefined ? '' : `: ${printable(detail)}`;
    return `${counted(count, 'line')} ${printable(DESCRIPTIONS[kind](fields))} (${place}${suffix})${printable(hint)}`;
  });
  const { notComparedCount, keyCount } = tally;
  if (notComparedCount > 0) {
    const beyond = `with keys beyond the first ${grouped(keyCount)}`;
    lines.push(`${counted(notComparedCount, 'call')} not compared, ${beyond}; see --max-keys`);
  }
  return lines;
}

/** Says why a log contains no call. */
export function explainEmptyLog(audit: Audit): string {
  const reason =
    faultLines(audit).join('; ') || (audit.lineCount === 0 ? 'it is empty' : 'it is blank');
  return `no line is a call: ${reason}`;
}
