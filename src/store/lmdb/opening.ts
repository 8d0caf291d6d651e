import { monotonicMs, wallClockMs } from '../../runtime/runtime.js';
import { lastTransaction } from './data-file.js';
import { fs } from './node-fs.js';

/** The time for a commit that has begun before the file was made. It takes 2 to 11 ms on a disk. */
const SETTLE_MS = 50;
/** The longest wait for writers that do not know of this file. */
const MAX_SETTLE_MS = 1000;
/** A file that is older was left by a process that was killed. */
const STALE_MS = 2000;
/** How often a process looks whether another one has finished opening. */
export const LOOK_MS = 2;

/** How many stores of this process have each database open. */
const userCounts = /* @__PURE__ */ new Map<string, number>();

/**
 * Keeps the processes of a machine from committing while one of them opens the database.
 *
 * LMDB reads the number of the last transaction when it opens a database, and a moment later tells that
 * number to all processes. A transaction that was committed in between is overwritten by the next one:
 * with two processes that wrote without a pause, 183 openings by others lost 14 acknowledged records
 * (lmdb 3.5.6; OpenLDAP's ITS#9496). So whoever opens it makes a file first, and waits for the commits
 * that have begun. Nobody begins another one while there is such a file.
 */
export class Opening {
  readonly #folder: string;
  readonly #file: string;
  /** Identifies the folder on this machine, whatever its path is. */
  #id = '';

  constructor(folder: string) {
    this.#folder = folder;
    this.#file = `${folder}/samekey-opening`;
  }

  /** Whether a process is opening the database. */
  isInProgress(): boolean {
    const found = fs.statSync(this.#file, { throwIfNoEntry: false });
    return found !== undefined && Math.abs(wallClockMs() - found.mtimeMs) < STALE_MS;
  }

  /**
   * Returns what `open` returns, which no commit of another process crosses. If this process has the
   * database open, LMDB only counts one more user. `end` must be called before it is closed.
   */
  during<T>(open: () => T): T {
    const { dev, ino } = fs.statSync(this.#folder);
    this.#id = `${dev} ${ino}`;
    const users = userCounts.get(this.#id) ?? 0;
    const opened = users > 0 || !this.#begin() ? open() : this.#openAlone(open);
    userCounts.set(this.#id, users + 1);
    return opened;
  }

  end(): void {
    userCounts.set(this.#id, (userCounts.get(this.#id) ?? 0) - 1);
  }

  #openAlone<T>(open: () => T): T {
    try {
      this.#settle();
      return open();
    } finally {
      fs.rmSync(this.#file, { force: true });
    }
  }

  /** Returns `false` if the folder cannot be written to, which `open` reports. */
  #begin(): boolean {
    for (;;) {
      try {
        fs.closeSync(fs.openSync(this.#file, 'wx'));
        return true;
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'EEXIST') return false;
      }
      if (this.isInProgress()) sleepSync(LOOK_MS);
      else fs.rmSync(this.#file, { force: true });
    }
  }

  /** Waits until no transaction has been committed for so long. A new database has no writers. */
  #settle(): void {
    const file = `${this.#folder}/data.mdb`;
    if (!fs.statSync(file, { throwIfNoEntry: false })?.size) return;
    const startedAt = monotonicMs();
    let last = lastTransaction(file);
    let changedAt = startedAt;
    for (let now = startedAt; now - changedAt < SETTLE_MS && now - startedAt < MAX_SETTLE_MS; ) {
      sleepSync(LOOK_MS);
      now = monotonicMs();
      const transaction = lastTransaction(file);
      if (transaction !== last) changedAt = now;
      last = transaction;
    }
  }
}

function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
