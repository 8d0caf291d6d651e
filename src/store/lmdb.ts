import type { Database } from 'lmdb';
import { fail } from '../errors/errors.js';
import { readOptions } from '../options/read.js';
import { func, type OptionsOf, required, specs, value } from '../options/spec.js';
import { clearTimer, monotonicMs, random, setTimer, type Timer } from '../runtime/runtime.js';
import { GroupCommit } from './lmdb/group-commit.js';
import type { MachineClock } from './lmdb/machine-clock.js';
import { openDatabase } from './lmdb/open-database.js';
import { Opening } from './lmdb/opening.js';
import { isRecordRow, type RecordRow, toRecord, toRow } from './lmdb/record-row.js';
import { Sweep } from './lmdb/sweep.js';
import type { ClaimResult, Store, StoreEntry, StoreRecord } from './store.js';
import * as transition from './transition.js';

const lmdbStoreOptions = /* @__PURE__ */ specs(() => ({
  /** The folder of the database, on a disk of this machine. It is made if it does not exist. */
  path: required(
    value<string>('the name of a folder', (given) =>
      typeof given === 'string' && given !== '' ? undefined : [TypeError],
    ),
  ),
  /**
   * Returns milliseconds since 1970.
   * @defaultValue a clock that all processes of the machine share, and that follows no change of the system time
   */
  clock: func<() => number>(),
}));

/** The options of `lmdbStore`. */
export interface LmdbStoreOptions extends OptionsOf<typeof lmdbStoreOptions> {}

/**
 * Returns a store in an LMDB database, an embedded database that the processes of one machine
 * share. It is crash-safe: an acknowledged write is on the disk. It needs the package `lmdb`.
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
  const { path, clock } = readOptions(lmdbStoreOptions, options, 'options of lmdbStore');
  return new LmdbStore(path, clock);
}

/** A record and its version in LMDB. Every change writes a new, never used version. */
interface Versioned {
  readonly value: transition.StoredRecord;
  readonly version: number;
}

/** How often watched keys are polled. They are in the memory that LMDB shares: 5 µs a key. */
const POLL_INTERVAL_MS = 20;
/** With many keys polling is less frequent: it takes at most 1/20 of the time. */
const POLLING_SHARE = 20;
/** How many records `list` reads at a time. */
const LIST_PAGE_SIZE = 32;
/**
 * A change reads the record, decides, and writes only if LMDB still has the version that was read;
 * otherwise it starts again. No JavaScript runs while LMDB holds its write lock, because a process
 * with a busy event loop would block all others.
 */
class LmdbStore implements Store {
  readonly name = 'lmdb';
  readonly address: string;
  readonly #opening: Opening;
  readonly #database: Database<RecordRow, string>;
  readonly #commits: GroupCommit<RecordRow>;
  readonly #sweep: Sweep;
  readonly #clock: () => number;
  /** The default clock; `undefined` if the caller passed one. */
  readonly #machineClock: MachineClock | undefined;
  readonly #watchers = new Set<Watcher>();
  #pollTimer: Timer | undefined;
  #isClosed = false;

  constructor(path: string, clock: (() => number) | undefined) {
    this.address = path;
    const opening = new Opening(path);
    this.#opening = opening;
    const { database, machineClock } = openDatabase(path, opening, clock === undefined);
    this.#database = database;
    this.#machineClock = machineClock;
    this.#clock = clock ?? (() => (machineClock as MachineClock).nowMs());
    this.#sweep = new Sweep(database);
    this.#commits = new GroupCommit(database, opening, (writeCount) => {
      machineClock?.save();
      this.#sweep.continue(writeCount);
    });
  }

  claim(key: string, request: Parameters<Store['claim']>[1]): Promise<ClaimResult> {
    return this.#change<ClaimResult>('claim', key, (old, nowMs) => {
      const record = transition.claimed(old, request, nowMs);
      return record === undefined
        ? {
            answer: { claimed: false, record: transition.withoutFormer(old as StoreRecord), nowMs },
            record: old,
          }
        : { answer: { claimed: true, record: transition.withoutFormer(record), nowMs }, record };
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
    // A copy: the record may be written after this call, and the caller may reuse its memory.
    const own = { ...completion, payload: new Uint8Array(completion.payload) };
    return this.#change('complete', key, (old, nowMs) => {
      const record = transition.completed(old, owner, own, nowMs);
      return { answer: record !== undefined, record: record ?? old };
    });
  }

  release(key: string, owner: string): Promise<boolean> {
    return this.#change('release', key, (old, nowMs) =>
      old !== undefined && transition.isReleasable(old, owner, nowMs)
        ? {
            answer: true,
            record: transition.restored(old, nowMs) ?? tombstone(old, nowMs),
          }
        : { answer: false, record: old },
    );
  }

  evict(key: string): Promise<boolean> {
    return this.#change('evict', key, (old, nowMs) =>
      transition.isEvictable(old, nowMs)
        ? { answer: true, record: tombstone(old, nowMs) }
        : { answer: false, record: old },
    );
  }

  async read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    this.#requireOpen('read', key);
    const nowMs = this.#clock();
    const record = transition.unexpired(this.#get(key)?.value, nowMs);
    return { record: record && transition.withoutFormer(record), nowMs };
  }

  /**
   * LMDB has no notifications. Reading is cheap, because all processes share the memory, so one
   * timer polls all watched keys of this process, more often than a waiting caller would.
   */
  async watch(key: string, notify: () => void): Promise<() => void> {
    this.#requireOpen('watch', key);
    const watcher = { key, notify, version: this.#get(key)?.version };
    this.#watchers.add(watcher);
    if (this.#pollTimer === undefined) this.#schedulePoll(POLL_INTERVAL_MS);
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.#stopPolling();
    };
  }

  async *list({ limit = Number.POSITIVE_INFINITY } = {}): AsyncGenerator<StoreEntry> {
    let count = 0;
    let start = '';
    for (;;) {
      this.#requireOpen('list', 'the records');
      const nowMs = this.#clock();
      const entries = this.#range(start, LIST_PAGE_SIZE);
      for (const { key, value } of entries) {
        start = key;
        if (!isRecordRow(value)) continue;
        const record = this.#toRecord(value);
        if (transition.unexpired(record, nowMs) === undefined) continue;
        if (count++ >= limit) return;
        yield { key, record: transition.withoutFormer(record) };
      }
      if (entries.length < LIST_PAGE_SIZE) return;
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watchers.clear();
    this.#stopPolling();
    await this.#commits.settled();
    this.#opening.end();
    await this.#database.close();
  }

  #change<T>(
    action: string,
    key: string,
    decide: (
      old: transition.StoredRecord | undefined,
      nowMs: number,
    ) => { answer: T; record: transition.StoredRecord | undefined },
  ): Promise<T> {
    // One promise for a call. An async function makes three for each attempt.
    return new Promise((resolve, reject) => {
      const attempt = () => {
        this.#requireOpen(action, key);
        const nowMs = this.#clock();
        const old = this.#get(key);
        const { answer, record } = decide(old?.value, nowMs);
        if (record === undefined || record === old?.value) {
          resolve(answer);
          return;
        }
        this.#sweep.noteWrite(record, nowMs);
        this.#commits.write({
          key,
          row: toRow(record),
          version: newVersion(),
          ifVersion: old?.version ?? null,
          resolve: (isWritten) => (isWritten ? resolve(answer) : retry()),
          reject,
        });
      };
      const retry = () => {
        try {
          attempt();
        } catch (error) {
          reject(error);
        }
      };
      attempt();
    });
  }

  /** Returns the current record, expired or not. */
  #get(key: string): Versioned | undefined {
    // Otherwise LMDB reads the state at the start of this turn of the event loop.
    this.#database.resetReadTxn();
    const entry = this.#database.getEntry(key);
    return entry && { value: this.#toRecord(entry.value), version: entry.version as number };
  }

  /** Returns the record. A boot of the machine ends the leases of all earlier owners. */
  #toRecord(row: RecordRow): transition.StoredRecord {
    const record = toRecord(row);
    const aliveSinceMs = this.#machineClock?.aliveSinceMs ?? 0;
    return record.claimedAtMs < aliveSinceMs && record.leaseEndsAtMs > aliveSinceMs
      ? { ...record, leaseEndsAtMs: aliveSinceMs }
      : record;
  }

  #range(after: string, limit: number) {
    this.#database.resetReadTxn();
    // Read in one turn of the event loop: an open read transaction keeps LMDB from reusing pages.
    return [
      ...this.#database.getRange({ start: after, exclusiveStart: true, limit, versions: true }),
    ];
  }

  #schedulePoll(ms: number): void {
    // A watcher that was notified may have unsubscribed and subscribed again.
    clearTimer(this.#pollTimer);
    this.#pollTimer = setTimer(() => this.#poll(), ms);
    // A waiting caller has a timer of its own that keeps the process running.
    (this.#pollTimer as { unref?(): void }).unref?.();
  }

  /**
   * Compares the version of every watched key. The number of the last transaction cannot replace
   * this: LMDB shows a new number before it shows what that transaction wrote.
   */
  #poll(): void {
    const startedAt = monotonicMs();
    this.#database.resetReadTxn();
    for (const watcher of this.#watchers) {
      const { key, version } = watcher;
      const isSame =
        version === undefined
          ? !this.#database.doesExist(key)
          : this.#database.doesExist(key, version);
      if (isSame) continue;
      watcher.version = this.#database.getEntry(key)?.version;
      watcher.notify();
    }
    const tookMs = monotonicMs() - startedAt;
    if (this.#watchers.size > 0)
      this.#schedulePoll(Math.max(POLL_INTERVAL_MS, POLLING_SHARE * tookMs));
    else this.#stopPolling();
  }

  #stopPolling(): void {
    clearTimer(this.#pollTimer);
    this.#pollTimer = undefined;
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

/** A version that is never used twice for a key, even after its record was deleted. */
const newVersion = () => Math.floor(random() * Number.MAX_SAFE_INTEGER) + 1;

/** Returns what remains of a deleted record: its fencing token. */
function tombstone(
  record: transition.StoredRecord | undefined,
  nowMs: number,
): StoreRecord | undefined {
  if (record === undefined) return undefined;
  const visible = transition.withoutFormer(record);
  return { ...visible, payload: undefined, finishedAtMs: nowMs, expiresAtMs: 0 };
}
