/** The forms in which `samekey keys` prints the key of a line. */

import type { Identity } from '../index.js';
import { toLineError } from '../pool/fault.js';
import type { LineBlock } from '../pool/key-blocks.js';
import { keysIn } from '../pool/line-keys.js';
import { inFlags } from './flag-names.js';

/** Returns the output for a block of lines. */
export type RowFormat = (block: LineBlock) => Uint8Array;

/** Line n of the output is the key of line n. */
export const plainRows: RowFormat = ({ keys }) => keys;

/** A row has the number of a line, a tab and its key. Lines without a key have no row. */
export const tabbedRows: RowFormat = ({ keys, firstLine }) => {
  let line = firstLine;
  let rows = '';
  for (const key of keysIn(keys)) {
    if (key !== '') rows += `${line}\t${key}\n`;
    line++;
  }
  return Buffer.from(rows);
};

/**
 * A row is an object with the number of a line, its key, and the identity that makes the same key of
 * the same line: the options of `defineIdentity`, without the secret. A line that was skipped has an
 * `error` instead. Blank lines have no row.
 */
export function jsonRows(identity: Identity, namespace?: string): RowFormat {
  const { secret, scope, ...rest } = identity;
  const settings = JSON.stringify({ ...rest, ...(scope?.length && { scope }) });
  const name = namespace === undefined ? 'key' : 'uuid';
  const end = [
    ...(namespace === undefined ? [] : [`"namespace":${JSON.stringify(namespace)}`]),
    ...(secret === undefined ? [] : ['"hmac":true']),
    `"identity":${settings}}`,
  ].join(',');
  return ({ keys, firstLine, faults }) => {
    const faultOf = new Map(faults.map((fault) => [firstLine + fault.item, fault]));
    let line = firstLine;
    let rows = '';
    for (const key of keysIn(keys)) {
      const fault = faultOf.get(line);
      if (key !== '') {
        rows += `{"line":${line},"${name}":"${key}",${end}\n`;
      } else if (fault !== undefined) {
        const { code, message } = toLineError(fault, line);
        rows += `${JSON.stringify({ line, error: { code, message: inFlags(message) } })}\n`;
      }
      line++;
    }
    return Buffer.from(rows);
  };
}
