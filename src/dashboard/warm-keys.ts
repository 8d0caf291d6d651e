import type { KeyRow } from './messages.js';

const SHOWN = 20;
const KEPT = 256;

interface WarmKey {
  /** How often the key was repeated, at most: with the count of the key whose place it took. */
  readonly count: number;
  /** The part of `count` that may be of other keys. */
  readonly error: number;
  readonly model: string | undefined;
  readonly temperature: number;
}

/**
 * The keys that were repeated most although their `temperature` is above 0: an answer of its own may be
 * meant each time. It is the counter "space-saving" (Metwally, Agrawal, El Abbadi 2005): a key with more
 * than 1/256 of all such repetitions is certainly among them. The count shown is never too high.
 */
export class WarmKeys {
  readonly #keys = new Map<string, WarmKey>();

  /** Counts a call that got the response of an earlier one. */
  count(
    key: string,
    {
      model,
      temperature,
    }: { readonly model?: string | undefined; temperature?: number | undefined },
  ): void {
    const known = this.#keys.get(key);
    if (known !== undefined) {
      this.#keys.set(key, {
        ...known,
        count: known.count + 1,
        model: model ?? known.model,
        temperature: temperature ?? known.temperature,
      });
      return;
    }
    if (temperature === undefined || !(temperature > 0)) return;
    const error = this.#makeRoom();
    this.#keys.set(key, { count: error + 1, error, model, temperature });
  }

  /** The key was repeated `repeatCount` times at least. */
  raise(key: string, repeatCount: number, temperature: number): void {
    const known = this.#keys.get(key);
    const error = known?.error ?? this.#makeRoom();
    const count = Math.max(known?.count ?? 0, error + repeatCount);
    this.#keys.set(key, { count, error, model: known?.model, temperature });
  }

  rows(): KeyRow[] {
    return [...this.#keys]
      .map(([key, { count, error, model, temperature }]) => ({
        key,
        // The first call of the key ran, and is no repetition.
        calls: count - error + 1,
        model,
        temperature,
      }))
      .sort((a, b) => b.calls - a.calls)
      .slice(0, SHOWN);
  }

  /** Drops the key with the smallest count if there is no room, and returns that count. */
  #makeRoom(): number {
    if (this.#keys.size < KEPT) return 0;
    let least = '';
    let leastCount = Number.POSITIVE_INFINITY;
    for (const [key, { count }] of this.#keys) {
      if (count >= leastCount) continue;
      least = key;
      leastCount = count;
    }
    this.#keys.delete(least);
    return leastCount;
  }
}
