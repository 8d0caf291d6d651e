import type { Database } from 'lmdb';
import { machineMonotonicMs, wallClockMs } from '../../runtime/runtime.js';
import { fs } from './node-fs.js';

/** From which moment the times of a database are counted, until the machine is booted again. */
export type Anchor = readonly [
  /** The wall clock when the first process since the boot opened the database. */
  startMs: number,
  /** `machineMonotonicMs` at that moment. */
  monotonicMs: number,
  /** '' where the platform does not name its boots. */
  bootId: string,
  /** A time that the clock of the database has reached: no more than `KEPT_EVERY_MS` behind. */
  reachedMs: number,
  /** Since when there are processes that may be alive; 0 where that is not known. */
  aliveSinceMs: number,
];

/** No record can have it, and no range of records includes it: it sorts before all texts. */
export const ANCHOR_KEY = Symbol.for('samekey clock');

/** How often the time reached is written, beside a record. */
const KEPT_EVERY_MS = 10_000;

/**
 * The clock of a database: the same in all processes of the machine, and not to be set. A lease must
 * not end, and its key run a second time, because the wall clock was put right.
 *
 * A boot ends all processes, so that no lease from before it is anybody's. The clock of the next
 * boot starts later than any time of the one before, also if the wall clock is behind.
 */
export class MachineClock {
  readonly #database: Database<Anchor, symbol>;
  #anchor: Anchor | undefined;
  #reachedMs = 0;

  constructor(database: Database<Anchor, symbol>) {
    this.#database = database;
  }

  /** Milliseconds since 1970. */
  nowMs(): number {
    if (machineMonotonicMs() === undefined) return wallClockMs();
    if (this.#anchor === undefined) {
      this.#anchor = this.#anchorOfThisBoot();
      this.#reachedMs = this.#anchor[3];
    }
    return toTime(this.#anchor, machineMonotonicMs() as number);
  }

  /** No owner of a claim from before this moment is alive. */
  get aliveSinceMs(): number {
    return this.#anchor?.[4] ?? 0;
  }

  /** Must be called before a record with that time is written. */
  keep(nowMs: number): void {
    if (this.#anchor === undefined || nowMs < this.#reachedMs + KEPT_EVERY_MS) return;
    this.#reachedMs = nowMs;
    const [startMs, monotonicMs, bootId, , aliveSinceMs] = this.#anchor;
    this.#database
      .put(ANCHOR_KEY, [startMs, monotonicMs, bootId, nowMs, aliveSinceMs], 1)
      // What is wrong with the disk is for the write of the record to tell.
      .catch(({ commitError }) => commitError)
      .catch(() => {});
  }

  #anchorOfThisBoot(): Anchor {
    const bootId = readBootId();
    const found = () => {
      const anchor = this.#database.get(ANCHOR_KEY);
      // Read after the anchor: another process may have taken that while this one waited for a lock,
      // and an anchor that is ahead of the clock would count as one of another boot.
      const monotonicMs = machineMonotonicMs() as number;
      return anchor && isOfThisBoot(anchor, monotonicMs, bootId) ? anchor : undefined;
    };
    return (
      found() ??
      // Of several processes that come at the same time, one takes it.
      this.#database.transactionSync(() => {
        const other = found();
        if (other !== undefined) return other;
        const last = this.#database.get(ANCHOR_KEY);
        const startMs = Math.max(wallClockMs(), (last?.[3] ?? 0) + 2 * KEPT_EVERY_MS);
        // Without an anchor, there may be processes that go by the wall clock.
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
 * Without the name of the boot (Windows, macOS), a clock that is behind what was reached has begun
 * anew. A boot that is overlooked does no harm: time was only standing still until then.
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
