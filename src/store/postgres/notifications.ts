import type { Connection } from './client.js';

/** What is waited for before a connection that was lost is opened again. */
const AGAIN_MS = 250;

/** One connection that hears of all keys, opened for the first who watches and kept until `close`. */
export class Notifications {
  readonly #open: (onNotify: (key: string) => void, onEnd: () => void) => Promise<() => void>;
  readonly #watchers = new Map<string, Set<() => void>>();
  #listening: Promise<() => void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(listen: NonNullable<Connection['listen']>, statement: string, channel: string) {
    this.#open = (onNotify, onEnd) => listen(statement, channel, onNotify, onEnd);
  }

  async watch(key: string, notify: () => void): Promise<() => void> {
    const watchers = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, watchers);
    // A function of its own: the same `notify` may watch twice.
    const watcher = () => notify();
    watchers.add(watcher);
    const end = () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(key) === watchers) this.#watchers.delete(key);
    };
    try {
      await this.#listen();
    } catch (error) {
      end();
      throw error;
    }
    return end;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#listening?.then(
      (end) => end(),
      () => {},
    );
    this.#listening = undefined;
  }

  #listen(): Promise<unknown> {
    if (this.#listening !== undefined || this.#isClosed) return Promise.resolve(this.#listening);
    const listening = this.#open(
      (key) => this.#tell(this.#watchers.get(key)),
      () => {
        if (this.#listening === listening) this.#listenAgain();
      },
    );
    this.#listening = listening;
    listening.catch(() => {
      if (this.#listening === listening) this.#listening = undefined;
    });
    return listening;
  }

  #listenAgain(): void {
    this.#listening = undefined;
    if (this.#isClosed || this.#watchers.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#listen().then(
        // What was said in between was heard by nobody.
        () => {
          for (const watchers of this.#watchers.values()) this.#tell(watchers);
        },
        () => this.#listenAgain(),
      );
    }, AGAIN_MS);
  }

  #tell(watchers: ReadonlySet<() => void> | undefined): void {
    for (const watcher of watchers ?? []) watcher();
  }
}
