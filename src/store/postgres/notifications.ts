import { clearTimer, setTimer, type Timer } from '../../runtime/runtime.js';
import { Watchers } from '../watchers.js';
import type { Listener } from './client.js';

/** How long to wait before the next poll: at first, and at most. */
const FIRST_POLL_MS = 20;
const LAST_POLL_MS = 1000;

/** The state of a key at a poll. */
export interface PolledKey {
  /** Differs for every other record and state of the key. */
  readonly version: string;
  /** Whether the key is running under a valid lease. */
  readonly isLeased: boolean;
}

const ABSENT: PolledKey = { version: '', isLeased: false };

/**
 * Notifies the watchers of changed records. It uses `LISTEN` while a connection is available, and
 * otherwise polls all keys with one query, less and less often.
 */
export class Notifications {
  readonly #listener: Listener | undefined;
  readonly #channel: string;
  readonly #poll: (keys: readonly string[]) => Promise<ReadonlyMap<string, PolledKey>>;
  readonly #watchers = new Watchers();
  /** The versions of the keys at the last poll. */
  #seen: ReadonlyMap<string, string> = new Map();
  #unsubscribe: (() => void) | undefined;
  #isListening = false;
  #isPolling = false;
  #pollMs = FIRST_POLL_MS;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(
    listener: Listener | undefined,
    channel: string,
    poll: (keys: readonly string[]) => Promise<ReadonlyMap<string, PolledKey>>,
  ) {
    this.#listener = listener;
    this.#channel = channel;
    this.#poll = poll;
  }

  watch(key: string, notify: () => void): () => void {
    if (!this.#isClosed) {
      this.#unsubscribe ??= this.#listener?.subscribe(this.#channel, {
        onNotify: (key) => this.#watchers.notify(key),
        onListening: (isListening) => {
          this.#isListening = isListening;
          // Also at the beginning: a change since the last poll was not notified.
          this.#pollSoon();
        },
      });
    }
    const remove = this.#watchers.add(key, notify);
    if (!this.#isListening) this.#pollSoon();
    return () => {
      remove();
      if (this.#watchers.size === 0) this.#stop();
    };
  }

  /** Whether a caller of this store watches the key. */
  isWatched(key: string): boolean {
    return this.#watchers.has(key);
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
    this.#listener?.releaseUnused();
  }

  #stop(): void {
    clearTimer(this.#timer);
    this.#seen = new Map();
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#isListening = false;
  }

  #pollSoon(): void {
    this.#pollMs = FIRST_POLL_MS;
    this.#schedule();
  }

  #schedule(): void {
    clearTimer(this.#timer);
    if (this.#isPolling || this.#isClosed || this.#watchers.size === 0) return;
    this.#timer = setTimer(() => this.#pollNow(), this.#pollMs);
    this.#timer.unref?.();
    this.#pollMs = Math.min(2 * this.#pollMs, LAST_POLL_MS);
  }

  async #pollNow(): Promise<void> {
    const keys = this.#watchers.keys();
    const wasListening = this.#isListening;
    // One poll at a time: in a busy pool the query waits for a connection.
    this.#isPolling = true;
    let polled: ReadonlyMap<string, PolledKey> | undefined;
    try {
      polled = await this.#poll(keys);
    } catch {
      // The caller's own statements report a failing server.
    }
    this.#isPolling = false;
    if (polled !== undefined) this.#compare(keys, polled);
    if (polled === undefined || !wasListening || !this.#isListening) this.#schedule();
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
