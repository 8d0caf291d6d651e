import { clearTimer, monotonicMs, setTimer, type Timer } from '../runtime/runtime.js';
import { NoAnswerError } from './guarded-store.js';
import type { Lease } from './lease.js';
import type { RunTools } from './run.js';
import type { StoredResult } from './stored-result.js';

/** The wait before a failed write is sent again: at first, and at most. */
const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 5000;

export type Written =
  /** The store has it. `writtenForMs` is the time since it was first sent. */
  | { readonly type: 'written'; readonly writtenForMs: number }
  /** Another owner has the key. */
  | { readonly type: 'lost' }
  /** The store failed for a whole lease. */
  | { readonly type: 'unwritten' }
  /** The store has no room for it, and never will. */
  | { readonly type: 'full'; readonly cause: unknown };

type WriteTools = Pick<RunTools, 'settings' | 'store' | 'ttlMs' | 'isEvicted' | 'finishLater'>;

/**
 * Writes the outcome of a run. If the store fails, the write is repeated for one lease and no longer,
 * because callers are waiting for a result that was paid for.
 *
 * A write without an answer is repeated after twice the time, and a late success counts. Over a slow
 * link, repeating at the pace of the timeout sent 84 MB for a result of 14 MB.
 */
export function writeOutcome(
  key: string,
  owner: string,
  result: StoredResult,
  lease: Lease,
  tools: WriteTools,
): Written | Promise<Written> {
  const { leaseMs, storeTimeoutMs } = tools.settings;
  lease.beginWriting();
  const write = new Write(key, owner, result, lease, tools);
  const first = write.send(Math.min(storeTimeoutMs, leaseMs));
  if (first === true) return write.written();
  if (first === false) return write.repeat(first);
  // Nearly every first write succeeds, so nothing is made for a repetition before it has failed.
  const repeat = () => write.repeat(first);
  return first.then((isOurs) => (isOurs ? write.written() : repeat()), repeat);
}

class Write {
  readonly #key: string;
  readonly #owner: string;
  readonly #result: StoredResult;
  readonly #lease: Lease;
  readonly #tools: WriteTools;
  readonly #startedAt = monotonicMs();
  #timer: Timer | undefined;
  /** Set once the first write has failed. */
  #resolve: ((outcome: Written) => void) | undefined;
  #hasLateSuccess = false;
  #isEnded = false;

  constructor(key: string, owner: string, result: StoredResult, lease: Lease, tools: WriteTools) {
    this.#key = key;
    this.#owner = owner;
    this.#result = result;
    this.#lease = lease;
    this.#tools = tools;
  }

  /** Sends the outcome once. */
  send(timeoutMs: number): boolean | Promise<boolean> {
    const { store, ttlMs } = this.#tools;
    const { state, codec, payload } = this.#result;
    const completion = { state, codec, payload, ttlMs };
    return store.complete(this.#key, this.#owner, completion, timeoutMs, (late) => {
      if (late) this.#succeed();
    });
  }

  written(): Written {
    return { type: 'written', writtenForMs: monotonicMs() - this.#startedAt };
  }

  /** Handles the failure of the first write. */
  repeat(first: boolean | Promise<boolean>): Promise<Written> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      if (this.#hasLateSuccess) return this.#succeed();
      const { storeTimeoutMs } = this.#tools.settings;
      this.#tools.finishLater(this.#handle(first, storeTimeoutMs, FIRST_WAIT_MS));
    });
  }

  #succeed(): void {
    this.#hasLateSuccess = true;
    this.#end(this.written());
  }

  #end(outcome: Written): void {
    if (this.#isEnded || this.#resolve === undefined) return;
    this.#isEnded = true;
    clearTimer(this.#timer);
    this.#resolve(outcome);
  }

  async #sendAgain(timeoutMs: number, waitMs: number): Promise<void> {
    const leftMs = Math.ceil(this.#leftMs);
    if (leftMs <= 0) return this.#end({ type: 'unwritten' });
    return this.#handle(this.send(Math.min(timeoutMs, leftMs)), timeoutMs, waitMs);
  }

  async #handle(
    answer: boolean | Promise<boolean>,
    timeoutMs: number,
    waitMs: number,
  ): Promise<void> {
    const tools = this.#tools;
    let isSilent = false;
    try {
      if (await answer) return this.#succeed();
      // An earlier write may have succeeded without a reply, and was then evicted or has expired.
      if (tools.isEvicted || monotonicMs() - this.#startedAt >= tools.ttlMs) {
        return this.#end({ type: 'unwritten' });
      }
      // The store may have lost the record: after a restart, or by its own eviction.
      const isReclaimed = !this.#isEnded && (await this.#lease.reclaim());
      if (!this.#isEnded && isReclaimed) return await this.#sendAgain(timeoutMs, waitMs);
      // The late answer to an earlier write has ended this one.
      if (isReclaimed) tools.finishLater(tools.store.release(this.#key, this.#owner));
      return this.#end({ type: 'lost' });
    } catch (error) {
      const { cause } = error as Error;
      if ((cause as { code?: unknown } | undefined)?.code === 'SAMEKEY_STORE_FULL') {
        return this.#end({ type: 'full', cause });
      }
      isSilent = cause instanceof NoAnswerError;
    }
    if (this.#isEnded) return;
    if (isSilent) return this.#sendAgain(2 * timeoutMs, waitMs);
    const nextWaitMs = Math.min(2 * waitMs, MAX_WAIT_MS);
    this.#timer = setTimer(
      () => tools.finishLater(this.#sendAgain(timeoutMs, nextWaitMs)),
      Math.min(waitMs, Math.max(0, this.#leftMs)),
    );
  }

  /** The time that is left of one lease since the first write. */
  get #leftMs(): number {
    return this.#startedAt + this.#tools.settings.leaseMs - monotonicMs();
  }
}
