/** The `notify` functions of a store's watchers, by key. */
export class Watchers {
  readonly #byKey = new Map<string, Set<() => void>>();

  get size(): number {
    return this.#byKey.size;
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  keys(): string[] {
    return [...this.#byKey.keys()];
  }

  /** Adds a watcher and returns a function that removes it. */
  add(key: string, notify: () => void): () => void {
    const watchers = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, watchers);
    // Wrapped, so that the same `notify` can watch twice.
    const watcher = () => notify();
    watchers.add(watcher);
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#byKey.get(key) === watchers) this.#byKey.delete(key);
    };
  }

  notify(key: string): void {
    for (const watcher of this.#byKey.get(key) ?? []) watcher();
  }

  notifyAll(): void {
    for (const key of this.#byKey.keys()) this.notify(key);
  }
}
