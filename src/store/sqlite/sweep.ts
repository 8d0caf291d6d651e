import { random } from '../../runtime/runtime.js';
import type { Connection } from './connection.js';
import type { Statements } from './statements.js';

/** How many rows each claim checks. They are checked some at a time. */
const CHECKED_PER_CLAIM = 4;
const CHECKED_AT_A_TIME = 256;

/**
 * Deletes the rows that expired long ago, a few beside every claim. An index to find them would
 * double the rows that every claim and every result writes, which D1 bills.
 */
export class Sweep {
  readonly #connection: Connection;
  readonly #sql: Statements;
  /** By chance, because a process may end after its first claim. Most keys are `ik_` and digits. */
  #position = `ik_${Math.floor(random() * 256)
    .toString(16)
    .padStart(2, '0')}`;
  /** The first claim checks rows at once. */
  #uncheckedCount = CHECKED_AT_A_TIME;

  constructor(connection: Connection, sql: Statements) {
    this.#connection = connection;
    this.#sql = sql;
  }

  /** Continues the pass beside a claim, which does not wait for it. */
  afterClaim(): void {
    this.#uncheckedCount += CHECKED_PER_CLAIM;
    if (this.#uncheckedCount < CHECKED_AT_A_TIME) return;
    this.#uncheckedCount = 0;
    this.#check().catch(() => {
      // The caller's own statement reports a failing database.
    });
  }

  async #check(): Promise<void> {
    const start = this.#position;
    const [row] = await this.#connection.read(this.#sql.due, [start, CHECKED_AT_A_TIME]);
    const last = row?.last;
    if (typeof last !== 'string') {
      // This was the end of the keys.
      this.#position = '';
      return start === '' ? undefined : this.#check();
    }
    this.#position = last;
    if (Number(row?.due) > 0) await this.#connection.write(this.#sql.sweep, [start, last]);
  }
}
