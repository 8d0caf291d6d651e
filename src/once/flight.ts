import { monotonicMs, randomUuid } from '../runtime/runtime.js';
import type { ClaimResult, StoreRecord } from '../store/store.js';
import { isAnother, isUnknown } from '../store/transition.js';
import { closed, inProgress, mismatch, OnceError, unknownOutcome } from './errors.js';
import { type Kept, keptIn } from './kept.js';
import type { OnceSettings } from './options.js';
import { type RunResult, type RunTools, runClaimed, runUnprotected } from './run.js';
import { type RunContext, toKept } from './settle.js';

/** What a flight was started with. */
export interface FlightPlan {
  readonly key: string;
  readonly fn: (context: RunContext) => unknown;
  readonly fingerprint: string | undefined;
  readonly fresh: boolean;
}

/** Everybody has left a flight that ran nothing, and so it has ended. */
export class Abandoned extends Error {}

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
  const { settings, store } = tools;
  const startedAt = monotonicMs();
  const waitedMs = () => monotonicMs() - startedAt;
  /** What was decided about the unknown record that stood there, for one claim, and about which. */
  let decided: 'retry' | 'reconciled' | undefined;
  let decidedAttempt = 0;
  let { fn } = plan;
  let hasWaited = false;
  let hasAnswer = false;
  const decideAbout = async (record: StoreRecord) => {
    const found = await decide(plan, record, tools);
    decided = found === 'retry' ? found : 'reconciled';
    decidedAttempt = record.attempt;
    fn = found === 'retry' ? plan.fn : () => found.value;
  };
  try {
    for (;;) {
      if (tools.isClosed) throw closed(key);
      const takeFinished = plan.fresh && !hasWaited;
      const isGivenBack = decided === undefined;
      const claimedAt = monotonicMs();
      let claim: ClaimResult;
      try {
        const request = {
          owner: newOwner(),
          leaseMs: settings.leaseMs,
          ttlMs: unfinishedTtlMs(settings),
          fingerprint: plan.fingerprint,
          takeUnknown: settings.onUnknown === 'retry' || decided !== undefined,
          takeFinished,
        };
        claim = await store.claim(key, request, isGivenBack);
      } catch (error) {
        // What the store has said before it failed still holds: somebody else is running it.
        if (settings.onStoreError === 'fail' || hasAnswer) throw error;
        tools.enter('running');
        return landing(plan, await runUnprotected(key, plan.fn, tools), settings.ttlMs, waitedMs());
      }
      hasAnswer = true;
      const { record, nowMs } = claim;
      if (claim.claimed) {
        // Who has left since has not asked for a run in another's place, or for none at all.
        if (tools.isAbandoned && (hasWaited || settings.onAbandoned === 'abort')) {
          if (isGivenBack) await store.release(key, record.owner).catch(() => {});
          throw new Abandoned();
        }
        // Meanwhile another one was lost than the one that was decided about.
        if (decided !== undefined && record.attempt !== decidedAttempt + 1 && record.attempt > 1) {
          await decideAbout({ ...record, attempt: record.attempt - 1 });
        }
        if (record.attempt > 1 && decided !== 'reconciled') {
          tools.emit({ type: 'unknown', attempt: record.attempt - 1, decision: 'retry' });
        }
        tools.enter('running');
        const run = await runClaimed(key, claim, claimedAt, fn, tools);
        return landing(plan, run, settings.ttlMs, waitedMs());
      }
      if (isAnother(record.fingerprint, plan.fingerprint)) {
        tools.emit({ type: 'mismatch', layer: 'store' });
        throw mismatch(key, record);
      }
      const kept = keptIn(record);
      if (kept !== undefined) return replay(record, kept, nowMs, hasWaited, waitedMs());
      if (isUnknown(record, nowMs)) {
        await decideAbout(record);
        continue;
      }
      decided = undefined;
      fn = plan.fn;
      hasWaited = true;
      await wait(plan, record, nowMs, tools);
      // Who waits for another's run and leaves has not asked for one in its place.
      if (tools.isAbandoned) throw new Abandoned();
    }
  } finally {
    tools.stopWaiting();
  }
}

let process = '';
let claimCount = 0;

/** A text that no other claim has: of this process, and in it of this claim. */
function newOwner(): string {
  // Not before the first claim: some platforms have no random numbers while a module is loaded.
  if (process === '') process = randomUuid();
  return `${process}.${claimCount++}`;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * How long a record is kept whose owner may never be heard of again: where that is decided about, as
 * good as for ever; where it is run again, no longer than there is anything to count.
 */
function unfinishedTtlMs({ onUnknown, ttlMs, leaseMs }: OnceSettings): number {
  return onUnknown === 'retry' ? Math.max(ttlMs, 2 * leaseMs) : Math.max(ttlMs, 3660 * DAY_MS);
}

/** Somebody is running it: waits a while, or is turned away. */
async function wait(
  { key }: FlightPlan,
  record: StoreRecord,
  nowMs: number,
  tools: RunTools,
): Promise<void> {
  tools.enter('waiting', record);
  if (tools.settings.onDuplicate === 'reject') {
    tools.emit({ type: 'conflict', layer: 'store', waitedMs: 0 });
    throw inProgress(key, record, 0);
  }
  await tools.untilChanged(record.leaseEndsAtMs - nowMs + 1);
}

/** An owner was never heard of again. */
async function decide(
  { key }: FlightPlan,
  record: StoreRecord,
  tools: RunTools,
): Promise<'retry' | { readonly value: unknown }> {
  const { attempt } = record;
  const { settings } = tools;
  const { onUnknown } = settings;
  const found = typeof onUnknown === 'function' ? await onUnknown(record) : onUnknown;
  if (found === 'retry') return found;
  if (typeof found === 'object' && found !== null && 'value' in found) {
    // Before the record of what is unknown is taken over.
    toKept(key, found.value, settings);
    tools.emit({ type: 'unknown', attempt, decision: 'reconciled' });
    return found;
  }
  if (found === 'hold') {
    tools.emit({ type: 'unknown', attempt, decision: 'hold' });
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
