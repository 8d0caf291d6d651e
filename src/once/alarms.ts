import {
  clearTimer,
  isBoundToRequest,
  monotonicMs,
  setTimer,
  type Timer,
  timerSource,
} from '../runtime/runtime.js';
import { outsideRuns } from './deadlock.js';

export class Alarm {
  /** The monotonic time at which it fires. */
  at: number;
  readonly ring: () => void;
  /** On a platform where a timer ends with the request that set it. */
  readonly timer: Timer | undefined;
  /** Its neighbours in the list of alarms; itself if it is in none. */
  before: Alarm = this;
  after: Alarm = this;

  constructor(at: number, ring: () => void, timer: Timer | undefined) {
    this.at = at;
    this.ring = ring;
    this.timer = timer;
  }

  remove(): void {
    this.before.after = this.after;
    this.after.before = this.before;
    this.before = this;
    this.after = this;
  }
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
  /**
   * Between the first alarm, which is after it, and the last. A list, because a set moves its entries to
   * a new table after every few deletions: 0.9 KB a call.
   */
  readonly #ends = new Alarm(Number.POSITIVE_INFINITY, () => {}, undefined);
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

  /** Rings `delayMs` after `since`, which is now or earlier. */
  set(ring: () => void, since?: number): Alarm {
    const now = monotonicMs();
    const at = (since ?? now) + this.#delayMs;
    if (this.#hasOwnTimers) return new Alarm(at, ring, setTimer(ring, Math.max(0, at - now)));
    if (this.#timer !== undefined && !this.#isTrusted(now)) this.#dropTimer(now);
    const alarm = new Alarm(at, ring, undefined);
    this.#insertAfter(since === undefined ? this.#ends.before : this.#lastUntil(at), alarm);
    this.#seenAt = now;
    // The shared timer would be too late for the alarm of an earlier moment.
    if (since !== undefined && this.#timer !== undefined && at < this.#wakesAt) {
      this.#dropTimer(now);
    }
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
    alarm.remove();
    if (!this.#isEmpty || this.#timer === undefined || !this.#isKeepingAlive) return;
    this.#isKeepingAlive = false;
    // The next alarm reuses the timer, unless it would keep the process alive.
    if (this.#timer.unref === undefined) this.#dropTimer(this.#seenAt);
    else this.#timer.unref();
  }

  get #isEmpty(): boolean {
    return this.#ends.after === this.#ends;
  }

  /** Returns the last alarm that rings at `at` or earlier: nearly always the last one of all. */
  #lastUntil(at: number): Alarm {
    let alarm = this.#ends.before;
    while (alarm !== this.#ends && alarm.at > at) alarm = alarm.before;
    return alarm;
  }

  #insertAfter(before: Alarm, alarm: Alarm): void {
    alarm.before = before;
    alarm.after = before.after;
    before.after.before = alarm;
    before.after = alarm;
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
    for (let alarm = this.#ends.after; alarm !== this.#ends; alarm = alarm.after) {
      alarm.at += to - from;
    }
  }

  #wakeForFirst(now: number): void {
    if (this.#isRinging) return;
    const first = this.#ends.after;
    if (first === this.#ends) return;
    this.#wakesAt = first.at;
    this.#timer = this.#newTimer(Math.max(0, first.at - now));
    this.#timerSource = timerSource();
    this.#isKeepingAlive = true;
  }

  /** The timer outlives the alarm and the run that need it first, so it must not hold them. */
  #newTimer(delayMs: number): Timer {
    const timer: Timer = outsideRuns(() => setTimer(() => this.#wake(timer), delayMs));
    return timer;
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
      // Its own time is infinite.
      for (let first = this.#ends.after; first.at <= until; first = this.#ends.after) {
        first.remove();
        first.ring();
      }
    } finally {
      this.#isRinging = false;
      this.#wakeForFirst(monotonicMs());
    }
  }
}
