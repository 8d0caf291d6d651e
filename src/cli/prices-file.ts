/** Reads prices from a file such as `{ "currency": "USD", "prices": { "gpt-5*": { "inputPerMillion": 2, … } } }`. */
import type { PriceOptions } from '../cost/options.js';
import { type PriceTable, priceTable } from '../cost/prices.js';
import { printable } from '../text/printable.js';
import { usageError } from './exit-codes.js';
import { readSettings } from './input.js';

/** Reads the file that `--prices` names. */
export async function readPrices(path: string): Promise<PriceTable> {
  return (await readPriceList(path)).table;
}

/** Reads the same file, and returns its content as well. */
export async function readPriceList(
  path: string,
): Promise<{ readonly options: PriceOptions; readonly table: PriceTable }> {
  const name = printable(path);
  const bytes = await readSettings(path, '--prices');
  let options: unknown;
  try {
    options = JSON.parse(bytes.toString());
  } catch (error) {
    throw usageError(`--prices ${name}: it is not JSON: ${printable((error as Error).message)}`);
  }
  try {
    return { options: options as PriceOptions, table: priceTable(options as PriceOptions) };
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    if (code !== 'SAMEKEY_BAD_ARGUMENT') throw error;
    throw usageError(`--prices ${name}: ${message}`);
  }
}
