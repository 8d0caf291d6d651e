/**
 * Decides whether this process may run a key: the store grants one owner at a time an atomic `claim`,
 * which holds for as long as the owner renews its lease (lease.ts). That keeps two processes from
 * running one key.
 */
import { shown } from '../options/spec.js';
import { monotonicMs, randomUuid } from '../runtime/runtime.js';
import type { ClaimRequest, ClaimResult, StoreRecord } from '../store/store.js';
import { HELD_TTL_MS, isAnother, isUnknown } from '../store/transition.js';
import { type EndedWithResult, type RunContext, requireStorable } from './call-function.js';
import { closed, inProgress, mismatch, OnceError, unknownOutcome } from './errors.js';
import type { GuardedStore } from './guarded-store.js';
import type { OnceSettings } from './options.js';
import {
  type Claim,
  ClaimedRun,
  type RunResult,
  type RunTools,
  runUnprotected,
  timesOf,
  unreadableEvent,
} from './run.js';
import { openResult, type StoredResult, storedResult } from './stored-result.js';

/** The call that started a run. */
export interface RunPlan {
  readonly key: string;
  readonly fn: (context: RunContext) => unknown;
  readonly fingerprint: string | undefined;
  readonly fresh: boolean;
  /** How long the result is stored. */
  readonly ttlMs: number;
}

/** All callers of a run have aborted before it ran anything. */
export class Abandoned extends Error {}

/** The outcome of a run, for all its callers. */
export interface RunOutcome {
  readonly result: StoredResult;
  /** The end of the function, if it ran here. */
  readonly ended: EndedWithResult | undefined;
  readonly outcome: 'executed' | 'joined' | 'replayed';
  /** Whether the store has the result. If not, later callers do not receive it. */
  readonly isStored: boolean;
  /** The fingerprint of the payload that the function ran for. */
  readonly fingerprint: string | undefined;
  readonly waitedMs: number;
  /** The time since the run ended, and until the result expires. */
  readonly ageMs: number;
  readonly leftMs: number;
  /** How long the run took. */
  readonly runMs: number;
}

/** An `await` of a promise that is settled makes no promise of its own. */
const NEXT_TURN = /* @__PURE__ */ Promise.resolve();

interface RunEnd {
  /** The run has an outcome, or has failed. */
  end(outcome: RunOutcome | undefined): void;
}

/** Claims the key, then runs the function or waits for the owner that runs it. */
export async function runUnderClaim(plan: RunPlan, tools: RunTools & RunEnd): Promise<RunOutcome> {
  const { key, fresh } = plan;
  const { settings, store, limits, account } = tools;
  const startedAt = monotonicMs();
  /** The decision about an unknown record, for the next claim, and the attempt of that record. */
  let decided: 'retry' | 'reconciled' | undefined;
  let decidedAttempt = 0;
  let { fn } = plan;
  let hasWaited = false;
  let hasAnswer = false;
  /** The store's clock at its first answer, and the owners that were running since. */
  let firstAnswerMs = Number.POSITIVE_INFINITY;
  let awaitedOwners: Set<string> | undefined;
  /** A fresh run replaces an earlier result, but not the result of the run it waited for. */
  let takeFinished = fresh;
  /** The owner of the result that this caller could not use. A newer result must not be replaced. */
  let finishedOwner: string | undefined;
  let outcome: RunOutcome | undefined;
  try {
    const early = limits?.refusalToRun(key, account);
    if (early !== undefined && (await wouldRun(plan, tools))) throw early;
    for (let sentAt = early ? monotonicMs() : startedAt; ; sentAt = monotonicMs()) {
      if (tools.isClosed) throw closed(key);
      // No caller is left that wants a run.
      if (hasAnswer && tools.isAbandoned) throw new Abandoned();
      const request: ClaimRequest = {
        owner: newOwner(),
        leaseMs: settings.leaseMs,
        ttlMs: unfinishedTtlMs(plan.ttlMs, settings),
        fingerprint: plan.fingerprint,
        takeUnknown: settings.onUnknown === 'retry' || decided !== undefined,
        takeFinished,
        finishedOwner,
      };
      let answer: ClaimResult;
      try {
        const canRun = settings.onStoreError === 'run' && !hasAnswer;
        const asked = canRun ? store.claimUnlessSilent(key, request) : store.claim(key, request);
        if (asked instanceof Promise) {
          answer = await asked;
        } else {
          answer = asked;
          // The function never starts inside the call of `once`.
          await NEXT_TURN;
        }
      } catch (error) {
        // The store's earlier answer still holds: another owner is running the key.
        if (settings.onStoreError === 'fail' || hasAnswer) throw error;
        if (isUnwanted(tools, hasWaited)) throw new Abandoned();
        const refusal = limits?.startRun(key, account);
        if (refusal !== undefined) throw refusal;
        tools.setPhase('running');
        const run = await runUnprotected(key, plan.fn, plan.fingerprint, tools);
        outcome = toOutcome(run, startedAt);
        return outcome;
      }
      hasAnswer = true;
      const { record, nowMs } = answer;
      firstAnswerMs = Math.min(firstAnswerMs, nowMs);
      if (answer.claimed) {
        if (isUnwanted(tools, hasWaited)) {
          await store.release(key, record.owner);
          throw new Abandoned();
        }
        // The lost attempt is a later one than the decision was about.
        if (decided !== undefined && record.attempt !== decidedAttempt + 1 && record.attempt > 1) {
          try {
            decidedAttempt = record.attempt - 1;
            ({ decided, fn } = await decide(plan, { ...record, attempt: decidedAttempt }, tools));
          } catch (error) {
            await store.release(key, record.owner);
            throw error;
          }
        }
        let held: Claim | undefined = { request, record, sentAt };
        if (monotonicMs() - sentAt >= settings.leaseMs) {
          held = await holdLease(key, held, settings, store);
          if (held === undefined) continue;
        }
        if (isUnwanted(tools, hasWaited)) {
          await store.release(key, record.owner);
          throw new Abandoned();
        }
        // The store may have granted more claims at once than the account may run.
        const refusal = decided === 'reconciled' ? undefined : limits?.startRun(key, account);
        if (refusal !== undefined) {
          await store.release(key, record.owner);
          throw refusal;
        }
        if (record.attempt > 1 && decided !== 'reconciled') {
          tools.emit({ type: 'unknown', attempt: record.attempt - 1, decision: 'retry' });
        }
        tools.setPhase('running');
        const run = new ClaimedRun(key, held, tools);
        const ended = run.start(fn);
        const result = run.finish(ended instanceof Promise ? await ended : ended);
        outcome = toOutcome(result instanceof Promise ? await result : result, startedAt);
        return outcome;
      }
      if (isAnother(record.fingerprint, plan.fingerprint)) {
        tools.emit({ type: 'mismatch', layer: 'store' });
        throw mismatch(key, record);
      }
      const stored = storedResult(record);
      if (stored !== undefined) {
        const isNew =
          awaitedOwners?.has(record.owner) || (record.finishedAtMs ?? 0) > firstAnswerMs;
        if (!fresh || isNew) {
          // The result has aged while the reply was in flight.
          const repliedAt = monotonicMs();
          const opened = openResult(key, stored, settings);
          const result = opened instanceof Promise ? await opened : opened;
          if (result instanceof OnceError) {
            refuseUnreadable(result, tools);
            // The decision was about a run before this one.
            decided = undefined;
            fn = plan.fn;
            takeFinished = true;
            finishedOwner = record.owner;
            continue;
          }
          const repliedMs = nowMs + (repliedAt - sentAt);
          outcome = replay(record, result, repliedMs, hasWaited, repliedAt - startedAt);
          return outcome;
        }
        // The run that it waited for left no result, and this is the record from before it.
        takeFinished = true;
        finishedOwner = record.owner;
        continue;
      }
      if (isUnknown(record, nowMs)) {
        decidedAttempt = record.attempt;
        ({ decided, fn } = await decide(plan, record, tools));
        continue;
      }
      decided = undefined;
      fn = plan.fn;
      hasWaited = true;
      takeFinished = false;
      awaitedOwners ??= new Set();
      awaitedOwners.add(record.owner);
      await wait(plan, record, nowMs, tools);
    }
  } finally {
    tools.end(outcome);
  }
}

/**
 * Whether a claim would start a run, and not find a result or a run in progress. Without this look, each
 * request of an account that has reached a limit would write a claim and release it.
 */
async function wouldRun(
  { key, fresh, fingerprint }: RunPlan,
  { store, settings }: RunTools,
): Promise<boolean> {
  try {
    const { record, nowMs } = await store.read(key);
    if (record === undefined) return true;
    if (isAnother(record.fingerprint, fingerprint)) return false;
    return record.state === 'running'
      ? settings.onUnknown === 'retry' && isUnknown(record, nowMs)
      : fresh;
  } catch {
    // The claim fails as well, and `onStoreError` decides.
    return false;
  }
}

/**
 * Whether no run may start: its signal has aborted, or every caller has aborted and the run would
 * replace that of another owner, or `onAbandoned` is `'abort'`.
 */
const isUnwanted = ({ abort, isAbandoned, settings }: RunTools, hasWaited: boolean) =>
  abort.aborted || (isAbandoned && (hasWaited || settings.onAbandoned === 'abort'));

/**
 * Returns the claim with a lease that certainly holds now, or `undefined` if another owner has the key.
 * The process may have been paused since it sent the claim, and a run starts only under a valid lease.
 */
async function holdLease(
  key: string,
  claim: Claim,
  { leaseMs }: OnceSettings,
  store: GuardedStore,
): Promise<Claim | undefined> {
  const { owner } = claim.record;
  let { record, sentAt } = claim;
  try {
    while (monotonicMs() - sentAt >= leaseMs) {
      sentAt = monotonicMs();
      if (!(await store.renew(key, owner, leaseMs))) return undefined;
      // Another owner may have claimed and released it in between, with a larger fencing token.
      const { record: current } = await store.read(key);
      if (current?.owner !== owner || current.state !== 'running') return undefined;
      record = current;
    }
  } catch (error) {
    await store.release(key, owner);
    throw error;
  }
  return { ...claim, record, sentAt };
}

let process = '';
let claimCount = 0;

/** Returns a text that is unique to this claim, in this process and all others. */
function newOwner(): string {
  // At the first claim: some platforms have no random numbers while a module loads.
  if (process === '') process = randomUuid();
  return `${process}.${claimCount++}`;
}

/**
 * The time to live of a running record, whose owner may crash. If `onUnknown` must decide about it, it
 * stays for years; with `'retry'` it stays as long as attempts are counted.
 */
function unfinishedTtlMs(ttlMs: number, { onUnknown, leaseMs }: OnceSettings): number {
  return Math.max(ttlMs, onUnknown === 'retry' ? 2 * leaseMs : HELD_TTL_MS);
}

/** Another owner is running the key: waits for a change, or refuses the call. */
async function wait(
  { key }: RunPlan,
  record: StoreRecord,
  nowMs: number,
  tools: RunTools,
): Promise<void> {
  tools.setPhase('waiting', record);
  if (tools.settings.onDuplicate === 'reject') {
    tools.emit({ type: 'conflict', layer: 'store', waitedMs: 0 });
    throw inProgress(key, record, 0);
  }
  await tools.untilChanged(record.leaseEndsAtMs - nowMs + 1);
}

/** Decides by `onUnknown` about a record without an outcome: what runs under the next claim. */
async function decide(
  { key, fn }: RunPlan,
  record: StoreRecord,
  tools: RunTools,
): Promise<{ readonly decided: 'retry' | 'reconciled'; readonly fn: RunPlan['fn'] }> {
  const { attempt } = record;
  const { settings } = tools;
  const { onUnknown } = settings;
  const found = typeof onUnknown === 'function' ? await onUnknown(record) : onUnknown;
  if (found === 'retry') return { decided: found, fn };
  if (typeof found === 'object' && found !== null && Object.hasOwn(found, 'value')) {
    // Check the value before the unknown record is taken over.
    requireStorable(key, found.value, settings);
    tools.emit({ type: 'unknown', attempt, decision: 'reconciled' });
    return { decided: 'reconciled', fn: () => found.value };
  }
  if (found === 'hold') {
    tools.emit({ type: 'unknown', attempt, decision: 'hold' });
    throw unknownOutcome(key, record);
  }
  throw new OnceError(
    'SAMEKEY_BAD_ARGUMENT',
    key,
    `Cannot run ${key}: onUnknown gave ${shown(found)}, wanted "retry", "hold" or { value }`,
    { record },
  );
}

/** Decides by `onUnreadable`: throws the error, or returns if the function runs again. */
function refuseUnreadable(error: OnceError, tools: RunTools): void {
  const { onUnreadable } = tools.settings;
  tools.emit(unreadableEvent(error, onUnreadable));
  if (onUnreadable === 'hold') throw error;
}

function toOutcome(run: RunResult, startedAt: number): RunOutcome {
  const { result, ended, isStored, fingerprint, ageMs, leftMs, runMs } = run;
  const outcome = ended === undefined ? 'joined' : 'executed';
  const waitedMs = monotonicMs() - startedAt;
  return { result, ended, isStored, outcome, fingerprint, waitedMs, ageMs, leftMs, runMs };
}

function replay(
  record: StoreRecord,
  result: StoredResult,
  nowMs: number,
  hasWaited: boolean,
  waitedMs: number,
): RunOutcome {
  const { fingerprint, expiresAtMs } = record;
  return {
    result,
    ended: undefined,
    isStored: true,
    outcome: hasWaited ? 'joined' : 'replayed',
    fingerprint,
    waitedMs,
    ...timesOf(record, nowMs),
    leftMs: expiresAtMs - nowMs,
  };
}
