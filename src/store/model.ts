import type { ClaimRequest, ClaimResult, Completion, StoreRecord } from './store.js';

/**
 * The rules of a store for one key, written a second time and independently of `transition.ts`. The
 * conformance tests compare the replies of a store with this model.
 *
 * The model does not know when during a call the store read its clock, or which fencing token it
 * chose. It therefore works with spans of time, and each reply narrows them.
 */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

interface ModelRecord {
  readonly state: StoreRecord['state'];
  readonly owner: string;
  readonly attempt: number;
  readonly fingerprint: string | undefined;
  readonly codec: string | undefined;
  readonly payload: string | undefined;
  readonly fencingToken: number | undefined;
  readonly claimedAt: Span;
  readonly leaseEnds: Span;
  readonly expires: Span;
  readonly finishedAt: Span | undefined;
  /** The record that the claim of a running record replaced. */
  readonly former?: ModelRecord | undefined;
}

export interface ModelState {
  readonly record: ModelRecord | undefined;
  /** The largest fencing token seen so far. */
  readonly seenToken: number;
}

export type Call =
  | { readonly type: 'claim'; readonly request: ClaimRequest }
  | { readonly type: 'renew'; readonly owner: string; readonly leaseMs: number }
  | { readonly type: 'complete'; readonly owner: string; readonly completion: Completion }
  | { readonly type: 'release'; readonly owner: string }
  | { readonly type: 'evict' }
  | { readonly type: 'read' };

export type Reply =
  | ClaimResult
  | boolean
  | { readonly record: StoreRecord | undefined; readonly nowMs: number };

export const EMPTY: ModelState = { record: undefined, seenToken: 0 };

/**
 * Returns the state after a call, or `undefined` if the reply is wrong. A lost reply is always
 * right.
 */
export function explain(
  before: ModelState,
  call: Call,
  reply: Reply | undefined,
  now: Span,
): ModelState | undefined {
  const { answer, record } = decide(before.record, call, now);
  const after = { ...before, record };
  if (reply === undefined) return after;
  if (typeof reply === 'boolean') return reply === answer ? after : undefined;
  if ('claimed' in reply && reply.claimed !== answer) return undefined;
  if (!isWithin(reply.nowMs, now)) return undefined;
  return observe(after, reply.record);
}

/** Whether a time has passed. Throws if that is uncertain, because the test would prove nothing. */
export function isPast(end: Span, now: Span): boolean {
  if (end.toMs <= now.fromMs) return true;
  if (end.fromMs > now.toMs) return false;
  throw new Error(`Cannot tell whether ${show(end)} is over at ${show(now)}`);
}

function decide(
  old: ModelRecord | undefined,
  call: Call,
  now: Span,
): { answer: boolean; record: ModelRecord | undefined } {
  const record = old !== undefined && isPast(old.expires, now) ? undefined : old;
  const refused = { answer: false, record };
  if (call.type === 'claim') return decideClaim(record, call.request, now);
  if (call.type === 'read' || record === undefined) return refused;
  const isRunning = record.state === 'running';
  if (call.type === 'evict') {
    return isRunning && !isPast(record.leaseEnds, now)
      ? refused
      : { answer: true, record: undefined };
  }
  if (record.owner !== call.owner) return refused;
  if (!isRunning) return { answer: call.type === 'complete', record };
  switch (call.type) {
    case 'release': {
      const { former, fencingToken } = record;
      if (record.attempt > 1 && former?.state !== 'running') {
        return { answer: true, record: { ...record, leaseEnds: earliest(record.leaseEnds, now) } };
      }
      const back = [former, former?.former].find(
        (behind) => behind !== undefined && !isPast(behind.expires, now),
      );
      return { answer: true, record: back && { ...back, fencingToken } };
    }
    case 'renew': {
      const leaseEnds = later(now, call.leaseMs);
      return {
        answer: true,
        record: { ...record, leaseEnds, expires: latest(record.expires, leaseEnds) },
      };
    }
    case 'complete': {
      const { state, codec, payload, ttlMs } = call.completion;
      const kept = { state, codec, payload: payload.join(), finishedAt: now };
      const expires = later(now, ttlMs);
      return { answer: true, record: { ...record, ...kept, expires, former: undefined } };
    }
  }
}

function decideClaim(
  record: ModelRecord | undefined,
  request: ClaimRequest,
  now: Span,
): { answer: boolean; record: ModelRecord | undefined } {
  const { owner, leaseMs, ttlMs, fingerprint, takeUnknown, takeFinished, finishedOwner } = request;
  const isTakenOver = record?.state === 'running';
  if (record !== undefined) {
    if (record.owner === owner) return { answer: isTakenOver, record };
    const isFree = isTakenOver
      ? takeUnknown && isPast(record.leaseEnds, now)
      : takeFinished && (finishedOwner ?? record.owner) === record.owner;
    const isSame =
      fingerprint === undefined ||
      record.fingerprint === undefined ||
      fingerprint === record.fingerprint;
    if (!isFree || !isSame) return { answer: false, record };
  }
  return {
    answer: true,
    record: {
      state: 'running',
      owner,
      attempt: isTakenOver ? record.attempt + 1 : 1,
      fingerprint,
      codec: undefined,
      payload: undefined,
      fencingToken: undefined,
      claimedAt: now,
      leaseEnds: later(now, leaseMs),
      expires: latest(later(now, Math.max(ttlMs, leaseMs)), record?.expires ?? now),
      finishedAt: undefined,
      former: isTakenOver ? { ...record, former: lastFinished(record) } : record,
    },
  };
}

function lastFinished({ former }: ModelRecord): ModelRecord | undefined {
  return former?.state === 'running' ? former.former : former;
}

/** Returns the state narrowed to a record that a reply shows, or `undefined` if they contradict. */
function observe(state: ModelState, shown: StoreRecord | undefined): ModelState | undefined {
  const { record, seenToken } = state;
  if (record === undefined || shown === undefined) return record === shown ? state : undefined;
  const isSame =
    shown.state === record.state &&
    shown.owner === record.owner &&
    shown.attempt === record.attempt &&
    shown.fingerprint === record.fingerprint &&
    shown.codec === record.codec &&
    shown.payload?.join() === record.payload &&
    isWithin(shown.claimedAtMs, record.claimedAt) &&
    isWithin(shown.leaseEndsAtMs, record.leaseEnds) &&
    isWithin(shown.expiresAtMs, record.expires) &&
    isWithin(shown.finishedAtMs, record.finishedAt) &&
    (record.fencingToken === undefined
      ? shown.fencingToken > seenToken
      : shown.fencingToken === record.fencingToken);
  if (!isSame) return undefined;
  return {
    seenToken: shown.fencingToken,
    record: {
      ...record,
      fencingToken: shown.fencingToken,
      claimedAt: at(shown.claimedAtMs),
      leaseEnds: at(shown.leaseEndsAtMs),
      expires: at(shown.expiresAtMs),
      finishedAt: shown.finishedAtMs === undefined ? undefined : at(shown.finishedAtMs),
    },
  };
}

/** The span of a single moment. */
export const at = (ms: number): Span => ({ fromMs: ms, toMs: ms });

const later = ({ fromMs, toMs }: Span, ms: number): Span => ({
  fromMs: fromMs + ms,
  toMs: toMs + ms,
});

const latest = (a: Span, b: Span): Span => ({
  fromMs: Math.max(a.fromMs, b.fromMs),
  toMs: Math.max(a.toMs, b.toMs),
});

const earliest = (a: Span, b: Span): Span => ({
  fromMs: Math.min(a.fromMs, b.fromMs),
  toMs: Math.min(a.toMs, b.toMs),
});

const isWithin = (ms: number | undefined, span: Span | undefined) =>
  ms === undefined || span === undefined ? ms === span : ms >= span.fromMs && ms <= span.toMs;

const show = ({ fromMs, toMs }: Span) => `${fromMs} to ${toMs}`;
