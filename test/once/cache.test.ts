import { describe, expect, it } from 'vitest';
import { ResultCache } from '../../src/once/cache.js';
import { deep } from '../depth.js';
import { random } from '../runtime/random.js';

const ENTRY_BYTES = 256;
const MAX_ENTRIES = 5;
const MAX_BYTES = 4 * ENTRY_BYTES + 100;
const TTL_MS = 40;

const resultOf = (byteCount: number) =>
  ({ state: 'done', codec: 'json', payload: new Uint8Array(byteCount) }) as const;

interface Kept {
  readonly key: string;
  readonly byteCount: number;
  readonly cachedAtMs: number;
  readonly expiresAtMs: number;
}

/** The same rules over a list of all entries, that of the last use at the end. */
class ListedCache {
  kept: Kept[] = [];

  get(key: string, nowMs: number): Kept | undefined {
    const found = this.kept.find((each) => each.key === key);
    this.delete(key);
    if (found === undefined || nowMs < found.cachedAtMs || nowMs >= found.expiresAtMs) {
      return undefined;
    }
    this.kept.push(found);
    return found;
  }

  set(key: string, byteCount: number, leftMs: number, nowMs: number): void {
    this.delete(key);
    const expiresAtMs = nowMs + Math.min(leftMs, TTL_MS);
    if (byteCount + ENTRY_BYTES > MAX_BYTES) return;
    this.kept.push({ key, byteCount, cachedAtMs: nowMs, expiresAtMs });
    while (this.kept.length > MAX_ENTRIES || this.#byteCount > MAX_BYTES) this.kept.shift();
  }

  delete(key: string): void {
    this.kept = this.kept.filter((each) => each.key !== key);
  }

  get #byteCount(): number {
    return this.kept.reduce((sum, { byteCount }) => sum + ENTRY_BYTES + byteCount, 0);
  }
}

describe('the cache of results', () => {
  it('drops the result that was used longest ago, within its number, bytes and time', () => {
    const next = random(deep(1, 2));
    const below = (limit: number) => Math.floor(next() * limit);
    let nowMs = 1000;
    const cache = new ResultCache(
      { maxEntries: MAX_ENTRIES, maxBytes: MAX_BYTES, ttlMs: TTL_MS },
      () => nowMs,
    );
    const listed = new ListedCache();
    const outcomes = { found: 0, missed: 0, dropped: 0 };
    for (let step = 0; step < deep(5000, 40_000); step++) {
      const key = `key-${below(9)}`;
      // The clock may be set back.
      nowMs += below(4) - (below(50) === 0 ? 20 : 0);
      const action = below(20);
      if (action < 11) {
        const found = cache.get(key);
        const wanted = listed.get(key, nowMs);
        expect(found?.result.payload.length).toBe(wanted?.byteCount);
        expect(found?.expiresAtMs).toBe(wanted?.expiresAtMs);
        if (found !== undefined) expect(cache.readAtMs).toBe(nowMs);
        outcomes[found === undefined ? 'missed' : 'found']++;
      } else if (action < 18) {
        // Some are larger than all of the cache.
        const byteCount = below(10) === 0 ? below(2 * MAX_BYTES) : below(300);
        const leftMs = below(2 * TTL_MS);
        const before = cache.size;
        cache.set(key, resultOf(byteCount), undefined, 0, leftMs);
        listed.set(key, byteCount, leftMs, nowMs);
        if (cache.size <= before) outcomes.dropped++;
      } else if (action < 19 || below(50) > 0) {
        cache.delete(key);
        listed.delete(key);
      } else {
        cache.clear();
        listed.kept = [];
      }
      expect(cache.size).toBe(listed.kept.length);
    }
    for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(100);
  });
});
