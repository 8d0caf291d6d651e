import { breather } from './breathe.js';
import type { StoreRow } from './store-rows.js';

/** So many rows are sorted in about a millisecond. */
const RUN_LENGTH = 2048;

const byKey = (a: StoreRow, b: StoreRow) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

/** Sorts the rows by their keys, without long pauses for the rest of the program. */
export async function sortRows(rows: readonly StoreRow[]): Promise<readonly StoreRow[]> {
  const breathe = breather();
  let isSorted = true;
  for (let at = 1; at < rows.length && isSorted; at++) {
    isSorted = (rows[at - 1] as StoreRow).key <= (rows[at] as StoreRow).key;
  }
  // Databases list in this order.
  if (isSorted) return rows;
  let runs: StoreRow[][] = [];
  for (let at = 0; at < rows.length; at += RUN_LENGTH) {
    runs.push(rows.slice(at, at + RUN_LENGTH).sort(byKey));
    await breathe();
  }
  while (runs.length > 1) {
    const merged: StoreRow[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(await merge(runs[at] as StoreRow[], runs[at + 1] ?? [], breathe));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge(
  a: readonly StoreRow[],
  b: readonly StoreRow[],
  breathe: () => Promise<void> | undefined,
): Promise<StoreRow[]> {
  const merged: StoreRow[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const [left, right] = [a[i], b[j]];
    if (right === undefined || (left !== undefined && left.key <= right.key)) {
      merged.push(left as StoreRow);
      i++;
    } else {
      merged.push(right);
      j++;
    }
    if (merged.length % RUN_LENGTH === 0) await breathe();
  }
  return merged;
}
