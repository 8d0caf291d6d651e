import {
  clearTimer,
  isBoundToRequest,
  monotonicMs,
  setTimer,
  type Timer,
  timerSource,
} from '../runtime/runtime.js';

export interface Alarm {
  /** The monotonic time at which it fires. */
  at: number;
  readonly ring: () => void;
  /** On a platform where a timer ends with the request that set it. */
  readonly timer: Timer | undefined;
}

/** How early a timer may fire: it counts whole milliseconds from a whole millisecond. */
const EARLY_MS = 2;
/** A timer that is later than this counts as lost. A busy process may be as late; a new timer costs it little. */
const LATE_MS = 100;

/**
 * Alarms with one common delay. Nearly all are cleared before they fire, so they share one platform
 * timer: a timer for each of the three alarms of a call took a tenth of the call's time.
 *
 * A shared timer may never fire. On a platform that binds timers to requests, each alarm has its own.
 * Elsewhere the shared timer is replaced when it is overdue, or when the global `setTimeout` is not
 * the one that set it: a test's fake timers never fire after they are removed.
 */
export class Alarms {
  readonly #delayMs: number;
  readonly #hasOwnTimers = isBoundToRequest();
  /** In the order in which they fire. */
  readonly #alarms = new Set<Alarm>();
  #timer: Timer | undefined;
  #timerSource: unknown;
  /** The time at which the timer should fire. */
  #wakesAt = 0;
  /** The last reading of the clock. */
  #seenAt = 0;
  #isKeepingAlive = false;
  #isRinging = false;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  set(ring: () => void): Alarm {
    const now = monotonicMs();
    const at = now + this.#delayMs;
    if (this.#hasOwnTimers) return { at, ring, timer: setTimer(ring, this.#delayMs) };
    if (this.#timer !== undefined && !this.#isTrusted(now)) this.#dropTimer(now);
    const alarm = { at, ring, timer: undefined };
    this.#alarms.add(alarm);
    this.#seenAt = now;
    if (this.#timer === undefined) this.#wakeForFirst(now);
    else if (!this.#isKeepingAlive) {
      this.#isKeepingAlive = true;
      this.#timer.ref?.();
    }
    return alarm;
  }

  clear(alarm: Alarm): void {
    if (alarm.timer !== undefined) {
      clearTimer(alarm.timer);
      return;
    }
    this.#alarms.delete(alarm);
    if (this.#alarms.size > 0 || this.#timer === undefined || !this.#isKeepingAlive) return;
    this.#isKeepingAlive = false;
    // The next alarm reuses the timer, unless it would keep the process alive.
    if (this.#timer.unref === undefined) this.#dropTimer(this.#seenAt);
    else this.#timer.unref();
  }

  #isTrusted(now: number): boolean {
    return (
      this.#timerSource === timerSource() && now >= this.#seenAt && now <= this.#wakesAt + LATE_MS
    );
  }

  #dropTimer(now: number): void {
    const isOfThisSource = this.#timerSource === timerSource();
    if (isOfThisSource) clearTimer(this.#timer);
    // Fake timers warn if they are asked to clear a timer they did not set.
    else this.#timer?.unref?.();
    this.#timer = undefined;
    if (!isOfThisSource || now < this.#seenAt) this.#changeClock(this.#seenAt, now);
  }

  /** Moves every alarm to a new clock, keeping the time it has left. */
  #changeClock(from: number, to: number): void {
    for (const alarm of this.#alarms) alarm.at += to - from;
  }

  #wakeForFirst(now: number): void {
    if (this.#isRinging) return;
    const [first] = this.#alarms;
    if (first === undefined) return;
    const timer = setTimer(() => this.#wake(timer), Math.max(0, first.at - now));
    this.#timer = timer;
    this.#timerSource = timerSource();
    this.#wakesAt = first.at;
    this.#isKeepingAlive = true;
  }

  #wake(timer: Timer): void {
    if (timer !== this.#timer) return;
    this.#timer = undefined;
    const now = monotonicMs();
    // If clock and timer disagree, the clock was replaced or set back, or only the timer is fake.
    if (this.#timerSource !== timerSource() || now < this.#wakesAt - EARLY_MS) {
      this.#changeClock(this.#wakesAt, now);
      this.#wakesAt = now;
    }
    this.#seenAt = now;
    const until = Math.max(now, this.#wakesAt);
    this.#isRinging = true;
    try {
      for (const alarm of this.#alarms) {
        if (alarm.at > until) break;
        this.#alarms.delete(alarm);
        alarm.ring();
      }
    } finally {
      this.#isRinging = false;
      this.#wakeForFirst(monotonicMs());
    }
  }
}
