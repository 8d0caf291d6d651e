import type { Database } from 'lmdb';
import { afterEvents } from '../../runtime/runtime.js';

/** A record that is written if LMDB still has the version that the change was decided on. */
export interface Write<Row> {
  readonly key: string;
  readonly row: Row;
  readonly version: number;
  /** `null` if the key must have no entry. */
  readonly ifVersion: number | null;
}

interface Waiting<Row> extends Write<Row> {
  readonly resolve: (isWritten: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes records in few transactions, because each of them waits for the disk twice.
 *
 * The writes of one turn of the event loop are one transaction. While it is committed, later writes
 * wait and become the next one. Left to itself, LMDB starts a transaction after every fifth write
 * and queues up to four of them: with 32 callers, one held 9 writes.
 *
 * A transaction that fails wrote nothing. Its writes are divided into two transactions, and so on,
 * until the write that cannot be stored fails alone.
 */
export class GroupCommit<Row> {
  readonly #database: Database<Row, string>;
  /** Called before a transaction starts. What it writes belongs to that transaction. */
  readonly #onCommit: (writeCount: number) => void;
  /** Whether the current transaction takes no more writes. */
  #isCommitting = false;
  /** The number of writes in the current transaction, and of those that LMDB has not settled. */
  #writeCount = 0;
  #unsettledCount = 0;
  #failed: { readonly write: Waiting<Row>; readonly error: CommitError }[] = [];
  /** The writes of the next transaction. */
  #waiting: Waiting<Row>[] = [];
  /** Parts of failed transactions. Each part is a transaction of its own. */
  #parts: Waiting<Row>[][] = [];
  #onIdle: (() => void) | undefined;

  constructor(database: Database<Row, string>, onCommit: (writeCount: number) => void) {
    this.#database = database;
    this.#onCommit = onCommit;
  }

  /**
   * Returns whether the record was written, once it is on the disk, or `false` if LMDB has another
   * version. It rejects with the error of LMDB.
   */
  write(write: Write<Row>): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const waiting = { ...write, resolve, reject };
      if (this.#isCommitting) this.#waiting.push(waiting);
      else this.#put(waiting);
    });
  }

  /** Waits until everything is written. */
  async settled(): Promise<void> {
    if (this.#unsettledCount === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #put(write: Waiting<Row>): void {
    // Registered before the first write, with which LMDB registers the start of the transaction.
    if (this.#unsettledCount === 0) afterEvents(() => this.#closeGroup());
    const { key, row, version, ifVersion } = write;
    let written: Promise<boolean>;
    try {
      // LMDB accepts `null`, which its type does not tell.
      written = this.#database.put(key, row, version, ifVersion as number);
    } catch (error) {
      // The key or the record itself is invalid. The transaction has nothing of it.
      write.reject(error);
      return;
    }
    this.#writeCount++;
    this.#unsettledCount++;
    written.then(
      (isWritten) => {
        write.resolve(isWritten);
        this.#settle();
      },
      (error) => {
        this.#failed.push({ write, error });
        this.#settle();
      },
    );
  }

  #closeGroup(): void {
    if (this.#unsettledCount === 0) return;
    this.#isCommitting = true;
    this.#onCommit(this.#writeCount);
  }

  #settle(): void {
    if (--this.#unsettledCount > 0) return;
    if (this.#failed.length > 0) this.#divide(this.#failed, this.#writeCount);
    this.#failed = [];
    this.#startNext();
    if (this.#unsettledCount > 0) return;
    this.#onIdle?.();
    this.#onIdle = undefined;
  }

  #divide(
    failed: readonly { readonly write: Waiting<Row>; readonly error: CommitError }[],
    writeCount: number,
  ): void {
    for (const { write, error } of failed) {
      const failure = failWithCause(error);
      // A part is written again. The promises of all writes reject, and each must be handled.
      if (writeCount === 1) failure.catch(write.reject);
      else failure.catch(() => {});
    }
    if (writeCount === 1) return;
    const writes = failed.map(({ write }) => write);
    const middle = writes.length >> 1;
    this.#parts.push(writes.slice(middle));
    if (middle > 0) this.#parts.push(writes.slice(0, middle));
  }

  #startNext(): void {
    do {
      this.#isCommitting = false;
      this.#writeCount = 0;
      const part = this.#parts.pop();
      const writes = part ?? this.#waiting;
      if (part === undefined) this.#waiting = [];
      for (const write of writes) this.#put(write);
      // A part takes no other writes.
      this.#isCommitting = part !== undefined && this.#unsettledCount > 0;
      // Each write may have been rejected at once.
    } while (this.#unsettledCount === 0 && this.#parts.length + this.#waiting.length > 0);
  }
}

interface CommitError {
  readonly commitError?: Promise<never>;
}

/** LMDB rejects with an error that only points to a second promise, which has the actual cause. */
export async function failWithCause(error: CommitError): Promise<never> {
  await Promise.race([error.commitError, undefined]);
  throw error;
}
