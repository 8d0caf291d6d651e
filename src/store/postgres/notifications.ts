import { clearTimer, setTimer, type Timer } from '../../runtime/runtime.js';
import { Watchers } from '../watchers.js';
import type { Listener } from './client.js';

/** How long to wait before the next poll: at first, and at most. */
const FIRST_LOOK_MS = 20;
const LAST_LOOK_MS = 1000;

/** What a poll found out about a key. */
export interface Sight {
  /** Differs for every other record and state of the key. */
  readonly version: string;
  /** Whether the key is running under a valid lease. */
  readonly isHeld: boolean;
}

const ABSENT: Sight = { version: '', isHeld: false };

/**
 * Notifies the watchers of changed records. It uses `LISTEN` while a connection is available, and
 * otherwise polls all keys with one query, less and less often.
 */
export class Notifications {
  readonly #listener: Listener | undefined;
  readonly #channel: string;
  readonly #look: (keys: readonly string[]) => Promise<ReadonlyMap<string, Sight>>;
  readonly #watchers = new Watchers();
  /** The versions of the keys at the last poll. */
  #seen: ReadonlyMap<string, string> = new Map();
  #unsubscribe: (() => void) | undefined;
  #isListening = false;
  #isLooking = false;
  #lookMs = FIRST_LOOK_MS;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(
    listener: Listener | undefined,
    channel: string,
    look: (keys: readonly string[]) => Promise<ReadonlyMap<string, Sight>>,
  ) {
    this.#listener = listener;
    this.#channel = channel;
    this.#look = look;
  }

  watch(key: string, notify: () => void): () => void {
    if (!this.#isClosed) {
      this.#unsubscribe ??= this.#listener?.subscribe(this.#channel, {
        onNotify: (key) => this.#watchers.tell(key),
        onListening: (isListening) => {
          this.#isListening = isListening;
          // Also at the beginning: a change since the last poll was not notified.
          this.#lookSoon();
        },
      });
    }
    const end = this.#watchers.add(key, notify);
    if (!this.#isListening) this.#lookSoon();
    return () => {
      end();
      if (this.#watchers.size === 0) this.#rest();
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#rest();
    this.#listener?.releaseUnused();
  }

  #rest(): void {
    clearTimer(this.#timer);
    this.#seen = new Map();
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#isListening = false;
  }

  #lookSoon(): void {
    this.#lookMs = FIRST_LOOK_MS;
    this.#schedule();
  }

  #schedule(): void {
    clearTimer(this.#timer);
    if (this.#isLooking || this.#isClosed || this.#watchers.size === 0) return;
    this.#timer = setTimer(() => this.#lookNow(), this.#lookMs);
    this.#timer.unref?.();
    this.#lookMs = Math.min(2 * this.#lookMs, LAST_LOOK_MS);
  }

  async #lookNow(): Promise<void> {
    const keys = this.#watchers.keys();
    const wasListening = this.#isListening;
    // One poll at a time: in a busy pool the query waits for a connection.
    this.#isLooking = true;
    let sights: ReadonlyMap<string, Sight> | undefined;
    try {
      sights = await this.#look(keys);
    } catch {
      // The caller's own statements report a failing server.
    }
    this.#isLooking = false;
    if (sights !== undefined) this.#compare(keys, sights);
    if (sights === undefined || !wasListening || !this.#isListening) this.#schedule();
  }

  #compare(keys: readonly string[], sights: ReadonlyMap<string, Sight>): void {
    const before = this.#seen;
    const now = keys.map((key) => [key, sights.get(key) ?? ABSENT] as const);
    this.#seen = new Map(now.map(([key, { version }]) => [key, version]));
    for (const [key, { version, isHeld }] of now) {
      const seen = before.get(key);
      // A caller watches because it was refused by a running record.
      if (seen === undefined ? !isHeld : seen !== version) this.#watchers.tell(key);
    }
  }
}
