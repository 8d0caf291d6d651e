/** Who wants to be told of which key. */
export class Watchers {
  readonly #byKey = new Map<string, Set<() => void>>();

  get size(): number {
    return this.#byKey.size;
  }

  keys(): string[] {
    return [...this.#byKey.keys()];
  }

  /** Adds one; returns a function that takes it away. */
  add(key: string, notify: () => void): () => void {
    const watchers = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, watchers);
    // A function of its own: the same `notify` may watch twice.
    const watcher = () => notify();
    watchers.add(watcher);
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#byKey.get(key) === watchers) this.#byKey.delete(key);
    };
  }

  tell(key: string): void {
    for (const watcher of this.#byKey.get(key) ?? []) watcher();
  }

  tellAll(): void {
    for (const key of this.#byKey.keys()) this.tell(key);
  }
}
