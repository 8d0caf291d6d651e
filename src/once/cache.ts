import { LRUCache } from 'lru-cache';
import type { CacheOptions } from './options.js';
import type { StoredResult } from './stored-result.js';

export interface CachedResult {
  readonly result: StoredResult;
  readonly fingerprint: string | undefined;
  readonly finishedAtMs: number;
  /** When this process cached it. */
  readonly cachedAtMs: number;
  readonly expiresAtMs: number;
}

/** The memory that an entry takes beside its payload. */
const ENTRY_BYTES = 256;

/** Caches results in front of the store, bounded in number, bytes and time. */
export class ResultCache {
  readonly #entries: LRUCache<string, CachedResult> | undefined;
  readonly #ttlMs: number;
  readonly #clock: () => number;

  constructor(options: Required<CacheOptions> | undefined, clock: () => number) {
    this.#clock = clock;
    this.#ttlMs = options?.ttlMs ?? 0;
    this.#entries =
      options &&
      new LRUCache({
        max: options.maxEntries,
        maxSize: options.maxBytes,
        sizeCalculation: ({ result }) => ENTRY_BYTES + result.payload.length,
      });
  }

  get size(): number {
    return this.#entries?.size ?? 0;
  }

  get(key: string): CachedResult | undefined {
    const entry = this.#entries?.get(key);
    if (entry === undefined) return undefined;
    const nowMs = this.#clock();
    // After the clock was set back, the age of the entry is unknown.
    if (nowMs >= entry.cachedAtMs && nowMs < entry.expiresAtMs) return entry;
    this.#entries?.delete(key);
    return undefined;
  }

  /** Caches a result that is `ageMs` old and may be replayed for another `leftMs`. */
  set(
    key: string,
    result: StoredResult,
    fingerprint: string | undefined,
    ageMs: number,
    leftMs: number,
  ): void {
    if (this.#entries === undefined) return;
    const nowMs = this.#clock();
    this.#entries.set(key, {
      result,
      fingerprint,
      finishedAtMs: nowMs - ageMs,
      cachedAtMs: nowMs,
      expiresAtMs: nowMs + Math.min(leftMs, this.#ttlMs),
    });
  }

  delete(key: string): void {
    this.#entries?.delete(key);
  }

  clear(): void {
    this.#entries?.clear();
  }
}
