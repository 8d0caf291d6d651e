import type { Database } from 'lmdb';
import { afterEvents, monotonicMs, setTimer } from '../../runtime/runtime.js';
import { LOOK_MS, type Opening } from './opening.js';

/** A record that is written if LMDB still has the version that the change was decided on. */
export interface Write<Row> {
  readonly key: string;
  readonly row: Row;
  readonly version: number;
  /** `null` if the key must have no entry. */
  readonly ifVersion: number | null;
  /** Called once the record is on the disk, or with `false` if LMDB has another version. */
  readonly resolve: (isWritten: boolean) => void;
  /** Called with the error of LMDB. */
  readonly reject: (error: unknown) => void;
}

interface Answer<Row> {
  readonly write: Write<Row>;
  readonly isWritten: boolean;
}

/** The weight of the latest measurement in an average. */
const LATEST = 1 / 8;

/**
 * Writes records in few transactions, because each of them waits for the disk twice.
 *
 * The writes of one turn of the event loop are one transaction. While it is committed, later writes
 * wait and become the next one. Left to itself, LMDB starts a transaction after every fifth write
 * and queues up to four of them: with 32 callers, one held 9 writes.
 *
 * Callers who were answered together write together again. Then LMDB's thread is idle while they
 * run, and this thread is idle during the commit. If the callers take longer than the commit, half
 * of them are answered after the next transaction has started: 1.4 times as many keys with 32
 * callers. On a slow disk larger transactions are faster, and all are answered at once.
 *
 * A transaction that fails wrote nothing. Its writes are divided into two transactions, and so on,
 * until the write that cannot be stored fails alone.
 */
export class GroupCommit<Row> {
  readonly #database: Database<Row, string>;
  readonly #opening: Opening;
  /** Called before a transaction starts, which also gets the writes of this call. */
  readonly #onCommit: (writeCount: number) => void;
  /** Whether the current transaction takes no more writes. */
  #isCommitting = false;
  /** The number of writes in the current transaction, and of those that LMDB has not settled. */
  #writeCount = 0;
  #unsettledCount = 0;
  #settled: Answer<Row>[] = [];
  #failed: { readonly write: Write<Row>; readonly error: CommitError }[] = [];
  /** Answers of the transaction before, for after the start of the current one. */
  #delayed: Answer<Row>[] = [];
  /** The writes of the next transaction. */
  #waiting: Write<Row>[] = [];
  /** Parts of failed transactions. Each part is a transaction of its own. */
  #parts: Write<Row>[][] = [];
  /** When the current transaction was started, and how long one takes on average. */
  #startedAtMs = 0;
  #commitMs = 0;
  /** How long a caller runs, on average, after its answer. */
  #callerMs = 0;
  #onIdle: (() => void) | undefined;

  constructor(
    database: Database<Row, string>,
    opening: Opening,
    onCommit: (writeCount: number) => void,
  ) {
    this.#database = database;
    this.#opening = opening;
    this.#onCommit = onCommit;
  }

  write(write: Write<Row>): void {
    const mayPut = !this.#isCommitting && (this.#unsettledCount > 0 || this.#mayBegin());
    if (mayPut) this.#put(write);
    else this.#waiting.push(write);
  }

  /** Waits until everything is written. */
  async settled(): Promise<void> {
    this.#answerDelayed();
    if (this.#isIdle) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #put(write: Write<Row>): void {
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
        this.#settled.push({ write, isWritten });
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
    this.#startedAtMs = monotonicMs();
  }

  #settle(): void {
    if (--this.#unsettledCount > 0) return;
    this.#commitMs += LATEST * (monotonicMs() - this.#startedAtMs - this.#commitMs);
    if (this.#failed.length > 0) this.#divide(this.#failed, this.#writeCount);
    this.#failed = [];
    const answers = this.#settled;
    this.#settled = [];
    const waitingCount = this.#waiting.length;
    this.#startNext();
    this.#answer(answers, waitingCount);
    this.#tellIfIdle();
  }

  get #isIdle(): boolean {
    return this.#unsettledCount + this.#waiting.length + this.#parts.length === 0;
  }

  #tellIfIdle(): void {
    if (!this.#isIdle) return;
    this.#onIdle?.();
    this.#onIdle = undefined;
  }

  /** Whether a transaction may begin. If another process is opening the database, the next one begins after that. */
  #mayBegin(): boolean {
    if (!this.#opening.isInProgress()) return true;
    this.#isCommitting = true;
    setTimer(() => {
      this.#startNext();
      this.#tellIfIdle();
    }, LOOK_MS);
    return false;
  }

  /** Answers the callers, at once or half of them later; `waitingCount` others already wait. */
  #answer(answers: Answer<Row>[], waitingCount: number): void {
    this.#answerDelayed();
    const callerCount = answers.length + waitingCount;
    if (this.#onIdle !== undefined || this.#commitMs > this.#callerMs * callerCount) {
      this.#answerNow(answers);
      return;
    }
    const firstCount = Math.max(0, Math.ceil(callerCount / 2) - waitingCount);
    this.#delayed = answers.splice(firstCount);
    this.#answerNow(answers);
    // LMDB starts the transaction after this turn.
    if (this.#delayed.length > 0) afterEvents(() => afterEvents(() => this.#answerDelayed()));
  }

  #answerDelayed(): void {
    const answers = this.#delayed;
    this.#delayed = [];
    this.#answerNow(answers);
  }

  #answerNow(answers: readonly Answer<Row>[]): void {
    if (answers.length === 0) return;
    const startedAtMs = monotonicMs();
    for (const { write, isWritten } of answers) write.resolve(isWritten);
    afterEvents(() => {
      const tookMs = (monotonicMs() - startedAtMs) / answers.length;
      this.#callerMs += LATEST * (tookMs - this.#callerMs);
    });
  }

  #divide(
    failed: readonly { readonly write: Write<Row>; readonly error: CommitError }[],
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
    if (this.#parts.length + this.#waiting.length > 0 && !this.#mayBegin()) return;
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
