/** The clock of the server, between its messages. The clock of this machine may be wrong. */
export class ServerClock {
  #offsetMs = Date.now() - performance.now();

  set(nowMs: number): void {
    this.#offsetMs = nowMs - performance.now();
  }

  nowMs(): number {
    return this.#offsetMs + performance.now();
  }
}

const TIME = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const MINUTE = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' });
const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** `14:03:05`, in the time zone of the browser. */
export const timeText = (ms: number) => TIME.format(ms);

/** `14:03`. */
export const minuteText = (ms: number) => MINUTE.format(ms);

/** `30 Nov 2026, 14:03:05`. */
export const dateText = (ms: number) => DAY.format(ms);
