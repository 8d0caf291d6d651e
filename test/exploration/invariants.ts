import {
  type ClaimState,
  claimOf,
  decide,
  isRunningBy,
  type KeptRecord,
  LEASE_MS,
  type Step,
  takesFinished,
  visible,
  type World,
} from './world.js';

/** The invariants of every step. `docs/invariants.md` explains them by the same names. */
export interface Invariant {
  readonly name: string;
  /** The violation, or `undefined`. */
  check(step: Step): string | undefined;
}

/** Whether a message belongs to a claim that does not own the visible record. */
const isNewGrant = ({ before, action, reply }: Step) =>
  action.type === 'claim' && reply === true && !isRunningBy(visible(before), action.by);

const isAnother = (a: string | undefined, b: string | undefined) =>
  a !== undefined && b !== undefined && a !== b;

const fingerprintOf = ({ claims }: World, { owner }: KeptRecord) =>
  claims[claimOf(owner)]?.request?.fingerprint;

export const invariants: readonly Invariant[] = [
  {
    name: 'one live owner',
    check(step) {
      const old = visible(step.before);
      if (!isNewGrant(step) || old?.state !== 'running') return undefined;
      if (old.leaseEndsAtMs <= step.before.nowMs) return undefined;
      return `granted while the lease of ${old.owner} is valid for ${old.leaseEndsAtMs - step.before.nowMs} ms`;
    },
  },
  {
    name: 'fencing tokens grow',
    check(step) {
      const { before, after } = step;
      const token = after.kept?.fencingToken ?? 0;
      if (isNewGrant(step) && token <= before.largestToken) {
        return `granted with token ${token}, after ${before.largestToken}`;
      }
      if (after.kept !== undefined && before.kept !== undefined) {
        if (token < before.kept.fencingToken) {
          return `the token of the record goes from ${before.kept.fencingToken} back to ${token}`;
        }
      }
      return undefined;
    },
  },
  {
    name: 'a result stays',
    check({ after }) {
      const { result } = after;
      if (result === undefined) return undefined;
      const record = visible(after);
      if (record === undefined) return 'nothing is there, and the result has not expired';
      if (record.state === 'running') return undefined;
      if (record.codec !== result.codec) return `the result is ${record.codec}`;
      if (record.expiresAtMs !== result.expiresAtMs) return 'it expires at another time';
      return undefined;
    },
  },
  {
    name: 'a mismatch never claims',
    check(step) {
      const old = visible(step.before);
      if (step.action.type !== 'claim' || step.reply !== true || old === undefined)
        return undefined;
      const own = step.action.kind.fingerprint;
      const current = fingerprintOf(step.before, old);
      return isAnother(own, current)
        ? `granted with fingerprint ${own} on a record of ${current}`
        : undefined;
    },
  },
  {
    name: 'a free key can be claimed',
    check({ before, action, reply }) {
      if (action.type !== 'claim' || reply === true) return undefined;
      const old = visible(before);
      if (old === undefined) return 'refused, and nothing is there';
      if (isRunningBy(old, action.by)) return 'refused, and the record is its own';
      const { fingerprint, takeUnknown } = action.kind;
      if (isAnother(fingerprint, fingerprintOf(before, old))) return undefined;
      if (claimOf(old.owner) === action.by) return undefined;
      const isFree =
        old.state === 'running'
          ? takeUnknown && old.leaseEndsAtMs <= before.nowMs
          : takesFinished(action.by, action.kind, old);
      return isFree ? `refused, and the record of ${old.owner} may be taken` : undefined;
    },
  },
  {
    name: 'a claim takes only permitted records',
    check(step) {
      const old = visible(step.before);
      if (step.action.type !== 'claim' || !isNewGrant(step) || old === undefined) return undefined;
      const { by, kind } = step.action;
      const { takeUnknown, takeFinished } = kind;
      if (old.state === 'running' && !takeUnknown) return 'an unknown record is taken over';
      if (old.state !== 'running' && !takeFinished) return 'a finished record is run again';
      if (old.state !== 'running' && !takesFinished(by, kind, old)) {
        return `the record of ${old.owner} is run again`;
      }
      return undefined;
    },
  },
  {
    name: 'attempts are counted',
    check(step) {
      if (!isNewGrant(step)) return undefined;
      const old = visible(step.before);
      const wanted = old?.state === 'running' ? old.attempt + 1 : 1;
      const attempt = step.after.kept?.attempt;
      return attempt === wanted ? undefined : `attempt ${attempt}, wanted ${wanted}`;
    },
  },
  {
    name: 'a lease is kept',
    check(step) {
      const { action, reply, before, after } = step;
      const { kept } = after;
      if (kept?.state === 'running' && kept.expiresAtMs < kept.leaseEndsAtMs) {
        return 'the record expires before its lease';
      }
      const isRenewed = action.type === 'renew' && reply === true;
      if (!isRenewed && !isNewGrant(step)) {
        if (action.type !== 'renew' || !isRunningBy(visible(before), action.by)) return undefined;
        return 'the owner cannot renew';
      }
      const leaseMs = action.type === 'renew' ? action.leaseMs : LEASE_MS;
      return kept?.leaseEndsAtMs === before.nowMs + leaseMs ? undefined : 'another lease is kept';
    },
  },
  {
    name: 'release restores the former state',
    check({ before, action, reply, after }) {
      if (action.type !== 'release') return undefined;
      const old = visible(before);
      if (!isRunningBy(old, action.by) || old === undefined) return undefined;
      if (reply !== true) return 'the owner cannot release';
      const { replaced, isPushedOut } = before.claims[action.by] as ClaimState;
      const wanted = isPushedOut
        ? { ...old, leaseEndsAtMs: Math.min(old.leaseEndsAtMs, before.nowMs) }
        : withToken(unexpired(replaced, before.nowMs), old.fencingToken);
      return isSame(after.kept, wanted)
        ? undefined
        : `wanted ${showRecord(wanted, before.nowMs)}, got ${showRecord(after.kept, before.nowMs)}`;
    },
  },
  {
    name: 'a former owner changes nothing',
    check({ before, action, reply, after }) {
      if (action.type === 'clock' || action.type === 'sweep') return undefined;
      const isOwn = action.type !== 'evict' && claimOf(visible(before)?.owner ?? '') === action.by;
      const isFinished = visible(before)?.state !== 'running';
      const mayChange =
        action.type === 'claim' || action.type === 'evict' ? reply === true : isOwn && !isFinished;
      if (mayChange) return undefined;
      if (!isSame(before.kept, after.kept)) return 'the record was changed';
      if (isOwn && action.type === 'complete') return undefined;
      return reply === true ? 'answered true' : undefined;
    },
  },
  {
    name: 'an outcome is written once',
    check({ before, action, reply, after }) {
      if (action.type !== 'complete') return undefined;
      const old = visible(before);
      const isOwn = old !== undefined && claimOf(old.owner) === action.by;
      if (reply !== isOwn) return isOwn ? 'the owner cannot complete' : 'answered true in vain';
      if (!isOwn) return undefined;
      const { kept } = after;
      if (kept?.state !== action.kind.state) return `the state is ${kept?.state}`;
      if (kept.former !== undefined) return 'a record is behind a finished one';
      const isWritten = claimOf(kept.owner) === action.by && kept.finishedAtMs !== undefined;
      return isWritten ? undefined : 'it is not what is kept';
    },
  },
  {
    name: 'a repeated call has one effect',
    check({ action, reply, after, rules }) {
      if (action.type === 'clock' || action.type === 'sweep') return undefined;
      const again = decide(after, action, rules);
      if (!isSame(again.kept, after.kept)) return 'the same message again changes the record';
      if (action.type === 'release' || action.type === 'evict') return undefined;
      return again.reply === reply ? undefined : 'the same message again is answered otherwise';
    },
  },
  {
    name: 'an ended claim is not granted again',
    check(step) {
      const old = visible(step.before);
      if (step.action.type !== 'claim' || old === undefined || old.state === 'running') {
        return undefined;
      }
      if (claimOf(old.owner) !== step.action.by) return undefined;
      return step.reply === true ? 'a claim is granted again after its own outcome' : undefined;
    },
  },
  {
    name: 'an unknown outcome is not forgotten',
    check({ after }) {
      if (after.open.length === 0) return undefined;
      const record = visible(after);
      return record?.state === 'running' ? undefined : 'nothing tells of it any longer';
    },
  },
  {
    name: 'a live owner is not evicted',
    check({ before, action, reply }) {
      if (action.type !== 'evict') return undefined;
      const old = visible(before);
      const mayGo =
        old !== undefined && (old.state !== 'running' || old.leaseEndsAtMs <= before.nowMs);
      return reply === mayGo ? undefined : `evict answers ${reply}`;
    },
  },
  {
    name: 'the visible record expires last',
    check({ after }) {
      let depth = 0;
      for (let record = after.kept; record?.former !== undefined; record = record.former) {
        if (record.expiresAtMs < record.former.expiresAtMs) {
          return `${record.owner} expires before ${record.former.owner} behind it`;
        }
        if (++depth > 2) return 'more than two records are behind the one in front';
      }
      return undefined;
    },
  },
  {
    name: 'read returns the visible record',
    check({ after, rules }) {
      const record = rules.unexpired(after.kept, after.nowMs);
      if (record !== visible(after)) return `read gives ${showRecord(record, after.nowMs)}`;
      const shown = record && rules.withoutFormer(record);
      return shown !== undefined && 'former' in shown ? 'read gives what is behind' : undefined;
    },
  },
];

function unexpired(record: KeptRecord | undefined, nowMs: number): KeptRecord | undefined {
  if (record === undefined || record.expiresAtMs > nowMs) return record;
  return unexpired(record.former, nowMs);
}

const withToken = (record: KeptRecord | undefined, fencingToken: number) =>
  record && { ...record, fencingToken };

function isSame(a: KeptRecord | undefined, b: KeptRecord | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  return (
    a.state === b.state &&
    a.owner === b.owner &&
    a.fencingToken === b.fencingToken &&
    a.attempt === b.attempt &&
    a.fingerprint === b.fingerprint &&
    a.claimedAtMs === b.claimedAtMs &&
    a.leaseEndsAtMs === b.leaseEndsAtMs &&
    a.expiresAtMs === b.expiresAtMs &&
    a.finishedAtMs === b.finishedAtMs &&
    a.codec === b.codec &&
    isSame(a.former, b.former)
  );
}

/** A record in one line, for a trace. */
export function showRecord(record: KeptRecord | undefined, nowMs: number): string {
  if (record === undefined) return 'nothing';
  const { state, owner, attempt, fencingToken, fingerprint, former } = record;
  const from = (ms: number) => `${ms < nowMs ? '' : '+'}${ms - nowMs}`;
  const words = [
    `${state} by ${owner}, attempt ${attempt}, token ${fencingToken}`,
    ...(fingerprint === undefined ? [] : [`fingerprint ${fingerprint}`]),
    ...(state === 'running' ? [`lease ${from(record.leaseEndsAtMs)}`] : []),
    `expires ${from(record.expiresAtMs)}`,
  ];
  const behind = former === undefined ? '' : ` ← ${showRecord(former, nowMs)}`;
  return `[${words.join(', ')}]${behind}`;
}
