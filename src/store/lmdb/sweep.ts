import type { Database } from 'lmdb';
import { monotonicMs } from '../../runtime/runtime.js';
import type { StoreRecord } from '../store.js';
import { failWithCause } from './group-commit.js';
import { isRecordRow, type RecordRow, toRecord } from './record-row.js';

/** How many records each write checks. */
const CHECKED_PER_WRITE = 4;
/**
 * The same while no record is known that can go. Otherwise the checks would take a tenth of this
 * thread's time.
 */
const CHECKED_PER_WRITE_EARLY = 1 / 8;
/**
 * Records that are checked per millisecond, at most. Each takes 3 µs: during a burst of writes,
 * sweeping would be most of the work.
 */
const CHECKED_PER_MS = 16;
/** Records that are checked for one transaction, at most. */
const CHECKED_PER_COMMIT = 64;
/**
 * The fewest that are checked while no record is known that can go: with one or two for each
 * transaction, opening the cursor took 6 % of this thread's time. A process that writes once still
 * checks, because it does not know of any record yet.
 */
const LEAST_CHECKED_EARLY = 16;
/** How long a deleted record keeps its fencing token, in case the clock is set back. */
const TOKEN_KEPT_MS = 60 * 60 * 1000;

/** Deletes the records that expired long ago, a few with each write. */
export class Sweep {
  readonly #database: Database<RecordRow, string>;
  #position = '';
  #lastSweepMs = 0;
  /** How many records the writes since then have yet to check, and the time of the last one. */
  #uncheckedCount = 0;
  #lastWriteMs = 0;
  /** The earliest time at which a record can go, of those written or checked since the last pass began. */
  #dueMs = 0;
  /** The same, since this pass began. */
  #passDueMs = Number.POSITIVE_INFINITY;

  constructor(database: Database<RecordRow, string>) {
    this.#database = database;
  }

  /** Must be called with each record that is written. */
  noteWrite(record: StoreRecord, nowMs: number): void {
    this.#lastWriteMs = nowMs;
    this.#noteDue(dueMs(record));
  }

  /** Continues the pass, before `writeCount` writes are committed. */
  continue(writeCount: number): void {
    const atMs = monotonicMs();
    const isDue = this.#lastWriteMs >= this.#dueMs;
    const perWrite = isDue ? CHECKED_PER_WRITE : CHECKED_PER_WRITE_EARLY;
    this.#uncheckedCount = Math.min(
      this.#uncheckedCount + perWrite * writeCount,
      CHECKED_PER_COMMIT,
    );
    const affordableCount = CHECKED_PER_MS * (atMs - this.#lastSweepMs);
    const count = Math.floor(Math.min(this.#uncheckedCount, affordableCount));
    if (count < (isDue ? 1 : LEAST_CHECKED_EARLY)) return;
    this.#lastSweepMs = atMs;
    this.#uncheckedCount -= count;
    try {
      this.#check(count);
    } catch {
      // The next sweep tries again; a write reports disk errors.
    }
  }

  #check(count: number): void {
    const start = this.#position;
    this.#database.resetReadTxn();
    const entries = [
      ...this.#database.getRange({ start, exclusiveStart: true, limit: count, versions: true }),
    ];
    for (const { key, value, version } of entries) {
      if (!isRecordRow(value)) continue;
      const goesAtMs = dueMs(toRecord(value));
      this.#noteDue(goesAtMs);
      if (goesAtMs > this.#lastWriteMs) continue;
      this.#database
        .remove(key, version as number)
        .catch(failWithCause)
        .catch(() => {});
    }
    this.#position = entries.at(-1)?.key ?? '';
    if (entries.length === count) return;
    this.#position = '';
    this.#dueMs = this.#passDueMs;
    this.#passDueMs = Number.POSITIVE_INFINITY;
  }

  #noteDue(goesAtMs: number): void {
    this.#dueMs = Math.min(this.#dueMs, goesAtMs);
    this.#passDueMs = Math.min(this.#passDueMs, goesAtMs);
  }
}

/** When a record can be deleted. */
const dueMs = ({ expiresAtMs, finishedAtMs }: StoreRecord) =>
  (expiresAtMs === 0 ? (finishedAtMs ?? 0) : expiresAtMs) + TOKEN_KEPT_MS;
