import {
  clearTimer,
  isBoundToRequest,
  monotonicMs,
  setTimer,
  type Timer,
  timerSource,
} from '../runtime/runtime.js';

export interface Alarm {
  /** When it rings, by the monotonic clock. */
  at: number;
  readonly ring: () => void;
  /** On a platform where a timer ends with the request that set it. */
  readonly timer: Timer | undefined;
}

/** By how much a timer may be early: it counts in whole milliseconds, from a whole millisecond. */
const EARLY_MS = 2;
/** A timer that is late by more counts as dropped. A busy process is late too; a new timer costs it little. */
const LATE_MS = 100;

/**
 * Alarms that all ring after the same delay; nearly all are cleared before. One timer of the platform
 * serves them all: a timer for each of the three alarms of a call took a tenth of the call's time.
 *
 * No timer is trusted to be there later. A platform that binds timers to requests gets one for each
 * alarm. Elsewhere the shared timer is replaced once it is overdue, or was set by a `setTimeout` that
 * is no longer the global one: fake timers of a test never ring after they are removed.
 */
export class Alarms {
  readonly #delayMs: number;
  readonly #hasOwnTimers = isBoundToRequest();
  /** In the order in which they ring. */
  readonly #alarms = new Set<Alarm>();
  #timer: Timer | undefined;
  #timerSource: unknown;
  /** When the timer should ring. */
  #wakesAt = 0;
  /** The last time that was read from the clock. */
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
    // The timer stays for the next alarm, unless that would keep the process alive.
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
    // One source warns of timers of another that it is to clear.
    else this.#timer?.unref?.();
    this.#timer = undefined;
    if (!isOfThisSource || now < this.#seenAt) this.#changeClock(this.#seenAt, now);
  }

  /** Every alarm has as much time left at `to` by the new clock as it had at `from` by the old one. */
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
    // Where clock and timer disagree, the clock was replaced or set back, or only the timer is fake.
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
