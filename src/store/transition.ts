import type { ClaimRequest, Completion, StoreRecord } from './store.js';

/**
 * The rules of a record as pure functions, for stores that read, decide and write in one atomic
 * step of their own. Stores that decide elsewhere, in Lua or SQL, are held to the same by the
 * conformance tests.
 */

/** A record as it is kept: behind a running one may be the finished one in whose place it is. */
export interface KeptRecord extends StoreRecord {
  readonly former?: StoreRecord;
}

/** The record as everybody may see it. */
export function shown(kept: KeptRecord): StoreRecord {
  if (kept.former === undefined) return kept;
  const { former: _, ...record } = kept;
  return record;
}

/** Whether its owner has not been heard of for longer than the lease: what became of it is unknown. */
export function isUnknown(record: StoreRecord, nowMs: number): boolean {
  return record.state === 'running' && record.leaseEndsAtMs <= nowMs;
}

/** Whether two fingerprints are of different payloads; a record or a caller may have none. */
export function isAnother(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b;
}

/** The record if it has not expired. */
export function unexpired<T extends StoreRecord>(
  record: T | undefined,
  nowMs: number,
): T | undefined {
  return record === undefined || record.expiresAtMs <= nowMs ? undefined : record;
}

/**
 * The record of a claim that is granted, or `undefined`. `old` is what stands there, expired or not:
 * its fencing token is passed in any case. `passedToken` is the largest of the records that were
 * taken away: without it the token of a key would not grow from a claim to the next one within a
 * millisecond of `nowMs`, or after its clock was set back.
 */
export function claimed(
  old: KeptRecord | undefined,
  request: ClaimRequest,
  nowMs: number,
  passedToken = 0,
): KeptRecord | undefined {
  const standing = unexpired(old, nowMs);
  let attempt = 1;
  if (standing !== undefined) {
    // Its reply was lost.
    if (standing.owner === request.owner && standing.state === 'running') return standing;
    if (isAnother(standing.fingerprint, request.fingerprint)) return undefined;
    if (standing.state !== 'running') {
      if (!request.takeFinished) return undefined;
    } else {
      if (!request.takeUnknown || !isUnknown(standing, nowMs)) return undefined;
      attempt = standing.attempt + 1;
    }
  }
  const former = standing?.state === 'running' ? standing.former : standing;
  const record: StoreRecord = {
    state: 'running',
    owner: request.owner,
    // Microseconds: a store whose clock is that fine needs to remember nothing of records that are gone.
    fencingToken: Math.max(
      Math.max(old?.fencingToken ?? 0, passedToken) + 1,
      Math.floor(nowMs * 1000),
    ),
    attempt,
    fingerprint: request.fingerprint,
    claimedAtMs: nowMs,
    leaseEndsAtMs: nowMs + request.leaseMs,
    expiresAtMs: nowMs + Math.max(request.ttlMs, request.leaseMs),
    finishedAtMs: undefined,
    codec: undefined,
    payload: undefined,
  };
  return former === undefined ? record : { ...record, former };
}

/** The record renewed, or `undefined` if it is not the owner's to renew. */
export function renewed(
  old: KeptRecord | undefined,
  owner: string,
  leaseMs: number,
  nowMs: number,
): KeptRecord | undefined {
  const record = unexpired(old, nowMs);
  if (record?.owner !== owner || record.state !== 'running') return undefined;
  const leaseEndsAtMs = nowMs + leaseMs;
  return { ...record, leaseEndsAtMs, expiresAtMs: Math.max(record.expiresAtMs, leaseEndsAtMs) };
}

/** The record finished, or `undefined` if it is not the owner's to finish. */
export function completed(
  old: KeptRecord | undefined,
  owner: string,
  { state, codec, payload, ttlMs }: Completion,
  nowMs: number,
): StoreRecord | undefined {
  const record = unexpired(old, nowMs);
  if (record?.owner !== owner) return undefined;
  // Its reply was lost.
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

/** Whether `owner` may take the record away. */
export function isReleasable(old: StoreRecord | undefined, owner: string, nowMs: number): boolean {
  const record = unexpired(old, nowMs);
  return record?.owner === owner && record.state === 'running';
}

/** What is there again when a running record is released: what was finished before it, or nothing. */
export function restored(
  { fencingToken }: StoreRecord,
  former: StoreRecord | undefined,
  nowMs: number,
): StoreRecord | undefined {
  const record = unexpired(former, nowMs);
  return record && { ...record, fencingToken };
}

/** Whether anybody may take the record away. */
export function isEvictable(old: StoreRecord | undefined, nowMs: number): boolean {
  const record = unexpired(old, nowMs);
  return record !== undefined && (record.state !== 'running' || isUnknown(record, nowMs));
}
