import { fail } from '../../errors/errors.js';

/** Numbers of errors of the server, which MariaDB and MySQL share. */
const DUPLICATE = 1062;
const UNKNOWN_TABLE = 1146;
/** Unknown column, and a column without a default. */
const OTHER_COLUMNS: ReadonlySet<unknown> = new Set([1054, 1364]);
/** `read_only`, a transaction that is read-only, and a server that is. */
const READ_ONLY: ReadonlySet<unknown> = new Set([1290, 1792, 1836]);
/** More than `max_allowed_packet`, and more than a tenth of the redo log. */
const TOO_LARGE: ReadonlySet<unknown> = new Set([1153, 1118]);
/**
 * Deadlock, a row that changed since it was read, a statement to prepare anew, and one that a
 * pooler has forgotten: the server has rolled back the statement, or has not run it.
 */
const ROLLED_BACK: ReadonlySet<unknown> = new Set([1213, 1020, 1615, 1243]);
/** After the lock wait timeout the statement is rolled back, too. */
const LOCKED = 1205;

const MOST_TRIES = 10;
/** A wait lasts `innodb_lock_wait_timeout`, 50 seconds by default. */
const MOST_LOCK_WAITS = 2;

/** Tries statements again that had no effect, and explains the errors of the server. */
export class ServerErrors {
  readonly #table: string;

  constructor(table: string) {
    this.#table = table;
  }

  /** Runs a statement. Without a transaction around it, it is rolled back as a whole. */
  async around<T>(run: () => Promise<T>): Promise<T> {
    let waits = 0;
    for (let tries = 1; ; tries++) {
      try {
        return await run();
      } catch (error) {
        const number = numberOf(error);
        const isFree = number === LOCKED ? ++waits < MOST_LOCK_WAITS : ROLLED_BACK.has(number);
        if (!isFree || tries === MOST_TRIES) return this.#explain(error);
      }
    }
  }

  isDuplicate(error: unknown): boolean {
    return numberOf(error) === DUPLICATE;
  }

  isTooLarge(error: unknown): boolean {
    return TOO_LARGE.has(numberOf(error));
  }

  #explain(error: unknown): never {
    const number = numberOf(error);
    if (READ_ONLY.has(number)) {
      const message = `Cannot write to the table ${this.#table}: the server is read-only, as a replica is, wanted the primary`;
      const { code } = error as { code?: string };
      throw Object.assign(new Error(message, { cause: error }), { code });
    }
    if (number === UNKNOWN_TABLE) {
      fail(
        ReferenceError,
        'SAMEKEY_NO_TABLE',
        `Cannot use the table ${this.#table}: it is not there, wanted migrate(), or the SQL in the store's schema`,
      );
    }
    if (OTHER_COLUMNS.has(number)) {
      fail(
        ReferenceError,
        'SAMEKEY_BAD_STATE',
        `Cannot use the table ${this.#table}: its columns are not those of a store (${(error as Error).message}), wanted another table`,
      );
    }
    throw error;
  }
}

function numberOf(error: unknown): unknown {
  return (error as { errno?: unknown } | undefined)?.errno;
}
