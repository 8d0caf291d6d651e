import type { Database } from 'lmdb';
import { machineMonotonicMs, wallClockMs } from '../../runtime/runtime.js';
import { fs } from './node-fs.js';

/** The origin of the clock of a database, valid until the next boot of the machine. */
export type Anchor = readonly [
  /** The wall clock when the first process after the boot opened the database. */
  startMs: number,
  /** `machineMonotonicMs` at that moment. */
  monotonicMs: number,
  /** The ID of the boot, or '' on a platform without one. */
  bootId: string,
  /** A time that the clock has reached, at most `SAVE_INTERVAL_MS` ago. */
  reachedMs: number,
  /** Earliest time at which a process that is still alive can have started; 0 if unknown. */
  aliveSinceMs: number,
];

/**
 * A symbol, which LMDB sorts before all texts: no record has this key, and no range includes it.
 */
export const ANCHOR_KEY = Symbol.for('samekey clock');

/** How often a write also saves the current time. */
const SAVE_INTERVAL_MS = 10_000;

/**
 * The clock of a database. All processes of the machine share it, and adjusting the wall clock does
 * not change it: an adjustment must not end a lease and start a second run.
 *
 * A boot ends all processes, so it also ends all leases. The clock after a boot starts later than
 * any time before it, even if the wall clock was set back.
 */
export class MachineClock {
  readonly #database: Database<Anchor, symbol>;
  #anchor: Anchor | undefined;
  #reachedMs = 0;

  constructor(database: Database<Anchor, symbol>) {
    this.#database = database;
  }

  /** Returns milliseconds since 1970. */
  nowMs(): number {
    if (machineMonotonicMs() === undefined) return wallClockMs();
    if (this.#anchor === undefined) {
      this.#anchor = this.#anchorOfThisBoot();
      this.#reachedMs = this.#anchor[3];
    }
    return toTime(this.#anchor, machineMonotonicMs() as number);
  }

  /** No process that claimed a key before this time is still alive. */
  get aliveSinceMs(): number {
    return this.#anchor?.[4] ?? 0;
  }

  /** Saves the time from time to time. Must be called in each transaction that writes records. */
  save(): void {
    if (this.#anchor === undefined) return;
    const nowMs = this.nowMs();
    if (nowMs < this.#reachedMs + SAVE_INTERVAL_MS) return;
    this.#reachedMs = nowMs;
    const [startMs, monotonicMs, bootId, , aliveSinceMs] = this.#anchor;
    this.#database
      .put(ANCHOR_KEY, [startMs, monotonicMs, bootId, nowMs, aliveSinceMs], 1)
      // The write of the record reports disk errors.
      .catch(({ commitError }) => commitError)
      .catch(() => {});
  }

  #anchorOfThisBoot(): Anchor {
    const bootId = readBootId();
    const found = () => {
      const anchor = this.#database.get(ANCHOR_KEY);
      // Read after the anchor: another process may have written it while this one waited for the
      // lock, and an anchor ahead of the clock would look like one of another boot.
      const monotonicMs = machineMonotonicMs() as number;
      return anchor && isOfThisBoot(anchor, monotonicMs, bootId) ? anchor : undefined;
    };
    return (
      found() ??
      // If several processes start at the same time, one of them writes the anchor.
      this.#database.transactionSync(() => {
        const other = found();
        if (other !== undefined) return other;
        const last = this.#database.get(ANCHOR_KEY);
        const startMs = Math.max(wallClockMs(), (last?.[3] ?? 0) + 2 * SAVE_INTERVAL_MS);
        // Without an earlier anchor, other processes may still use the wall clock.
        const aliveSinceMs = last === undefined ? 0 : startMs;
        const monotonicMs = machineMonotonicMs() as number;
        const anchor: Anchor = [startMs, monotonicMs, bootId, startMs, aliveSinceMs];
        this.#database.put(ANCHOR_KEY, anchor, 1);
        return anchor;
      })
    );
  }
}

const toTime = ([startMs, startedAt]: Anchor, monotonicMs: number) =>
  Math.floor(startMs + monotonicMs - startedAt);

/**
 * On platforms without a boot ID (Windows, macOS), a clock behind the saved time has been restarted
 * by a boot. Missing a boot does no harm: the clock only stood still in between.
 */
function isOfThisBoot(anchor: Anchor, monotonicMs: number, bootId: string): boolean {
  const [, startedAt, anchorBootId, reachedMs] = anchor;
  if (bootId !== anchorBootId || monotonicMs < startedAt) return false;
  return bootId !== '' || toTime(anchor, monotonicMs) >= reachedMs;
}

function readBootId(): string {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}
