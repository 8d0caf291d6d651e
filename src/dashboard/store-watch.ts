import { textWithoutPasswords } from '../errors/passwords.js';
import { optional, own } from '../options/own.js';
import type { Store, StoreRecord } from '../store/store.js';
import { breather } from './breathe.js';
import { DashboardProblem } from './problem.js';
import { sortRows } from './sort-rows.js';
import { type StoreRow, StoreRows, toRow } from './store-rows.js';

/**
 * The bound for the rows of one look. A row with a key of samekey counts 334 bytes, so it is 200,000
 * records. While a look is in progress, there are the rows of the look before as well.
 */
export const MAX_LOOK_BYTES = 64 * 1024 * 1024;
/** The members of a row, and the two bytes that a character may take. */
const ROW_BYTES = 200;
const CHARACTER_BYTES = 2;
/** Foreign records with a longer key are left out. A key of samekey has at most 255 characters. */
const MAX_KEY_CHARACTERS = 1024;

/** The pause between two looks: this, and ten times as long as the look took, but not longer than that. */
const MIN_PAUSE_MS = 2000;
const PAUSE_FACTOR = 10;
const MAX_PAUSE_MS = 60_000;
/** Each look at these stores is billed. */
const BILLED: ReadonlySet<string> = new Set(['dynamodb', 'upstash']);
/** A store that tells nothing for this time does not answer. */
const SILENT_MS = 5000;
/** A timer may fire a little too early, when the store is not silent for that time yet. */
const TIMER_TOLERANCE_MS = 50;
/** Clocks that differ by less are taken as one, so that times do not change from look to look. */
const CLOCK_TOLERANCE_MS = 1000;
/** Codes of errors about the key, and not about the store. */
const REFUSALS: ReadonlySet<unknown> = new Set(['SAMEKEY_BAD_ARGUMENT', 'SAMEKEY_BAD_KEY']);
const MAX_FAULT_CHARACTERS = 300;

/** Has no record: only the store's clock counts. */
const CLOCK_KEY = 'samekey-dashboard-clock';

interface Look {
  readonly rows: readonly StoreRow[];
  readonly isWhole: boolean;
  readonly fault?: string;
}

const NO_ROWS = new StoreRows([], false);

/** Looks at a store from time to time while somebody wants to see it. There is one look at a time. */
export class StoreWatch {
  readonly #store: Store;
  #rows = NO_ROWS;
  #fault: string | undefined;
  #look: Promise<void> | undefined;
  #heardAt = 0;
  #nextLookAt = 0;
  /** The store's clock minus this machine's. */
  #clockDifferenceMs = 0;
  #lookCount = 0;
  #isClosed = false;
  /** The rows that the look in progress has found so far, in any order. */
  #found: readonly StoreRow[] = [];
  /** The keys that were evicted during that look, which may have listed them before. */
  readonly #evictedMeanwhile = new Set<string>();

  constructor(store: Store) {
    this.#store = store;
  }

  get rows(): StoreRows {
    return this.#rows;
  }

  /** Changes when another look has ended. */
  get lookCount(): number {
    return this.#lookCount;
  }

  /** Why the store cannot be read; `undefined` if it can. */
  get fault(): string | undefined {
    const isSilent = this.#look !== undefined && performance.now() - this.#heardAt > SILENT_MS;
    return isSilent ? `The store does not answer for ${SILENT_MS / 1000} s.` : this.#fault;
  }

  /** Somebody wants to see the store: starts a look if its time has come. Resolves when none is in progress. */
  refresh(): Promise<void> {
    if (this.#look === undefined && performance.now() >= this.#nextLookAt && !this.#isClosed) {
      this.#heardAt = performance.now();
      this.#look = this.#lookOnce().finally(() => {
        this.#look = undefined;
        this.#found = [];
        this.#evictedMeanwhile.clear();
      });
    }
    return this.#look ?? Promise.resolve();
  }

  /**
   * Starts a look if its time has come, and returns the rows of the latest one. The first look is waited
   * for, 5 s at most: then these are the rows that it has found so far.
   *
   * @throws {StoreFault} if the store cannot be read and there are no rows.
   */
  async latestRows(): Promise<StoreRows> {
    const looking = this.refresh();
    if (this.#lookCount === 0 && this.fault === undefined) await settled(looking);
    let rows = this.#rows;
    if (this.#lookCount === 0) {
      const found = await sortRows([...this.#found]);
      rows = this.#lookCount === 0 ? this.#rowsOf(found, false) : this.#rows;
    }
    if (rows.count === 0 && this.fault !== undefined) throw new StoreFault(this.fault);
    return rows;
  }

  /** Returns a record with times of this machine's clock. */
  async read(key: string): Promise<StoreRecord | undefined> {
    const { record, nowMs } = await this.#answered(this.#store.read(key));
    this.#setClock(nowMs);
    return record && this.#withOwnTimes(record);
  }

  /** Returns the row of a record. */
  async readRow(key: string): Promise<StoreRow | undefined> {
    const record = await this.read(key);
    return record && toRow({ key, record });
  }

  /** Runs a call of the store, whose error becomes one without a password. `sentence` tells what failed. */
  async #answered<T>(call: Promise<T>, sentence?: (reason: string) => string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`no answer within ${SILENT_MS / 1000} s`)),
        SILENT_MS,
      );
    });
    try {
      return await Promise.race([call, late]);
    } catch (error) {
      const { code, message } = (error ?? {}) as { code?: unknown; message?: string };
      if (REFUSALS.has(code)) throw new DashboardProblem(400, `${message}.`);
      throw new StoreFault(faultOf(error), sentence);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs `evict` of the store, or of what has a cache in front of it. */
  async evict(key: string, evict: (key: string) => Promise<boolean>): Promise<boolean> {
    // An answer that comes too late for the page hides the record as well.
    const evicting = evict(key).then((isEvicted) => {
      if (isEvicted) this.#hide(key);
      return isEvicted;
    });
    return this.#answered(evicting, unconfirmed);
  }

  #hide(key: string): void {
    this.#rows.hide(key);
    if (this.#look !== undefined) this.#evictedMeanwhile.add(key);
  }

  /** Returns the rows of the look in progress without the keys that were evicted during it. */
  #rowsOf(sorted: readonly StoreRow[], isWhole: boolean): StoreRows {
    const rows = new StoreRows(sorted, isWhole);
    for (const key of this.#evictedMeanwhile) rows.hide(key);
    return rows;
  }

  close(): void {
    this.#isClosed = true;
  }

  async #lookOnce(): Promise<void> {
    const startedAt = performance.now();
    try {
      const { nowMs } = await this.#store.read(CLOCK_KEY);
      this.#heardAt = performance.now();
      this.#setClock(nowMs);
      const { rows, isWhole, fault } = await this.#collect();
      if (fault === undefined || rows.length > 0) {
        const sorted = await sortRows(rows);
        this.#rows = this.#rowsOf(sorted, isWhole);
      }
      this.#fault = fault;
    } catch (error) {
      this.#fault = faultOf(error);
    }
    this.#lookCount++;
    const now = performance.now();
    this.#nextLookAt = now + this.#pauseMs(now - startedAt);
  }

  #pauseMs(lookMs: number): number {
    // A store that was away is back soon.
    if (this.#fault !== undefined) return MIN_PAUSE_MS;
    if (BILLED.has(this.#store.name)) return MAX_PAUSE_MS;
    return Math.min(Math.max(MIN_PAUSE_MS, PAUSE_FACTOR * lookMs), MAX_PAUSE_MS);
  }

  async #collect(): Promise<Look> {
    const rows: StoreRow[] = [];
    this.#found = rows;
    const list = optional(this.#store, 'list');
    if (list === undefined) return { rows, isWhole: false };
    const breathe = breather();
    let isWhole = true;
    let byteCount = 0;
    try {
      for await (const entry of list.call(this.#store, { payloads: false })) {
        if (this.#isClosed) break;
        this.#heardAt = performance.now();
        await breathe();
        if (entry.key.length > MAX_KEY_CHARACTERS) {
          isWhole = false;
          continue;
        }
        byteCount += ROW_BYTES + CHARACTER_BYTES * entry.key.length;
        if (byteCount > MAX_LOOK_BYTES) {
          isWhole = false;
          break;
        }
        rows.push(toRow({ ...entry, record: this.#withOwnTimes(entry.record) }));
      }
    } catch (error) {
      const { code } = (error ?? {}) as { code?: unknown };
      if (code !== 'SAMEKEY_BAD_STATE') throw error;
      // Another program has written there. The records before it are shown.
      return { rows, isWhole: false, fault: faultOf(error) };
    }
    return { rows, isWhole };
  }

  #setClock(nowMs: number): void {
    const differenceMs = nowMs - Date.now();
    if (Math.abs(differenceMs - this.#clockDifferenceMs) <= CLOCK_TOLERANCE_MS) return;
    this.#clockDifferenceMs = Math.abs(differenceMs) <= CLOCK_TOLERANCE_MS ? 0 : differenceMs;
  }

  #withOwnTimes(record: StoreRecord): StoreRecord {
    const shift = this.#clockDifferenceMs;
    if (shift === 0) return record;
    const finishedAtMs = own(record, 'finishedAtMs');
    return {
      ...record,
      claimedAtMs: record.claimedAtMs - shift,
      leaseEndsAtMs: record.leaseEndsAtMs - shift,
      expiresAtMs: record.expiresAtMs - shift,
      finishedAtMs: finishedAtMs === undefined ? undefined : finishedAtMs - shift,
    };
  }
}

/** A call of the store has failed. Neither `reason` nor the message, which is a sentence, has a password. */
export class StoreFault extends Error {
  readonly reason: string;

  constructor(reason: string, sentence = unreadable) {
    super(sentence(reason));
    this.reason = reason;
  }
}

const unreadable = (reason: string) => `The store cannot be read: ${reason}`;

/** A store that does not answer, or whose connection breaks, may have evicted the record. */
const unconfirmed = (reason: string) =>
  `The store has not confirmed the eviction, so the record may be evicted: ${reason}`;

/** Resolves when a look has ended, or has taken 5 s. */
async function settled(look: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, SILENT_MS + TIMER_TOLERANCE_MS);
  });
  await Promise.race([look, late]);
  clearTimeout(timer);
}

function faultOf(error: unknown): string {
  if (error instanceof StoreFault) return error.reason;
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown };
  const text = String(message || code || error).replaceAll(/\s+/g, ' ');
  return textWithoutPasswords(text).slice(0, MAX_FAULT_CHARACTERS);
}
