import { clearTimer, setTimer, type Timer } from '../../runtime/runtime.js';
import { Watchers } from '../watchers.js';
import type { Connection } from './client.js';

/** What is waited for before a connection that was lost is opened again. */
const AGAIN_MS = 250;

/** One connection that hears of all keys, opened for the first who watches and kept until `close`. */
export class Notifications {
  readonly #open: (onNotify: (key: string) => void, onEnd: () => void) => Promise<() => void>;
  readonly #watchers = new Watchers();
  #listening: Promise<() => void> | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(listen: NonNullable<Connection['listen']>, statement: string, channel: string) {
    this.#open = (onNotify, onEnd) => listen(statement, channel, onNotify, onEnd);
  }

  async watch(key: string, notify: () => void): Promise<() => void> {
    const end = this.#watchers.add(key, notify);
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
    clearTimer(this.#timer);
    this.#listening?.then(
      (end) => end(),
      () => {},
    );
    this.#listening = undefined;
  }

  #listen(): Promise<unknown> {
    if (this.#listening !== undefined || this.#isClosed) return Promise.resolve(this.#listening);
    const listening = this.#open(
      (key) => this.#watchers.tell(key),
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
    this.#timer = setTimer(() => {
      this.#listen().then(
        // What was said in between was heard by nobody.
        () => this.#watchers.tellAll(),
        () => this.#listenAgain(),
      );
    }, AGAIN_MS);
  }
}
