import { afterEvents, monotonicMs, random, sleep } from '../../runtime/runtime.js';
import { type Driver, isRemote, type LocalDriver, type Row, type Statement } from './driver.js';
import { isBusy } from './faults.js';

/** How long a statement is sent again while another process holds the lock. */
const BUSY_LIMIT_MS = 10_000;
/** The longest wait before it is sent again. The first is of one millisecond. */
const LONGEST_WAIT_MS = 50;
/** The most calls of a transaction: other processes wait for it. */
const MAX_CALLS = 128;

interface Pending {
  readonly statements: readonly Statement[];
  readonly resolve: (results: readonly (readonly Row[])[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Sends statements, and waits for the locks of other connections without blocking the thread. */
export interface Connection {
  /** Runs one statement that only reads. */
  read(sql: string, values: readonly unknown[]): Promise<readonly Row[]>;
  /** Runs one statement that may write. */
  write(sql: string, values: readonly unknown[]): Promise<readonly Row[]>;
  /** Runs statements in one transaction, and in one round trip if there is a server. */
  batch(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]>;
}

export function connectionOf(driver: Driver): Connection {
  if (isRemote(driver)) {
    const batch = (statements: readonly Statement[]) =>
      unlessBusy(
        async () => driver.batch(statements),
        () => driver.afterBusy?.(),
      );
    const one = async (sql: string, values: readonly unknown[]) =>
      (await batch([{ sql, values }]))[0] as readonly Row[];
    return { read: one, write: one, batch };
  }
  return new LocalConnection(driver);
}

/**
 * The writes of one turn of the event loop are one transaction, and so one write to the disk. Each
 * has an outcome of its own: if one of them fails, each is sent again in a transaction of its own.
 */
class LocalConnection implements Connection {
  readonly #driver: LocalDriver;
  #pending: Pending[] = [];

  constructor(driver: LocalDriver) {
    this.#driver = driver;
  }

  async read(sql: string, values: readonly unknown[]): Promise<readonly Row[]> {
    return unlessBusy(async () => this.#driver.all(sql, values));
  }

  async write(sql: string, values: readonly unknown[]): Promise<readonly Row[]> {
    return (await this.batch([{ sql, values }]))[0] as readonly Row[];
  }

  batch(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> {
    return new Promise((resolve, reject) => {
      if (this.#pending.length === 0) afterEvents(() => this.#flush());
      this.#pending.push({ statements, resolve, reject });
    });
  }

  #flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (let start = 0; start < pending.length; start += MAX_CALLS) {
      void this.#commit(pending.slice(start, start + MAX_CALLS));
    }
  }

  async #commit(calls: readonly Pending[]): Promise<void> {
    try {
      const results = await unlessBusy(async () => this.#together(calls));
      for (const [index, { resolve }] of calls.entries()) {
        resolve(results[index] as readonly (readonly Row[])[]);
      }
    } catch (error) {
      if (calls.length === 1) calls[0]?.reject(error);
      else for (const call of calls) await this.#commit([call]);
    }
  }

  /**
   * Runs the calls in one transaction. Nothing else runs in between, because it never waits.
   *
   * A single statement has a transaction, too. In `libsql` (0.5.29) a prepared statement that meets
   * the lock of another connection stays in progress: a later one on this connection succeeds, and
   * is not committed. `exec` does not have this fault.
   */
  #together(calls: readonly Pending[]): (readonly Row[])[][] {
    this.#requireOwn();
    this.#driver.exec('BEGIN IMMEDIATE');
    try {
      const results = calls.map(({ statements }) =>
        statements.map(({ sql, values }) => this.#driver.all(sql, values)),
      );
      this.#driver.exec('COMMIT');
      return results;
    } catch (error) {
      // After some errors SQLite has already rolled it back.
      if (this.#driver.hasTransaction()) this.#driver.exec('ROLLBACK');
      throw error;
    }
  }

  /** A claim in a transaction of the program would be granted to others as well. */
  #requireOwn(): void {
    if (!this.#driver.hasTransaction()) return;
    throw new Error(
      'the connection is in a transaction of the program, wanted a connection of its own for the store',
    );
  }
}

/** Repeats `send` while another connection holds the lock, with growing waits. */
async function unlessBusy<T>(send: () => Promise<T>, afterBusy?: () => void): Promise<T> {
  const endsAt = monotonicMs() + BUSY_LIMIT_MS;
  for (let waitMs = 1; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    try {
      return await send();
    } catch (error) {
      if (!isBusy(error)) throw error;
      afterBusy?.();
      if (monotonicMs() >= endsAt) throw error;
      // By chance, so that two processes do not meet again and again.
      await sleep(waitMs * (0.5 + random()));
    }
  }
}
