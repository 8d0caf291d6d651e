import type { ClaimRequest, Completion, StoreRecord } from './store.js';

/**
 * The rules of a record as pure functions, for stores that read, decide and write in one atomic
 * step of their own. Stores that decide elsewhere, in Lua or SQL, are held to the same by the
 * conformance tests.
 */

/**
 * A record as it is kept. Behind a running record is the one that its claim replaced, for `release`:
 * a finished one, or one of unknown outcome, which may itself have a finished one behind it. At most
 * two records are behind the one in front, and none of them expires later than the one before it.
 */
export interface KeptRecord extends StoreRecord {
  readonly former?: KeptRecord;
}

/** The record as everybody may see it. */
export function shown(kept: KeptRecord): StoreRecord {
  if (kept.former === undefined) return kept;
  const { former: _, ...record } = kept;
  return record;
}

/** The record with `former` behind it, in place of what was there. */
export function inFrontOf(former: KeptRecord | undefined, kept: KeptRecord): KeptRecord {
  return former === undefined ? shown(kept) : { ...kept, former };
}

/** The finished record behind a running one. */
export function finishedBehind({ former }: KeptRecord): KeptRecord | undefined {
  return former?.state === 'running' ? former.former : former;
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
    // Sent again: its reply was lost, or it comes so late that its run is over.
    if (standing.owner === request.owner) {
      return standing.state === 'running' ? standing : undefined;
    }
    if (isAnother(standing.fingerprint, request.fingerprint)) return undefined;
    if (standing.state !== 'running') {
      if (!request.takeFinished) return undefined;
    } else {
      if (!request.takeUnknown || !isUnknown(standing, nowMs)) return undefined;
      attempt = standing.attempt + 1;
    }
  }
  // Two are enough: of the records that were taken over one after the other the newest is kept.
  const former =
    standing?.state === 'running' ? inFrontOf(finishedBehind(standing), standing) : standing;
  return inFrontOf(former, {
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
    // It must not expire before the record behind it: that would be lost with it.
    expiresAtMs: Math.max(
      nowMs + Math.max(request.ttlMs, request.leaseMs),
      former?.expiresAtMs ?? 0,
    ),
    finishedAtMs: undefined,
    codec: undefined,
    payload: undefined,
  });
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

/** Whether `owner` may give its claim back. */
export function isReleasable(old: StoreRecord | undefined, owner: string, nowMs: number): boolean {
  const record = unexpired(old, nowMs);
  return record?.owner === owner && record.state === 'running';
}

/**
 * What is there once a running record is released: what its claim replaced, or nothing. A record
 * that took over another one, which a later takeover dropped, stays itself as one of unknown
 * outcome: nothing else tells any longer that there was one.
 */
export function restored(released: KeptRecord, nowMs: number): KeptRecord | undefined {
  const { fencingToken, attempt, leaseEndsAtMs, former } = released;
  if (attempt > 1 && former?.state !== 'running') {
    return { ...released, leaseEndsAtMs: Math.min(leaseEndsAtMs, nowMs) };
  }
  const record = unexpired(former, nowMs) ?? unexpired(former?.former, nowMs);
  return record && { ...record, fencingToken };
}

/** Whether anybody may take the record away. */
export function isEvictable(old: StoreRecord | undefined, nowMs: number): boolean {
  const record = unexpired(old, nowMs);
  return record !== undefined && (record.state !== 'running' || isUnknown(record, nowMs));
}
