import type { ClaimRequest, Completion } from '../../src/store/store.js';
import type * as transition from '../../src/store/transition.js';

/**
 * A key in a store, its owners, and an observer that sees every message. A step is one message that
 * reaches the store, or the passing of time.
 *
 * Nothing here happens by itself: an owner that crashed or is paused is one that takes no step, a
 * delayed message is one that arrives after others. Every such schedule is among those explored.
 */

export type Rules = typeof transition;
export type KeptRecord = transition.StoredRecord;

export interface RequestKind {
  readonly fingerprint: string | undefined;
  readonly takeUnknown: boolean;
  readonly takeFinished: boolean;
  /** Whether it is for the result of the first claim of its process only. */
  readonly isOfFirst?: boolean;
  readonly ttlMs: number;
}

export type CompletionKind = Pick<Completion, 'state' | 'ttlMs'>;

export type Action =
  | {
      readonly type: 'claim';
      readonly by: number;
      readonly kind: RequestKind;
      readonly isLost: boolean;
    }
  | { readonly type: 'renew'; readonly by: number; readonly leaseMs: number }
  | { readonly type: 'complete'; readonly by: number; readonly kind: CompletionKind }
  | { readonly type: 'release'; readonly by: number }
  | { readonly type: 'evict' }
  /** The storage deletes an expired record: Redis at once, others from time to time. */
  | { readonly type: 'sweep' }
  | { readonly type: 'clock'; readonly byMs: number };

/** One claim of an owner, with its messages and its outcome. */
export interface ClaimState {
  /** The request, once it has reached the store. */
  readonly request: RequestKind | undefined;
  /** How often each message has reached the store. */
  readonly claims: number;
  readonly renewals: number;
  readonly completes: number;
  readonly releases: number;
  /** One completion, however often it is sent. */
  readonly completion: CompletionKind | undefined;
  /** Whether the owner has received the grant. */
  readonly isGranted: boolean;
  /** The visible record when it was granted, with the records behind it. */
  readonly replaced: KeptRecord | undefined;
  /** Whether a later takeover dropped the record that it had taken over. */
  readonly isPushedOut: boolean;
}

export interface World {
  readonly nowMs: number;
  /** The stored record, expired or not. */
  readonly kept: KeptRecord | undefined;
  readonly passedToken: number;
  /** Two for each owner, one after the other. */
  readonly claims: readonly ClaimState[];
  /** The largest granted fencing token. */
  readonly largestToken: number;
  /** The result that every caller must receive. */
  readonly result:
    | { readonly by: number; readonly codec: string; readonly expiresAtMs: number }
    | undefined;
  /** Granted claims without a known outcome. */
  readonly open: readonly { readonly by: number; readonly expiresAtMs: number }[];
}

export type Reply = boolean | undefined;

export interface Step {
  readonly before: World;
  readonly action: Action;
  readonly reply: Reply;
  readonly after: World;
  readonly rules: Rules;
}

export const LEASE_MS = 2;
export const CLAIMS_PER_OWNER = 2;
const PAYLOAD = new Uint8Array();

export const nameOf = (claim: number) =>
  `${'ABCDEFGH'[Math.floor(claim / CLAIMS_PER_OWNER)]}${(claim % CLAIMS_PER_OWNER) + 1}`;

const NAMES = Array.from({ length: 8 * CLAIMS_PER_OWNER }, (_, index) => nameOf(index));
export const claimOf = (owner: string) => NAMES.indexOf(owner);

/** The first claim of the process that makes a claim. */
const firstClaimOf = (claim: number) => claim - (claim % CLAIMS_PER_OWNER);

/** Whether a claim of this kind may replace the finished record of another claim. */
export const takesFinished = (by: number, kind: RequestKind, { owner }: KeptRecord) =>
  kind.takeFinished && (!kind.isOfFirst || claimOf(owner) === firstClaimOf(by));

const UNSENT: ClaimState = {
  request: undefined,
  claims: 0,
  renewals: 0,
  completes: 0,
  releases: 0,
  completion: undefined,
  isGranted: false,
  replaced: undefined,
  isPushedOut: false,
};

export function firstWorld(owners: number): World {
  return {
    nowMs: 100,
    kept: undefined,
    passedToken: 0,
    claims: Array.from({ length: owners * CLAIMS_PER_OWNER }, () => UNSENT),
    largestToken: 0,
    result: undefined,
    open: [],
  };
}

/** The visible record with the records behind it, implemented a second time, apart from the rules. */
export function visible({ kept, nowMs }: World): KeptRecord | undefined {
  return kept !== undefined && kept.expiresAtMs > nowMs ? kept : undefined;
}

export const isRunningBy = (record: KeptRecord | undefined, by: number) =>
  record?.state === 'running' && record.owner === NAMES[by];

/** Computed once per claim, because there are millions of steps. */
const requests = new Map<RequestKind, ClaimRequest[]>();

function requestOf(by: number, kind: RequestKind): ClaimRequest {
  let all = requests.get(kind);
  if (all === undefined) {
    const { isOfFirst = false, ...asked } = kind;
    all = NAMES.map((owner, index) => ({
      ...asked,
      owner,
      leaseMs: LEASE_MS,
      finishedOwner: isOfFirst ? NAMES[firstClaimOf(index)] : undefined,
    }));
    requests.set(kind, all);
  }
  return all[by] as ClaimRequest;
}

export const codecOf = (by: number, { state }: CompletionKind) => `${NAMES[by]} ${state}`;

/** The store's answer and record after a message. */
export function decide(
  { kept, nowMs, passedToken }: Pick<World, 'kept' | 'nowMs' | 'passedToken'>,
  action: Action,
  rules: Rules,
): { reply: Reply; kept: KeptRecord | undefined } {
  switch (action.type) {
    case 'claim': {
      const record = rules.claimed(kept, requestOf(action.by, action.kind), nowMs, passedToken);
      return { reply: record !== undefined, kept: record ?? kept };
    }
    case 'renew': {
      const record = rules.renewed(kept, NAMES[action.by] as string, action.leaseMs, nowMs);
      return { reply: record !== undefined, kept: record ?? kept };
    }
    case 'complete': {
      const { kind, by } = action;
      const completion = { ...kind, codec: codecOf(by, kind), payload: PAYLOAD };
      const record = rules.completed(kept, NAMES[by] as string, completion, nowMs);
      return { reply: record !== undefined, kept: record ?? kept };
    }
    case 'release':
      return kept !== undefined && rules.isReleasable(kept, NAMES[action.by] as string, nowMs)
        ? { reply: true, kept: rules.restored(kept, nowMs) }
        : { reply: false, kept };
    case 'evict':
      return rules.isEvictable(kept, nowMs)
        ? { reply: true, kept: undefined }
        : { reply: false, kept };
    case 'sweep':
      return { reply: undefined, kept: undefined };
    case 'clock':
      return { reply: undefined, kept };
  }
}

/** The world after a step. */
export function take(before: World, action: Action, rules: Rules): Step {
  const { reply, kept } = decide(before, action, rules);
  const passedToken =
    kept === undefined
      ? Math.max(before.passedToken, before.kept?.fencingToken ?? 0)
      : before.passedToken;
  const nowMs = before.nowMs + (action.type === 'clock' ? action.byMs : 0);
  const after = observe(before, action, reply, { ...before, nowMs, kept, passedToken });
  return { before, action, reply, after, rules };
}

/** A takeover keeps the finished record, not an earlier unknown one. */
function withoutTakenOver(record: KeptRecord): KeptRecord {
  if (record.former?.state !== 'running') return record;
  const { former, ...own } = record;
  return former.former === undefined ? own : { ...own, former: former.former };
}

/** The observer's knowledge after a step. */
function observe(before: World, action: Action, reply: Reply, world: World): World {
  const old = visible(before);
  switch (action.type) {
    case 'claim': {
      const { by, kind, isLost } = action;
      const own = before.claims[by] as ClaimState;
      const sent = { ...own, request: kind, claims: own.claims + 1 };
      if (reply !== true) return { ...world, claims: replace(before.claims, by, sent) };
      const granted = { ...sent, isGranted: own.isGranted || !isLost };
      if (isRunningBy(old, by)) return { ...world, claims: replace(before.claims, by, granted) };
      const replaced = old && withoutTakenOver(old);
      let claims = replace(before.claims, by, { ...granted, replaced, isPushedOut: false });
      if (old?.state === 'running' && claimOf(old.owner) !== by) {
        const lost = claims[claimOf(old.owner)] as ClaimState;
        if (lost.replaced?.state === 'running') {
          claims = replace(claims, claimOf(old.owner), { ...lost, isPushedOut: true });
        }
      }
      const { fencingToken = 0, expiresAtMs = 0 } = world.kept ?? {};
      return {
        ...world,
        claims,
        largestToken: Math.max(before.largestToken, fencingToken),
        open: [...before.open.filter((each) => each.by !== by), { by, expiresAtMs }],
      };
    }
    case 'renew': {
      const own = before.claims[action.by] as ClaimState;
      const claims = replace(before.claims, action.by, { ...own, renewals: own.renewals + 1 });
      if (reply !== true) return { ...world, claims };
      const { expiresAtMs = 0 } = world.kept ?? {};
      const open = before.open.map((each) =>
        each.by === action.by ? { by: each.by, expiresAtMs } : each,
      );
      return { ...world, claims, open };
    }
    case 'complete': {
      const { by, kind } = action;
      const own = before.claims[by] as ClaimState;
      const sent = { ...own, completion: kind, completes: own.completes + 1 };
      const claims = replace(before.claims, by, sent);
      if (reply !== true || !isRunningBy(old, by)) return { ...world, claims };
      const result = { by, codec: codecOf(by, kind), expiresAtMs: before.nowMs + kind.ttlMs };
      return { ...world, claims, result, open: [] };
    }
    case 'release': {
      const own = before.claims[action.by] as ClaimState;
      const claims = replace(before.claims, action.by, { ...own, releases: own.releases + 1 });
      if (reply !== true) return { ...world, claims };
      return { ...world, claims, open: before.open.filter(({ by }) => by !== action.by) };
    }
    case 'evict':
      return reply === true ? { ...world, result: undefined, open: [] } : world;
    case 'sweep':
      return world;
    case 'clock': {
      const { nowMs } = world;
      // An expired record may or may not return when the clock is set back.
      const isOver = before.result !== undefined && before.result.expiresAtMs <= nowMs;
      return {
        ...world,
        result: isOver ? undefined : before.result,
        open: before.open.filter(({ expiresAtMs }) => expiresAtMs > nowMs),
      };
    }
  }
}

function replace(list: readonly ClaimState[], at: number, own: ClaimState): readonly ClaimState[] {
  const copy = list.slice();
  copy[at] = own;
  return copy;
}
