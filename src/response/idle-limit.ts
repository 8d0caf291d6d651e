import type { Alarm, Alarms } from '../once/alarms.js';
import { monotonicMs } from '../runtime/runtime.js';

const ignore = () => {};

/** Calls `onIdle` if `touch` is not called for the delay of the alarms, which all responses share. */
export class IdleLimit {
  readonly #limits: Alarms;
  #onIdle: () => void;
  #touchedAt = monotonicMs();
  /** The last touch when the alarm was set. */
  #setAt = this.#touchedAt;
  #alarm: Alarm;
  #isPaused = false;

  constructor(limits: Alarms, onIdle: () => void) {
    this.#limits = limits;
    this.#onIdle = onIdle;
    this.#alarm = this.#set();
  }

  /** Cheaper than a new alarm for each chunk. */
  touch(): void {
    this.#touchedAt = monotonicMs();
  }

  /** From now until `resume` nothing is read, so nothing can arrive. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.touch();
  }

  stop(): void {
    this.#limits.clear(this.#alarm);
    // It holds the response, and readers of the body hold this limit.
    this.#onIdle = ignore;
  }

  #set(): Alarm {
    this.#setAt = this.#touchedAt;
    return this.#limits.set(() => this.#ring(), this.#setAt);
  }

  #ring(): void {
    if (this.#isPaused) this.touch();
    if (this.#touchedAt === this.#setAt) this.#onIdle();
    else this.#alarm = this.#set();
  }
}
