import type { ClaimResult, StoreRecord } from '../store/store.js';
import { isAnother, isUnknown } from '../store/transition.js';
import { Changes } from './changes.js';
import { inProgress, mismatch, OnceError, unknownOutcome } from './errors.js';
import { type Kept, keptIn } from './kept.js';
import {
  type OnceContext,
  type RunResult,
  type RunTools,
  runClaimed,
  runUnprotected,
} from './run.js';

/** What a flight was started with. */
export interface FlightPlan {
  readonly key: string;
  readonly fn: (context: OnceContext) => unknown;
  readonly fingerprint: string | undefined;
  readonly fresh: boolean;
}

/** How a flight ended, for all who are on it. */
export interface Landing {
  readonly kept: Kept;
  /** Gives the function's own value, or throws its error, if it ran here. */
  readonly own: (() => unknown) | undefined;
  readonly outcome: 'executed' | 'joined' | 'replayed';
  readonly fingerprint: string | undefined;
  readonly waitedMs: number;
  /** How long ago the result was made, and how much longer it is kept. */
  readonly ageMs: number;
  readonly leftMs: number;
}

/** From the claim to the result: runs the function, or waits for whoever does. */
export async function fly(plan: FlightPlan, tools: RunTools): Promise<Landing> {
  const { key } = plan;
  const { settings, store, emit } = tools;
  const startedAt = performance.now();
  const waitedMs = () => performance.now() - startedAt;
  const changes = new Changes(store, key);
  /** What was decided about the unknown record that stood there, for one claim. */
  let decided: 'retry' | 'reconciled' | undefined;
  let { fn } = plan;
  let hasWaited = false;
  try {
    for (;;) {
      const claimedAt = performance.now();
      let claim: ClaimResult;
      try {
        claim = await store.claim(key, {
          owner: globalThis.crypto.randomUUID(),
          leaseMs: settings.leaseMs,
          ttlMs: settings.ttlMs,
          fingerprint: plan.fingerprint,
          takeUnknown: settings.onUnknown === 'retry' || decided !== undefined,
          takeFinished: plan.fresh && !hasWaited,
        });
      } catch (error) {
        if (settings.onStoreError === 'fail') throw error;
        return landing(plan, await runUnprotected(key, plan.fn, tools), settings.ttlMs, waitedMs());
      }
      const { record, nowMs } = claim;
      if (claim.claimed) {
        if (record.attempt > 1 && decided !== 'reconciled') {
          emit({ type: 'unknown', attempt: record.attempt - 1, decision: 'retry' });
        }
        const run = await runClaimed(key, claim, claimedAt, fn, tools);
        return landing(plan, run, settings.ttlMs, waitedMs());
      }
      if (isAnother(record.fingerprint, plan.fingerprint)) {
        emit({ type: 'mismatch', layer: 'store' });
        throw mismatch(key, record);
      }
      const kept = keptIn(record);
      if (kept !== undefined) return replay(record, kept, nowMs, hasWaited, waitedMs());
      if (isUnknown(record, nowMs)) {
        const found = await decide(plan, record, tools);
        decided = found === 'retry' ? found : 'reconciled';
        fn = found === 'retry' ? plan.fn : () => found.value;
        continue;
      }
      decided = undefined;
      fn = plan.fn;
      hasWaited = true;
      await wait(plan, record, nowMs, changes, tools, waitedMs());
      // Who waits for another's run and leaves has not asked for one in its place.
      if (tools.isAbandoned()) throw inProgress(key, record, Math.round(waitedMs()));
    }
  } finally {
    changes.stop();
  }
}

/** Somebody is running it: waits a while, or gives up. */
async function wait(
  { key }: FlightPlan,
  record: StoreRecord,
  nowMs: number,
  changes: Changes,
  { settings: { onDuplicate, waitMs = Number.POSITIVE_INFINITY }, emit }: RunTools,
  waitedMs: number,
): Promise<void> {
  const leftMs = onDuplicate === 'reject' ? 0 : waitMs - waitedMs;
  if (leftMs <= 0) {
    const shownMs = onDuplicate === 'reject' ? 0 : Math.round(waitedMs);
    emit({ type: 'conflict', layer: 'store', waitedMs: shownMs });
    throw inProgress(key, record, shownMs);
  }
  await changes.next(Math.min(leftMs, record.leaseEndsAtMs - nowMs + 1));
}

/** An owner was never heard of again. */
async function decide(
  { key }: FlightPlan,
  record: StoreRecord,
  { settings: { onUnknown }, emit }: RunTools,
): Promise<'retry' | { readonly value: unknown }> {
  const { attempt } = record;
  const found = typeof onUnknown === 'function' ? await onUnknown(record) : onUnknown;
  if (found === 'retry') return found;
  if (typeof found === 'object' && found !== null && 'value' in found) {
    emit({ type: 'unknown', attempt, decision: 'reconciled' });
    return found;
  }
  if (found === 'hold') {
    emit({ type: 'unknown', attempt, decision: 'hold' });
    throw unknownOutcome(key, record);
  }
  throw new OnceError(
    'SAMEKEY_BAD_ARGUMENT',
    key,
    `Cannot run ${key}: onUnknown gave ${JSON.stringify(found)}, wanted "retry", "hold" or { value }`,
    { record },
  );
}

function landing(
  { fingerprint }: FlightPlan,
  { kept, own }: RunResult,
  ttlMs: number,
  waitedMs: number,
): Landing {
  const outcome = own === undefined ? 'joined' : 'executed';
  return { kept, own, outcome, fingerprint, waitedMs, ageMs: 0, leftMs: ttlMs };
}

function replay(
  { fingerprint, finishedAtMs, expiresAtMs }: StoreRecord,
  kept: Kept,
  nowMs: number,
  hasWaited: boolean,
  waitedMs: number,
): Landing {
  return {
    kept,
    own: undefined,
    outcome: hasWaited ? 'joined' : 'replayed',
    fingerprint,
    waitedMs,
    ageMs: Math.max(0, nowMs - (finishedAtMs ?? nowMs)),
    leftMs: expiresAtMs - nowMs,
  };
}
