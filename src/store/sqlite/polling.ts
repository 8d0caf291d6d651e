import { clearTimer, setTimer, type Timer } from '../../runtime/runtime.js';
import { Watchers } from '../watchers.js';

/** The state of a key at a poll. */
export interface PolledKey {
  /** Differs for every other record and state of the key. */
  readonly version: string;
  /** Whether the key is running under a valid lease. */
  readonly isLeased: boolean;
}

const ABSENT: PolledKey = { version: '', isLeased: false };

/** How long to wait before the next poll: at first, and at most. */
export interface Pace {
  readonly firstMs: number;
  readonly lastMs: number;
}

/**
 * Notifies the watchers of changed records. SQLite has no notifications, so all watched keys are
 * polled with one statement, less and less often.
 */
export class Polling {
  readonly #pace: Pace;
  readonly #poll: (keys: readonly string[]) => Promise<ReadonlyMap<string, PolledKey>>;
  readonly #watchers = new Watchers();
  /** The versions of the keys at the last poll. */
  #seen: ReadonlyMap<string, string> = new Map();
  #isPolling = false;
  #waitMs: number;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(
    pace: Pace,
    poll: (keys: readonly string[]) => Promise<ReadonlyMap<string, PolledKey>>,
  ) {
    this.#pace = pace;
    this.#poll = poll;
    this.#waitMs = pace.firstMs;
  }

  watch(key: string, notify: () => void): () => void {
    const remove = this.#watchers.add(key, notify);
    this.#waitMs = this.#pace.firstMs;
    this.#schedule();
    return () => {
      remove();
      if (this.#watchers.size === 0) this.#stop();
    };
  }

  /** Notifies the watchers of this process of a change that it made itself. */
  notify(key: string): void {
    this.#watchers.notify(key);
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
  }

  #stop(): void {
    clearTimer(this.#timer);
    this.#seen = new Map();
  }

  #schedule(): void {
    clearTimer(this.#timer);
    if (this.#isPolling || this.#isClosed || this.#watchers.size === 0) return;
    this.#timer = setTimer(() => this.#pollNow(), this.#waitMs);
    // A waiting caller has a timer of its own that keeps the process running.
    this.#timer.unref?.();
    this.#waitMs = Math.min(2 * this.#waitMs, this.#pace.lastMs);
  }

  async #pollNow(): Promise<void> {
    const keys = this.#watchers.keys();
    this.#isPolling = true;
    try {
      this.#compare(keys, await this.#poll(keys));
    } catch {
      // The caller's own statements report a failing database.
    }
    this.#isPolling = false;
    this.#schedule();
  }

  #compare(keys: readonly string[], polled: ReadonlyMap<string, PolledKey>): void {
    const before = this.#seen;
    const now = keys.map((key) => [key, polled.get(key) ?? ABSENT] as const);
    this.#seen = new Map(now.map(([key, { version }]) => [key, version]));
    for (const [key, { version, isLeased }] of now) {
      const seen = before.get(key);
      // A caller watches because it was refused by a running record.
      if (seen === undefined ? !isLeased : seen !== version) this.#watchers.notify(key);
    }
  }
}
