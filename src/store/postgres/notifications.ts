import { clearTimer, setTimer, type Timer } from '../../runtime/runtime.js';
import { Watchers } from '../watchers.js';
import type { Listener } from './client.js';

/** How long to wait before the next look: at first, and at most. */
const FIRST_LOOK_MS = 20;
const LAST_LOOK_MS = 1000;

/** What a look found of a key. */
export interface Sight {
  /** Changes whenever the record is another one, or in another state. */
  readonly version: string;
  /** Whether it is running under a valid lease. */
  readonly isHeld: boolean;
}

const ABSENT: Sight = { version: '', isHeld: false };

/**
 * Tells watchers of changed records: by notifications where and while the connection can be had,
 * else by one query for all of their keys, ever less often.
 */
export class Notifications {
  readonly #listener: Listener | undefined;
  readonly #channel: string;
  readonly #look: (keys: readonly string[]) => Promise<ReadonlyMap<string, Sight>>;
  readonly #watchers = new Watchers();
  /** The versions of the keys that have been looked at. */
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
          // At the beginning as well: nobody was told of a change since the last look.
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
    // One at a time: in a pool that is in use the query waits for a connection.
    this.#isLooking = true;
    let sights: ReadonlyMap<string, Sight> | undefined;
    try {
      sights = await this.#look(keys);
    } catch {
      // Whoever needs the server is told by their own calls.
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
      // Whoever watches was refused because it was running.
      if (seen === undefined ? !isHeld : seen !== version) this.#watchers.tell(key);
    }
  }
}
