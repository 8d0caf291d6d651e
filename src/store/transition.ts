import { own } from '../options/own.js';
import type { ClaimRequest, Completion, StoreRecord } from './store.js';

/**
 * The rules of a record as pure functions, for stores that read, decide and write in one atomic
 * step of their own. Redis (Lua) and PostgreSQL (SQL) decide on the server; the conformance tests
 * hold them to the same rules.
 */

/**
 * A record as a store keeps it. `former` is the record that the claim of a running record replaced,
 * for `release`: a finished one, or one of unknown outcome, which may have a finished `former` of
 * its own. So at most two records follow the current one, and none of them expires later than the
 * record in front of it.
 */
export interface StoredRecord extends StoreRecord {
  readonly former?: StoredRecord;
}

/**
 * How long at least the record of a run stays that waits for a decision by `onUnknown`, should its owner
 * crash. A store must not drop it for another.
 */
// A literal, 3660 days: bundlers keep an unused product.
export const HELD_TTL_MS = 316_224_000_000;

/** Returns the record that the claim of a running record replaced. */
export const formerOf = (record: StoredRecord): StoredRecord | undefined => own(record, 'former');

/** Returns the record without its former ones, as callers see it. */
export function withoutFormer(record: StoredRecord): StoreRecord {
  if (formerOf(record) === undefined) return record;
  const { former: _, ...current } = record;
  return current;
}

/** Returns the record with `former` in place of its own. */
export function withFormer(former: StoredRecord | undefined, record: StoredRecord): StoredRecord {
  return former === undefined ? withoutFormer(record) : { ...record, former };
}

/** Returns the finished record behind a running one. */
export function formerFinished(record: StoredRecord): StoredRecord | undefined {
  const former = formerOf(record);
  return former?.state === 'running' ? formerOf(former) : former;
}

/** Whether the lease has expired, so that the outcome of the run is unknown. */
export function isUnknown(record: StoreRecord, nowMs: number): boolean {
  return record.state === 'running' && record.leaseEndsAtMs <= nowMs;
}

/** Whether both fingerprints are given and differ. A record or a caller may have no fingerprint. */
export function isAnother(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b;
}

/** Whether a claim may replace a finished record of `owner`. */
export function isTakable(owner: string, request: ClaimRequest): boolean {
  if (!request.takeFinished) return false;
  const finishedOwner = own(request, 'finishedOwner');
  return finishedOwner === undefined || finishedOwner === owner;
}

/** Returns the record if it has not expired. */
export function unexpired<T extends StoreRecord>(
  record: T | undefined,
  nowMs: number,
): T | undefined {
  return record === undefined || record.expiresAtMs <= nowMs ? undefined : record;
}

/**
 * Returns the record of a granted claim, or `undefined` for a refusal. `old` is the stored record,
 * expired or not: the new fencing token is larger than its token in any case. `highestToken` is the
 * largest token of the deleted records. Without it two claims within one millisecond of `nowMs`, or
 * a clock that was set back, could give the same token twice.
 */
export function claimed(
  old: StoredRecord | undefined,
  request: ClaimRequest,
  nowMs: number,
  highestToken = 0,
): StoredRecord | undefined {
  const current = unexpired(old, nowMs);
  let attempt = 1;
  if (current !== undefined) {
    // The claim was sent again, because its reply was lost or it arrived after its run had ended.
    if (current.owner === request.owner) {
      return current.state === 'running' ? current : undefined;
    }
    if (isAnother(current.fingerprint, request.fingerprint)) return undefined;
    if (current.state !== 'running') {
      if (!isTakable(current.owner, request)) return undefined;
    } else {
      if (!request.takeUnknown || !isUnknown(current, nowMs)) return undefined;
      attempt = current.attempt + 1;
    }
  }
  // Of several records that were taken over in turn only the newest is record.
  const former =
    current?.state === 'running' ? withFormer(formerFinished(current), current) : current;
  return withFormer(former, {
    state: 'running',
    owner: request.owner,
    // Microseconds: a store with a clock that fine needs no memory of deleted records.
    fencingToken: Math.max(
      Math.max(old?.fencingToken ?? 0, highestToken) + 1,
      Math.floor(nowMs * 1000),
    ),
    attempt,
    fingerprint: request.fingerprint,
    claimedAtMs: nowMs,
    leaseEndsAtMs: nowMs + request.leaseMs,
    // It must not expire before its former record, which would be lost with it.
    expiresAtMs: Math.max(
      nowMs + Math.max(request.ttlMs, request.leaseMs),
      former?.expiresAtMs ?? 0,
    ),
    finishedAtMs: undefined,
    codec: undefined,
    payload: undefined,
  });
}

/** Returns the renewed record, or `undefined` if `owner` may not renew it. */
export function renewed(
  old: StoredRecord | undefined,
  owner: string,
  leaseMs: number,
  nowMs: number,
): StoredRecord | undefined {
  const record = unexpired(old, nowMs);
  if (record?.owner !== owner || record.state !== 'running') return undefined;
  const leaseEndsAtMs = nowMs + leaseMs;
  return { ...record, leaseEndsAtMs, expiresAtMs: Math.max(record.expiresAtMs, leaseEndsAtMs) };
}

/** Returns the finished record, or `undefined` if `owner` may not finish it. */
export function completed(
  old: StoredRecord | undefined,
  owner: string,
  { state, codec, payload, ttlMs }: Completion,
  nowMs: number,
): StoreRecord | undefined {
  const record = unexpired(old, nowMs);
  if (record?.owner !== owner) return undefined;
  // The outcome was sent again, because its reply was lost.
  if (record.state !== 'running') return record;
  const { fencingToken, attempt, fingerprint, claimedAtMs, leaseEndsAtMs } = record;
  return {
    state,
    owner,
    fencingToken,
    attempt,
    fingerprint,
    claimedAtMs,
    leaseEndsAtMs,
    expiresAtMs: nowMs + ttlMs,
    finishedAtMs: nowMs,
    codec,
    payload,
  };
}

/** Whether `owner` may release its claim. */
export function isReleasable(old: StoreRecord | undefined, owner: string, nowMs: number): boolean {
  const record = unexpired(old, nowMs);
  return record?.owner === owner && record.state === 'running';
}

/**
 * Returns the record after a release: the one that the claim replaced, or `undefined`. If a later
 * takeover dropped the record that this one took over, this one stays with an expired lease:
 * otherwise no record would show that the outcome is unknown.
 */
export function restored(released: StoredRecord, nowMs: number): StoredRecord | undefined {
  const { fencingToken, attempt, leaseEndsAtMs } = released;
  const former = formerOf(released);
  if (attempt > 1 && former?.state !== 'running') {
    return { ...released, leaseEndsAtMs: Math.min(leaseEndsAtMs, nowMs) };
  }
  const record = unexpired(former, nowMs) ?? unexpired(former && formerOf(former), nowMs);
  return record && { ...record, fencingToken };
}

/** Whether `evict` may delete the record. */
export function isEvictable(old: StoreRecord | undefined, nowMs: number): boolean {
  const record = unexpired(old, nowMs);
  return record !== undefined && (record.state !== 'running' || isUnknown(record, nowMs));
}
