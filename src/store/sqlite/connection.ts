import { afterEvents, monotonicMs, random, sleep } from '../../runtime/runtime.js';
import { type Driver, isRemote, type LocalDriver, type Row, type Statement } from './driver.js';
import { isBusy } from './faults.js';

/** How long a statement is sent again while another process holds the lock. */
const BUSY_LIMIT_MS = 10_000;
/** The longest wait before it is sent again. The first is of one millisecond. */
const LONGEST_WAIT_MS = 50;
/** The most statements of a transaction: other processes wait for it. */
const MAX_STATEMENTS = 128;

interface Pending extends Statement {
  readonly resolve: (rows: readonly Row[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Sends statements, and waits for the locks of other connections without blocking the thread. */
export interface Connection {
  /** Runs one statement that only reads. */
  read(sql: string, values: readonly unknown[]): Promise<readonly Row[]>;
  /** Runs one statement that may write. */
  write(sql: string, values: readonly unknown[]): Promise<readonly Row[]>;
  /** Runs statements in this order, in one round trip if there is a server. */
  batch(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]>;
}

export function connectionOf(driver: Driver): Connection {
  if (isRemote(driver)) {
    const batch = (statements: readonly Statement[]) =>
      unlessBusy(async () => driver.batch(statements));
    const one = async (sql: string, values: readonly unknown[]) =>
      (await batch([{ sql, values }]))[0] as readonly Row[];
    return { read: one, write: one, batch };
  }
  return new LocalConnection(driver);
}

/**
 * The writes of one turn of the event loop are one transaction, and so one write to the disk. Each
 * has an outcome of its own: if one of them fails, all are sent again one by one.
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

  write(sql: string, values: readonly unknown[]): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      if (this.#pending.length === 0) afterEvents(() => this.#flush());
      this.#pending.push({ sql, values, resolve, reject });
    });
  }

  async batch(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> {
    const results: (readonly Row[])[] = [];
    for (const { sql, values } of statements) results.push(await this.write(sql, values));
    return results;
  }

  #flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (let start = 0; start < pending.length; start += MAX_STATEMENTS) {
      void this.#commit(pending.slice(start, start + MAX_STATEMENTS));
    }
  }

  async #commit(statements: readonly Pending[]): Promise<void> {
    if (statements.length > 1) {
      try {
        const results = await unlessBusy(async () => this.#together(statements));
        for (const [index, { resolve }] of statements.entries()) {
          resolve(results[index] as readonly Row[]);
        }
        return;
      } catch {
        // Each gets an outcome of its own.
      }
    }
    for (const { sql, values, resolve, reject } of statements) {
      await unlessBusy(async () => {
        this.#requireOwn();
        return this.#driver.all(sql, values);
      }).then(resolve, reject);
    }
  }

  /** Runs the statements in one transaction. Nothing else runs in between, because it never waits. */
  #together(statements: readonly Pending[]): (readonly Row[])[] {
    this.#requireOwn();
    this.#driver.exec('BEGIN IMMEDIATE');
    try {
      const results = statements.map(({ sql, values }) => this.#driver.all(sql, values));
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
async function unlessBusy<T>(send: () => Promise<T>): Promise<T> {
  const endsAt = monotonicMs() + BUSY_LIMIT_MS;
  for (let waitMs = 1; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    try {
      return await send();
    } catch (error) {
      if (!isBusy(error) || monotonicMs() >= endsAt) throw error;
      // By chance, so that two processes do not meet again and again.
      await sleep(waitMs * (0.5 + random()));
    }
  }
}
