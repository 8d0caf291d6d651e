import type { KeyRow } from './messages.js';

const SHOWN = 20;
/** More than are shown: a key whose next run is fast makes room for one that was not shown before. */
const KEPT = 100;

interface Traits {
  readonly model: string | undefined;
  readonly temperature: number | undefined;
}

interface SlowKey extends Traits {
  readonly calls: number;
  readonly runMs: number;
}

/** The keys whose latest runs took longest, and how often each was called since it is among them. */
export class SlowestKeys {
  readonly #keys = new Map<string, SlowKey>();
  /** No key has a shorter run, once there are `KEPT` of them. */
  #shortestMs = 0;

  /** @param runMs How long the call ran; `undefined` for one that did not. */
  count(key: string, runMs: number | undefined, { model, temperature }: Traits): void {
    const known = this.#keys.get(key);
    if (known !== undefined) {
      this.#keys.set(key, {
        calls: known.calls + 1,
        runMs: runMs ?? known.runMs,
        model: model ?? known.model,
        temperature: temperature ?? known.temperature,
      });
      if (runMs !== undefined && runMs < this.#shortestMs) this.#shortestMs = runMs;
      return;
    }
    if (runMs === undefined || !(runMs >= 0)) return;
    if (this.#keys.size >= KEPT && runMs <= this.#shortestMs) return;
    this.#keys.set(key, { calls: 1, runMs, model, temperature });
    if (this.#keys.size > KEPT) this.#dropShortest();
  }

  rows(): KeyRow[] {
    return [...this.#keys]
      .sort(([, a], [, b]) => b.runMs - a.runMs)
      .slice(0, SHOWN)
      .map(([key, { calls, runMs, model, temperature }]) => ({
        key,
        calls,
        runMs,
        model,
        temperature,
      }));
  }

  #dropShortest(): void {
    let shortest = '';
    let shortestMs = Number.POSITIVE_INFINITY;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [key, { runMs }] of this.#keys) {
      if (runMs < shortestMs) {
        nextMs = shortestMs;
        shortest = key;
        shortestMs = runMs;
      } else if (runMs < nextMs) nextMs = runMs;
    }
    this.#keys.delete(shortest);
    this.#shortestMs = nextMs;
  }
}
