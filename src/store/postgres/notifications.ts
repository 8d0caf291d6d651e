import { type Poll, Polling, SERVER_PACE } from '../polling.js';
import type { Listener } from './client.js';

/**
 * Notifies the watchers of changed records. It uses `LISTEN` while a connection is available, and polls
 * otherwise.
 */
export class Notifications {
  readonly #listener: Listener | undefined;
  readonly #channel: string;
  readonly #polling: Polling;
  #unsubscribe: (() => void) | undefined;
  #isListening = false;
  #isClosed = false;

  constructor(listener: Listener | undefined, channel: string, poll: Poll) {
    this.#listener = listener;
    this.#channel = channel;
    this.#polling = new Polling(SERVER_PACE, poll, () => !this.#isListening);
  }

  watch(key: string, notify: () => void): () => void {
    if (!this.#isClosed) {
      this.#unsubscribe ??= this.#listener?.subscribe(this.#channel, {
        onNotify: (key) => this.#polling.notify(key),
        onListening: (isListening) => {
          this.#isListening = isListening;
          // Also at the beginning: a change since the last poll was not notified.
          this.#polling.pollSoon();
        },
      });
    }
    const remove = this.#polling.watch(key, notify);
    return () => {
      remove();
      if (!this.#polling.isWatching) this.#stopListening();
    };
  }

  /** Whether a caller of this store watches the key. */
  isWatched(key: string): boolean {
    return this.#polling.isWatched(key);
  }

  close(): void {
    this.#isClosed = true;
    this.#polling.close();
    this.#stopListening();
    this.#listener?.releaseUnused();
  }

  #stopListening(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#isListening = false;
  }
}
