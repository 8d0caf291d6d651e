import { clearTimer, setTimer, type Timer } from '../runtime/runtime.js';
import { Watchers } from './watchers.js';

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

/** The pace on a server in the same network. */
export const SERVER_PACE: Pace = { firstMs: 20, lastMs: 1000 };

/** Reads the states of keys with one statement. */
export type Poll = (keys: readonly string[]) => Promise<ReadonlyMap<string, PolledKey>>;

const always = () => true;

/**
 * Notifies the watchers of changed records, for a database that does not tell of changes: all watched
 * keys are polled together, less and less often.
 */
export class Polling {
  readonly #pace: Pace;
  readonly #poll: Poll;
  readonly #isNeeded: () => boolean;
  readonly #watchers = new Watchers();
  /** The versions of the keys at the last poll. */
  #seen: ReadonlyMap<string, string> = new Map();
  #isPolling = false;
  #waitMs: number;
  #timer: Timer | undefined;
  #isClosed = false;

  /** @param isNeeded Whether nothing else tells of changes at present. */
  constructor(pace: Pace, poll: Poll, isNeeded = always) {
    this.#pace = pace;
    this.#poll = poll;
    this.#isNeeded = isNeeded;
    this.#waitMs = pace.firstMs;
  }

  watch(key: string, notify: () => void): () => void {
    const remove = this.#watchers.add(key, notify);
    if (this.#isNeeded()) this.pollSoon();
    return () => {
      remove();
      if (!this.isWatching) this.#stop();
    };
  }

  get isWatching(): boolean {
    return this.#watchers.size > 0;
  }

  isWatched(key: string): boolean {
    return this.#watchers.has(key);
  }

  /** Notifies the watchers of a change that was heard of in another way. */
  notify(key: string): void {
    this.#watchers.notify(key);
  }

  pollSoon(): void {
    this.#waitMs = this.#pace.firstMs;
    this.#schedule();
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
    if (this.#isPolling || this.#isClosed || !this.isWatching) return;
    this.#timer = setTimer(() => this.#pollNow(), this.#waitMs);
    // A waiting caller has a timer of its own that keeps the process running.
    this.#timer.unref?.();
    this.#waitMs = Math.min(2 * this.#waitMs, this.#pace.lastMs);
  }

  async #pollNow(): Promise<void> {
    const keys = this.#watchers.keys();
    const wasNeeded = this.#isNeeded();
    // One poll at a time: in a busy pool the statement waits for a connection.
    this.#isPolling = true;
    let polled: ReadonlyMap<string, PolledKey> | undefined;
    try {
      polled = await this.#poll(keys);
    } catch {
      // The caller's own statements report a failing database.
    }
    this.#isPolling = false;
    if (polled !== undefined) this.#compare(keys, polled);
    if (polled === undefined || wasNeeded || this.#isNeeded()) this.#schedule();
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
