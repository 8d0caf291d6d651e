import type { CacheOptions } from './options.js';
import type { StoredResult } from './stored-result.js';

export interface CachedResult {
  readonly result: StoredResult;
  readonly fingerprint: string | undefined;
  readonly finishedAtMs: number;
  /** When this process cached it. */
  readonly cachedAtMs: number;
  readonly expiresAtMs: number;
  readonly runMs: number | undefined;
}

/** A member of the list of all entries, from the one that was used last to the one used longest ago. */
interface Link {
  newer: Link;
  older: Link;
}

interface Entry extends CachedResult, Link {
  readonly key: string;
}

/** The memory that an entry takes beside its payload. */
const ENTRY_BYTES = 256;

const byteCountOf = ({ result }: CachedResult) => ENTRY_BYTES + result.payload.length;

/** Caches results in front of the store, bounded in number, bytes and time. */
export class ResultCache {
  /** The time of the last `get` that found an entry. */
  readAtMs = 0;
  readonly #entries = new Map<string, Entry>();
  /** Closes the list to a ring: `older` is the entry that was used last, `newer` the one to drop next. */
  readonly #ends: Link;
  readonly #limits: Required<CacheOptions> | undefined;
  readonly #clock: () => number;
  #byteCount = 0;

  constructor(limits: Required<CacheOptions> | undefined, clock: () => number) {
    this.#limits = limits;
    this.#clock = clock;
    const ends = {} as Link;
    ends.newer = ends;
    ends.older = ends;
    this.#ends = ends;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): CachedResult | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const nowMs = this.#clock();
    // After the clock was set back, the age of the entry is unknown.
    if (nowMs < entry.cachedAtMs || nowMs >= entry.expiresAtMs) {
      this.delete(key);
      return undefined;
    }
    this.readAtMs = nowMs;
    if (entry !== this.#ends.older) {
      unlink(entry);
      this.#linkAsNewest(entry);
    }
    return entry;
  }

  /** Caches a result that is `ageMs` old, may be replayed for another `leftMs`, and took `runMs`. */
  set(
    key: string,
    result: StoredResult,
    fingerprint: string | undefined,
    ageMs: number,
    leftMs: number,
    runMs?: number,
  ): void {
    if (this.#limits === undefined) return;
    const { maxEntries, maxBytes, ttlMs } = this.#limits;
    const nowMs = this.#clock();
    this.delete(key);
    const entry: Entry = {
      key,
      result,
      fingerprint,
      finishedAtMs: nowMs - ageMs,
      cachedAtMs: nowMs,
      expiresAtMs: nowMs + Math.min(leftMs, ttlMs),
      runMs,
      newer: this.#ends,
      older: this.#ends,
    };
    const byteCount = byteCountOf(entry);
    // It would drop all others and itself.
    if (byteCount > maxBytes) return;
    this.#entries.set(key, entry);
    this.#linkAsNewest(entry);
    this.#byteCount += byteCount;
    while (this.#entries.size > maxEntries || this.#byteCount > maxBytes) {
      this.delete((this.#ends.newer as Entry).key);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#byteCount -= byteCountOf(entry);
    unlink(entry);
  }

  clear(): void {
    this.#entries.clear();
    this.#ends.newer = this.#ends;
    this.#ends.older = this.#ends;
    this.#byteCount = 0;
  }

  #linkAsNewest(entry: Link): void {
    const ends = this.#ends;
    entry.newer = ends;
    entry.older = ends.older;
    ends.older.newer = entry;
    ends.older = entry;
  }
}

function unlink({ newer, older }: Link): void {
  newer.older = older;
  older.newer = newer;
}
