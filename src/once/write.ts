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
  tools: Pick<RunTools, 'settings' | 'store' | 'isEvicted' | 'finishLater'>,
): Written | Promise<Written> {
  const { store } = tools;
  const { state, codec, payload } = result;
  const { ttlMs, leaseMs, storeTimeoutMs } = tools.settings;
  lease.beginWriting();
  const startedAt = monotonicMs();
  const endsAt = startedAt + leaseMs;
  let hasLateSuccess = false;
  let succeed = () => {
    hasLateSuccess = true;
  };
  const complete = (timeoutMs: number) =>
    store.complete(key, owner, { state, codec, payload, ttlMs }, timeoutMs, (late) => {
      if (late) succeed();
    });
  const written = () => ({ type: 'written', writtenForMs: monotonicMs() - startedAt }) as const;
  const first = complete(Math.min(storeTimeoutMs, leaseMs));
  const repeat = () =>
    new Promise<Written>((resolve) => {
      let isEnded = false;
      let timer: Timer | undefined;
      const end = (outcome: Written) => {
        if (isEnded) return;
        isEnded = true;
        clearTimer(timer);
        resolve(outcome);
      };
      succeed = () => end(written());
      if (hasLateSuccess) return succeed();
      const send = async (timeoutMs: number, waitMs: number): Promise<void> => {
        const leftMs = Math.ceil(endsAt - monotonicMs());
        if (leftMs <= 0) return end({ type: 'unwritten' });
        return handle(complete(Math.min(timeoutMs, leftMs)), timeoutMs, waitMs);
      };
      const handle = async (
        answer: boolean | Promise<boolean>,
        timeoutMs: number,
        waitMs: number,
      ): Promise<void> => {
        let isSilent = false;
        try {
          if (await answer) return succeed();
          // An earlier write may have succeeded without a reply, and was then evicted or has expired.
          if (tools.isEvicted || monotonicMs() - startedAt >= ttlMs)
            return end({ type: 'unwritten' });
          // The store may have lost the record: after a restart, or by its own eviction.
          const isReclaimed = !isEnded && (await lease.reclaim());
          if (!isEnded && isReclaimed) return await send(timeoutMs, waitMs);
          // The late answer to an earlier write has ended this one.
          if (isReclaimed) tools.finishLater(store.release(key, owner));
          return end({ type: 'lost' });
        } catch (error) {
          const { cause } = error as Error;
          if ((cause as { code?: unknown } | undefined)?.code === 'SAMEKEY_STORE_FULL') {
            return end({ type: 'full', cause });
          }
          isSilent = cause instanceof NoAnswerError;
        }
        if (isEnded) return;
        if (isSilent) return send(2 * timeoutMs, waitMs);
        const nextWaitMs = Math.min(2 * waitMs, MAX_WAIT_MS);
        timer = setTimer(
          () => tools.finishLater(send(timeoutMs, nextWaitMs)),
          Math.min(waitMs, Math.max(0, endsAt - monotonicMs())),
        );
      };
      tools.finishLater(handle(first, storeTimeoutMs, FIRST_WAIT_MS));
    });
  // Nearly every first write succeeds, so nothing is made for a repetition before it has failed.
  if (first === true) return written();
  if (first === false) return repeat();
  return first.then((isOurs) => (isOurs ? written() : repeat()), repeat);
}
