/**
 * A map that keeps what was set last, in bounded memory: it forgets entries that are older than their
 * lifetime, and with too many entries the half that was set earlier.
 *
 * Two maps take turns. One map with its oldest entry deleted at each `set` would take a time that grows
 * with the number of entries: V8 passes over every deleted entry to find the first that is left.
 */
export class RecentMap<Value> {
  readonly #maxEntries: number;
  readonly #lifetimeMs: number;
  #recent = new Map<string, Value>();
  #former = new Map<string, Value>();
  #turnedAtMs = 0;

  /** @param lifetimeMs How long an entry is kept at least, after it was set, if there are not too many. */
  constructor(maxEntries: number, lifetimeMs: number) {
    this.#maxEntries = maxEntries;
    this.#lifetimeMs = lifetimeMs;
  }

  get size(): number {
    return this.#recent.size + this.#former.size;
  }

  get(name: string): Value | undefined {
    return this.#recent.get(name) ?? this.#former.get(name);
  }

  set(name: string, value: Value, nowMs: number): void {
    const isOver = this.#recent.size >= this.#maxEntries / 2;
    if (isOver || nowMs - this.#turnedAtMs >= this.#lifetimeMs) {
      this.#former = this.#recent;
      this.#recent = new Map();
      this.#turnedAtMs = nowMs;
    }
    this.#former.delete(name);
    this.#recent.set(name, value);
  }

  delete(name: string): void {
    this.#recent.delete(name);
    this.#former.delete(name);
  }
}
