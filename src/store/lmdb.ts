import type { Database } from 'lmdb';
import { fail, nameOf, quote, requireMembers } from '../errors/errors.js';
import { clearTimer, monotonicMs, random, setTimer, type Timer } from '../runtime/runtime.js';
import { type Anchor, MachineClock } from './lmdb/machine-clock.js';
import { cannotOpen, openDatabase } from './lmdb/open-database.js';
import { type RecordRow, toRecord, toRow } from './lmdb/record-row.js';
import type { ClaimResult, Store, StoreEntry, StoreRecord } from './store.js';
import * as transition from './transition.js';

export interface LmdbStoreOptions {
  /** Folder of the database, on a disk of this machine; made if it is not there. */
  readonly path: string;
  /**
   * Milliseconds since 1970. The default is a clock that all processes of the machine share and that
   * nobody can set.
   */
  readonly clock?: () => number;
}

/**
 * Returns a store in an LMDB database: embedded, shared by the processes of one machine, and
 * crash-safe. What was acknowledged is on the disk. It needs the package `lmdb`.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type.
 * @throws {Error} `SAMEKEY_STORE` if the database cannot be opened.
 * @example
 * import { tmpdir } from 'node:os';
 *
 * const store = lmdbStore({ path: `${tmpdir()}/samekey-example` });
 * store.name; // 'lmdb'
 * await store.close();
 */
export function lmdbStore(options: LmdbStoreOptions): Store {
  requireMembers(options, ['path', 'clock'], 'options of the LMDB store');
  const { path, clock } = options;
  if (typeof path !== 'string' || path === '') {
    refuse(`path is ${path === '' ? quote(path) : nameOf(path)}, wanted the name of a folder`);
  }
  if (clock !== undefined && typeof clock !== 'function') {
    refuse(`clock is ${nameOf(clock)}, wanted a function that gives milliseconds`);
  }
  return new LmdbStore(path, clock);
}

function refuse(what: string): never {
  return fail(TypeError, 'SAMEKEY_BAD_ARGUMENT', `Cannot make an LMDB store: ${what}`);
}

/** A record and its version in LMDB: another one after every change, and never one from before. */
interface Versioned {
  readonly value: transition.KeptRecord;
  readonly version: number;
}

/** How many records are looked at for having expired, whenever one is written. */
const SWEPT_PER_WRITE = 4;
/** Writes that come at the same time, as of a batch, sweep so often: it would be most of their work. */
const SWEEPS_PER_MS = 4;
/** What is gone stays this long, for its fencing token, should the clock be set back. */
const SWEPT_AFTER_MS = 60 * 60 * 1000;
/** How often watched keys are looked at, in the memory that LMDB shares: 5 µs a key. */
const LOOK_EVERY_MS = 20;
/** With many keys less often, so that it takes no more than one part in so many of the time. */
const LOOKING_SHARE = 20;
/** Records read at a time by `list`. */
const LISTED_AT_ONCE = 32;
/**
 * A change is a read, a decision and a write that LMDB makes only if the version is still the one
 * that was read; else all is done again. No JavaScript runs while LMDB holds its lock for writers:
 * one process whose event loop is busy would hold up all others.
 */
class LmdbStore implements Store {
  readonly name = 'lmdb';
  readonly #database: Database<RecordRow, string>;
  readonly #clock: () => number;
  /** The clock, unless another one was given. */
  readonly #machine: MachineClock | undefined;
  readonly #watchers = new Set<Watcher>();
  #looking: Timer | undefined;
  #sweptTo = '';
  #sweptAtMs = 0;
  #sweepsThen = 0;
  #isClosed = false;

  constructor(path: string, clock: (() => number) | undefined) {
    this.#database = openDatabase(path);
    if (clock !== undefined) {
      this.#clock = clock;
      return;
    }
    const machine = new MachineClock(this.#database as unknown as Database<Anchor, symbol>);
    this.#machine = machine;
    this.#clock = () => machine.nowMs();
    try {
      machine.nowMs();
    } catch (error) {
      this.close().catch(() => {});
      throw cannotOpen(path, error);
    }
  }

  claim(key: string, request: Parameters<Store['claim']>[1]): Promise<ClaimResult> {
    return this.#change<ClaimResult>('claim', key, (old, nowMs) => {
      const record = transition.claimed(old, request, nowMs);
      return record === undefined
        ? {
            answer: { claimed: false, record: transition.shown(old as StoreRecord), nowMs },
            record: old,
          }
        : { answer: { claimed: true, record: transition.shown(record), nowMs }, record };
    });
  }

  renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    return this.#change('renew', key, (old, nowMs) => {
      const record = transition.renewed(old, owner, leaseMs, nowMs);
      return { answer: record !== undefined, record: record ?? old };
    });
  }

  complete(
    key: string,
    owner: string,
    completion: Parameters<Store['complete']>[2],
  ): Promise<boolean> {
    return this.#change('complete', key, (old, nowMs) => {
      const record = transition.completed(old, owner, completion, nowMs);
      return { answer: record !== undefined, record: record ?? old };
    });
  }

  release(key: string, owner: string): Promise<boolean> {
    return this.#change('release', key, (old, nowMs) =>
      old !== undefined && transition.isReleasable(old, owner, nowMs)
        ? {
            answer: true,
            record: transition.restored(old, nowMs) ?? gone(old, nowMs),
          }
        : { answer: false, record: old },
    );
  }

  evict(key: string): Promise<boolean> {
    return this.#change('evict', key, (old, nowMs) =>
      transition.isEvictable(old, nowMs)
        ? { answer: true, record: gone(old, nowMs) }
        : { answer: false, record: old },
    );
  }

  async read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    this.#requireOpen('read', key);
    const nowMs = this.#clock();
    const record = transition.unexpired(this.#get(key)?.value, nowMs);
    return { record: record && transition.shown(record), nowMs };
  }

  /**
   * LMDB tells nobody of a change. But to look is to look into memory that all processes share, so
   * one timer looks at all keys that are watched here, more often than a waiting caller would ask.
   */
  async watch(key: string, notify: () => void): Promise<() => void> {
    this.#requireOpen('watch', key);
    const watcher = { key, notify, version: this.#get(key)?.version };
    this.#watchers.add(watcher);
    if (this.#looking === undefined) this.#lookAfter(LOOK_EVERY_MS);
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.#stopLooking();
    };
  }

  async *list({ limit = Number.POSITIVE_INFINITY } = {}): AsyncGenerator<StoreEntry> {
    let count = 0;
    let start = '';
    for (;;) {
      this.#requireOpen('list', 'the records');
      const nowMs = this.#clock();
      const entries = this.#range(start, LISTED_AT_ONCE);
      for (const { key, value } of entries) {
        start = key;
        const record = this.#toRecord(value);
        if (transition.unexpired(record, nowMs) === undefined) continue;
        if (count++ >= limit) return;
        yield { key, record: transition.shown(record) };
      }
      if (entries.length < LISTED_AT_ONCE) return;
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watchers.clear();
    this.#stopLooking();
    await this.#database.close();
  }

  async #change<T>(
    action: string,
    key: string,
    decide: (
      old: transition.KeptRecord | undefined,
      nowMs: number,
    ) => { answer: T; record: transition.KeptRecord | undefined },
  ): Promise<T> {
    for (;;) {
      this.#requireOpen(action, key);
      const nowMs = this.#clock();
      const old = this.#get(key);
      const { answer, record } = decide(old?.value, nowMs);
      if (record === undefined || record === old?.value) return answer;
      // `null`: only if there is none.
      const ifVersion = (old?.version ?? null) as number;
      this.#machine?.keep(nowMs);
      const written = this.#database.put(key, toRow(record), newVersion(), ifVersion);
      this.#sweep(nowMs);
      if (await written.catch(failWithCause)) return answer;
    }
  }

  /** What stands there now, expired or not. */
  #get(key: string): Versioned | undefined {
    // Else it would be what stood there when this turn of the event loop began.
    this.#database.resetReadTxn();
    const entry = this.#database.getEntry(key);
    return entry && { value: this.#toRecord(entry.value), version: entry.version as number };
  }

  /** The record; the lease of an owner that ended when the machine was booted has ended with it. */
  #toRecord(row: RecordRow): transition.KeptRecord {
    const record = toRecord(row);
    const aliveSinceMs = this.#machine?.aliveSinceMs ?? 0;
    return record.claimedAtMs < aliveSinceMs && record.leaseEndsAtMs > aliveSinceMs
      ? { ...record, leaseEndsAtMs: aliveSinceMs }
      : record;
  }

  #range(after: string, limit: number) {
    this.#database.resetReadTxn();
    // Not for more than one turn of the event loop: as long as it is read, nothing is reused.
    return [
      ...this.#database.getRange({ start: after, exclusiveStart: true, limit, versions: true }),
    ];
  }

  /** Lets go of a few records that have long been gone, one place further each time. */
  #sweep(nowMs: number): void {
    const atMs = Math.floor(monotonicMs());
    if (atMs !== this.#sweptAtMs) this.#sweepsThen = 0;
    this.#sweptAtMs = atMs;
    if (++this.#sweepsThen > SWEEPS_PER_MS) return;
    const entries = this.#range(this.#sweptTo, SWEPT_PER_WRITE);
    this.#sweptTo = entries.length < SWEPT_PER_WRITE ? '' : (entries.at(-1)?.key ?? '');
    for (const { key, value, version } of entries) {
      if (goneAtMs(toRecord(value)) + SWEPT_AFTER_MS > nowMs) continue;
      // It will be swept the next time; what is wrong with the disk is for a write to tell.
      this.#database
        .remove(key, version as number)
        .catch(failWithCause)
        .catch(() => {});
    }
  }

  #lookAfter(ms: number): void {
    // Who was told may have stopped watching and begun again.
    clearTimer(this.#looking);
    this.#looking = setTimer(() => this.#look(), ms);
    // Whoever waits has a timer of its own.
    (this.#looking as { unref?(): void }).unref?.();
  }

  /**
   * Looks at every key that is watched. That the number of the last transaction is the old one
   * would not say that there is nothing to see: LMDB shows a new one before it shows what it wrote.
   */
  #look(): void {
    const startedAt = monotonicMs();
    this.#database.resetReadTxn();
    for (const watcher of this.#watchers) {
      const { key, version } = watcher;
      const isSame =
        version === undefined
          ? !this.#database.doesExist(key)
          : this.#database.doesExist(key, version);
      if (isSame) continue;
      watcher.version = this.#get(key)?.version;
      watcher.notify();
    }
    const tookMs = monotonicMs() - startedAt;
    if (this.#watchers.size > 0) this.#lookAfter(Math.max(LOOK_EVERY_MS, LOOKING_SHARE * tookMs));
    else this.#stopLooking();
  }

  #stopLooking(): void {
    clearTimer(this.#looking);
    this.#looking = undefined;
  }

  #requireOpen(action: string, key: string): void {
    if (this.#isClosed) {
      fail(Error, 'SAMEKEY_CLOSED', `Cannot ${action} ${key}: the LMDB store was closed`);
    }
  }
}

interface Watcher {
  readonly key: string;
  readonly notify: () => void;
  version: number | undefined;
}

/** Never twice for a key, also not after its record was swept: what was read long ago is not it. */
const newVersion = () => Math.floor(random() * Number.MAX_SAFE_INTEGER) + 1;

/** LMDB rejects with a hint where to look: at another promise, which was rejected just before. */
async function failWithCause(error: { readonly commitError?: Promise<never> }): Promise<never> {
  await Promise.race([error.commitError, undefined]);
  throw error;
}

/** A record that was taken away: what is left of it is its fencing token. */
function gone(record: transition.KeptRecord | undefined, nowMs: number): StoreRecord | undefined {
  if (record === undefined) return undefined;
  const left = transition.shown(record);
  return { ...left, payload: undefined, finishedAtMs: nowMs, expiresAtMs: 0 };
}

const goneAtMs = ({ expiresAtMs, finishedAtMs }: StoreRecord) =>
  expiresAtMs === 0 ? (finishedAtMs ?? 0) : expiresAtMs;
