import { monotonicMs, setTimer, type Timer } from '../runtime/runtime.js';

export interface Alarm {
  readonly at: number;
  readonly ring: () => void;
}

/**
 * Alarms after one and the same time, nearly all of which are taken back before: one timer of the
 * platform serves them all. Three of its own for every call took a tenth of the call's time.
 */
export class Alarms {
  readonly #delayMs: number;
  /** In the order in which they ring. */
  readonly #alarms = new Set<Alarm>();
  #timer: Timer | undefined;
  #isKeepingAlive = false;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  set(ring: () => void): Alarm {
    const alarm = { at: monotonicMs() + this.#delayMs, ring };
    this.#alarms.add(alarm);
    if (this.#timer === undefined) this.#wakeAfter(this.#delayMs);
    else if (!this.#isKeepingAlive) {
      this.#isKeepingAlive = true;
      this.#timer.ref?.();
    }
    return alarm;
  }

  clear(alarm: Alarm): void {
    this.#alarms.delete(alarm);
    // The timer stays for the next one, but keeps no process alive.
    if (this.#alarms.size > 0 || this.#timer === undefined || !this.#isKeepingAlive) return;
    this.#isKeepingAlive = false;
    this.#timer.unref?.();
  }

  #wakeAfter(ms: number): void {
    this.#timer = setTimer(() => this.#wake(), ms);
    this.#isKeepingAlive = true;
  }

  #wake(): void {
    this.#timer = undefined;
    for (const alarm of this.#alarms) {
      const leftMs = alarm.at - monotonicMs();
      // Timers count in whole milliseconds, and may be that much early.
      if (leftMs > 1) {
        // Unless who was told has set the next one.
        if (this.#timer === undefined) this.#wakeAfter(leftMs);
        return;
      }
      this.#alarms.delete(alarm);
      alarm.ring();
    }
  }
}
