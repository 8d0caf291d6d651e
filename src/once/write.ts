import { clearTimer, monotonicMs, setTimer, type Timer } from '../runtime/runtime.js';
import { NoAnswerError } from './guarded-store.js';
import type { Kept } from './kept.js';
import type { Lease } from './lease.js';
import type { RunTools } from './run.js';

/** How long to wait before a write that failed is sent again: at first, and at most. */
const FIRST_WAIT_MS = 100;
const LAST_WAIT_MS = 5000;

export type Written =
  /** The store has it. `writtenForMs`: how long ago it was sent for the first time. */
  | { readonly type: 'kept'; readonly writtenForMs: number }
  /** Another owner has the key. */
  | { readonly type: 'lost' }
  /** The store failed for a whole lease. */
  | { readonly type: 'unkept' }
  /** The store will never have room for it. */
  | { readonly type: 'full'; readonly cause: unknown };

/**
 * Writes the outcome of a run. A store that fails is asked again for one lease from now, and no
 * longer: the call was made and paid for, and its callers are waiting for the result.
 *
 * A write that gets no answer is sent again after twice the time, and counts whenever it succeeds:
 * over a slow link, resending at the pace of the timeout sent 84 MB for a result of 14.
 */
export function writeOutcome(
  key: string,
  owner: string,
  kept: Kept,
  lease: Lease,
  tools: Pick<RunTools, 'settings' | 'store' | 'isEvicted' | 'finishLater'>,
): Promise<Written> {
  const { store } = tools;
  const { ttlMs, leaseMs, storeTimeoutMs } = tools.settings;
  lease.beginWriting();
  const startedAt = monotonicMs();
  const endsAt = startedAt + leaseMs;
  return new Promise((resolve) => {
    let isEnded = false;
    let timer: Timer | undefined;
    const end = (written: Written) => {
      if (isEnded) return;
      isEnded = true;
      clearTimer(timer);
      resolve(written);
    };
    const succeed = () => end({ type: 'kept', writtenForMs: monotonicMs() - startedAt });
    const send = async (timeoutMs: number, waitMs: number): Promise<void> => {
      const leftMs = Math.ceil(endsAt - monotonicMs());
      if (leftMs <= 0) return end({ type: 'unkept' });
      let isSilent = false;
      try {
        const isOurs = await store.complete(
          key,
          owner,
          { ...kept, ttlMs },
          Math.min(timeoutMs, leftMs),
          (late) => {
            if (late) succeed();
          },
        );
        if (isOurs) return succeed();
        // An earlier write whose reply was lost may have been kept, and evicted, or have expired.
        if (tools.isEvicted || monotonicMs() - startedAt >= ttlMs) return end({ type: 'unkept' });
        // Nobody may have the key: the store has restarted without its records, or evicted this one.
        const isReclaimed = !isEnded && (await lease.reclaim());
        if (!isEnded && isReclaimed) return await send(timeoutMs, waitMs);
        // Meanwhile the late answer to an earlier write has ended this.
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
      const nextWaitMs = Math.min(2 * waitMs, LAST_WAIT_MS);
      timer = setTimer(
        () => void send(timeoutMs, nextWaitMs),
        Math.min(waitMs, Math.max(0, endsAt - monotonicMs())),
      );
    };
    void send(storeTimeoutMs, FIRST_WAIT_MS);
  });
}
