import { own } from '../options/own.js';
import type { StoreEntry } from '../store/store.js';
import type { RecordRow } from './messages.js';

/** A record without its payload. Times are those of the server's clock. */
export interface StoreRow {
  readonly key: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly attempt: number;
  readonly claimedAtMs: number;
  readonly leaseEndsAtMs: number;
  readonly finishedAtMs: number | undefined;
  readonly expiresAtMs: number;
  readonly payloadBytes: number | undefined;
}

export function toRow({ key, record, ...more }: StoreEntry): StoreRow {
  const { state, attempt, claimedAtMs, leaseEndsAtMs, expiresAtMs } = record;
  return {
    key,
    state,
    attempt,
    claimedAtMs,
    leaseEndsAtMs,
    finishedAtMs: own(record, 'finishedAtMs'),
    expiresAtMs,
    payloadBytes: own(record, 'payload')?.length ?? own(more, 'payloadBytes'),
  };
}

/** A page of the records that a search finds. */
export interface RowQuery {
  /** A key, or the beginning of one. */
  readonly search: string;
  readonly state: RecordRow['state'] | undefined;
  /** The last key of the page before. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** The record as the tables show it at a time. */
export function rowAt(row: StoreRow, nowMs: number): RecordRow {
  const { key, attempt, claimedAtMs, finishedAtMs, expiresAtMs, payloadBytes } = row;
  const isRunning = row.state === 'running';
  return {
    key,
    state: isRunning && row.leaseEndsAtMs <= nowMs ? 'unknown' : row.state,
    attempt,
    claimedAtMs,
    finishedAtMs,
    leaseEndsAtMs: isRunning ? row.leaseEndsAtMs : undefined,
    expiresAtMs,
    payloadBytes,
  };
}

/** What one look at the store has found, in the order of the keys. */
export class StoreRows {
  readonly #rows: readonly StoreRow[];
  /** The rows of runs in progress and of unknown outcomes, oldest first. */
  readonly #unfinished: readonly StoreRow[];
  readonly #evicted = new Set<string>();
  /** Whether the look saw all records. */
  readonly isWhole: boolean;
  #byteCount: number;

  /** @param rows In the order of their keys. */
  constructor(rows: readonly StoreRow[], isWhole: boolean) {
    this.#rows = rows;
    this.isWhole = isWhole;
    this.#byteCount = rows.reduce((sum, { payloadBytes = 0 }) => sum + payloadBytes, 0);
    this.#unfinished = rows
      .filter(({ state }) => state === 'running')
      .sort((a, b) => a.claimedAtMs - b.claimedAtMs);
  }

  get count(): number {
    return this.#rows.length - this.#evicted.size;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  /** Hides a record until the next look, which does not find it. */
  hide(key: string): void {
    const row = this.#rows[this.#placeOf(key)];
    if (row?.key !== key || this.#evicted.has(key)) return;
    this.#evicted.add(key);
    this.#byteCount -= row.payloadBytes ?? 0;
  }

  /** Whether there is a row of the key that has neither expired nor been hidden. */
  has(key: string, nowMs: number): boolean {
    const row = this.#rows[this.#placeOf(key)];
    return row?.key === key && !this.#isGone(row, nowMs);
  }

  /** The runs in progress and the unknown outcomes: how many there are, and the oldest `limit` of each. */
  unfinished(nowMs: number, limit: number) {
    const found = {
      running: { rows: [] as RecordRow[], count: 0 },
      unknown: { rows: [] as RecordRow[], count: 0 },
    };
    for (const row of this.#unfinished) {
      if (this.#isGone(row, nowMs)) continue;
      const list = row.leaseEndsAtMs <= nowMs ? found.unknown : found.running;
      list.count++;
      if (list.rows.length < limit) list.rows.push(rowAt(row, nowMs));
    }
    return found;
  }

  /** Returns a page in the order of the keys, and how many records match on all pages. */
  page({ search, state, after, limit }: RowQuery, nowMs: number) {
    const records: RecordRow[] = [];
    let matchCount = 0;
    let hasMore = false;
    for (let at = this.#placeOf(search); at < this.#rows.length; at++) {
      const row = this.#rows[at] as StoreRow;
      if (!row.key.startsWith(search)) break;
      if (this.#isGone(row, nowMs)) continue;
      if (state !== undefined && rowAt(row, nowMs).state !== state) continue;
      matchCount++;
      if (after !== undefined && row.key <= after) continue;
      if (records.length < limit) records.push(rowAt(row, nowMs));
      else hasMore = true;
    }
    return { records, matchCount, next: hasMore ? records.at(-1)?.key : undefined };
  }

  #isGone({ key, expiresAtMs }: StoreRow, nowMs: number): boolean {
    return expiresAtMs <= nowMs || this.#evicted.has(key);
  }

  /** The place of the first row whose key is not before `key`. */
  #placeOf(key: string): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#rows[middle] as StoreRow).key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
