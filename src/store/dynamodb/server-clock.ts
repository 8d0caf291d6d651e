import { monotonicMs, wallClockMs } from '../../runtime/runtime.js';

/** The `Date` header of a response counts whole seconds. */
const RESOLUTION_MS = 1000;
/** How far the clock of this machine may be off before the clock of the server replaces it. */
const TOLERANCE_MS = 1000;

/**
 * The wall clock of this machine, corrected by the `Date` header of the server's responses.
 *
 * DynamoDB compares no times with a clock of its own, and the AWS SDK signs requests for a machine
 * whose clock is hours off. Without a correction the lease of such a machine is over for all others
 * while its function runs. The correction keeps all machines within about two seconds of DynamoDB.
 */
export class ServerClock {
  #offsetMs = 0;
  /** Both clocks of this machine at the last response. */
  #checkedWallMs = Number.NaN;
  #checkedMonotonicMs = Number.NaN;

  /** Returns milliseconds since 1970. */
  nowMs(): number {
    return Math.floor(wallClockMs() + this.#offsetMs);
  }

  /**
   * Whether a response has confirmed the time, and the wall clock has run evenly since. It has not
   * if it was set, or if the machine was suspended, as a Lambda environment is between two calls.
   */
  get isChecked(): boolean {
    const wallMs = wallClockMs() - this.#checkedWallMs;
    const monotonicPassedMs = monotonicMs() - this.#checkedMonotonicMs;
    return Math.abs(wallMs - monotonicPassedMs) <= TOLERANCE_MS;
  }

  /** Compares the clock with the `Date` header of the response to a request sent at `sentAt`. */
  observe(date: string | undefined, sentAt: number): void {
    const wallMs = wallClockMs();
    const elapsedMs = monotonicMs() - sentAt;
    this.#checkedWallMs = wallMs;
    this.#checkedMonotonicMs = monotonicMs();
    const dateMs = Date.parse(date ?? '');
    if (Number.isNaN(dateMs)) return;
    // The server wrote the header at a moment between the request and the response.
    const leastMs = dateMs - wallMs;
    const mostMs = dateMs + RESOLUTION_MS - (wallMs - elapsedMs);
    const isWithin =
      this.#offsetMs >= leastMs - TOLERANCE_MS && this.#offsetMs <= mostMs + TOLERANCE_MS;
    if (!isWithin) this.#offsetMs = (leastMs + mostMs) / 2;
  }
}
