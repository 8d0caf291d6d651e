import { LRUCache } from 'lru-cache';
import type { Kept } from './kept.js';
import type { CacheOptions } from './options.js';

export interface CachedResult {
  readonly kept: Kept;
  readonly fingerprint: string | undefined;
  readonly finishedAtMs: number;
  /** When it came into this process. */
  readonly keptAtMs: number;
  readonly expiresAtMs: number;
}

/** What a result counts for beside its bytes. */
const ENTRY_BYTES = 256;

/** Finished results in front of the store: bounded in number, bytes and time. */
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
        sizeCalculation: ({ kept }) => ENTRY_BYTES + kept.payload.length,
      });
  }

  get size(): number {
    return this.#entries?.size ?? 0;
  }

  get(key: string): CachedResult | undefined {
    const entry = this.#entries?.get(key);
    if (entry === undefined) return undefined;
    const nowMs = this.#clock();
    // A clock that was set back does not tell how old it is.
    if (nowMs >= entry.keptAtMs && nowMs < entry.expiresAtMs) return entry;
    this.#entries?.delete(key);
    return undefined;
  }

  /** Keeps a result that is `ageMs` old and may be replayed for `leftMs` more. */
  set(
    key: string,
    kept: Kept,
    fingerprint: string | undefined,
    ageMs: number,
    leftMs: number,
  ): void {
    const nowMs = this.#clock();
    this.#entries?.set(key, {
      kept,
      fingerprint,
      finishedAtMs: nowMs - ageMs,
      keptAtMs: nowMs,
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
