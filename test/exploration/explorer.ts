import { type Invariant, showRecord } from './invariants.js';
import {
  type Action,
  CLAIMS_PER_OWNER,
  type ClaimState,
  type CompletionKind,
  claimOf,
  firstWorld,
  type KeptRecord,
  LEASE_MS,
  nameOf,
  type RequestKind,
  type Rules,
  take,
  type World,
} from './world.js';

/** The possible steps of an exploration. */
export interface Profile {
  readonly name: string;
  readonly depth: number;
  /** A smaller number of states means that a part is no longer explored. */
  readonly leastStates: number;
  readonly owners: number;
  readonly requests: readonly RequestKind[];
  readonly completions: readonly CompletionKind[];
  /** The steps by which the clock may move. */
  readonly clock: readonly number[];
  /** How often each message may reach the store. */
  readonly deliveries: number;
  /** How often an owner renews, and whether it also ends its lease. */
  readonly renewals: number;
  readonly isEnding: boolean;
  readonly isLosing: boolean;
  readonly isEvicting: boolean;
}

export interface Violation {
  readonly invariant: string;
  readonly what: string;
  readonly actions: readonly Action[];
}

export interface Exploration {
  readonly states: number;
  readonly steps: number;
  readonly depth: number;
  readonly violation: Violation | undefined;
}

/**
 * Explores every state within the given number of steps, the nearest first, so that the trace to a
 * violation is a shortest one. States that differ only in the names of owners or by a shift in time
 * are the same state.
 */
export function explore(
  profile: Profile,
  rules: Rules,
  invariants: readonly Invariant[],
): Exploration {
  const first = firstWorld(profile.owners);
  const seen = new Set([digestOf(keyOf(first))]);
  /** How each state was reached; states are numbered as they are found. */
  const parents = [-1];
  const actions: Action[] = [];
  let frontier: { readonly world: World; readonly at: number }[] = [{ world: first, at: 0 }];
  let steps = 0;
  let depth = 0;
  const traceTo = (at: number, last: Action): Action[] => {
    const trace = [last];
    for (let each = at; each > 0; each = parents[each] as number) {
      trace.unshift(actions[each - 1] as Action);
    }
    return trace;
  };
  for (; depth < profile.depth && frontier.length > 0; depth++) {
    const next: typeof frontier = [];
    for (const { world, at } of frontier) {
      for (const action of actionsIn(world, profile)) {
        steps++;
        const step = take(world, action, rules);
        for (const { name, check } of invariants) {
          const what = check(step);
          if (what === undefined) continue;
          const violation = { invariant: name, what, actions: traceTo(at, action) };
          return { states: seen.size, steps, depth: depth + 1, violation };
        }
        const key = digestOf(keyOf(step.after));
        if (seen.has(key)) continue;
        seen.add(key);
        parents.push(at);
        actions.push(action);
        next.push({ world: step.after, at: parents.length - 1 });
      }
    }
    frontier = next;
  }
  return { states: seen.size, steps, depth, violation: undefined };
}

function* actionsIn(world: World, profile: Profile): Generator<Action> {
  const { claims, kept, nowMs } = world;
  const { requests, completions, deliveries } = profile;
  const isLabelled = claims.some(({ request }) => request?.fingerprint !== undefined);
  let hasUnstarted = false;
  for (const [by, own] of claims.entries()) {
    if (own.request === undefined) {
      // A second claim follows the first. Owners that did nothing are interchangeable.
      const isFirst = by % CLAIMS_PER_OWNER === 0;
      if (isFirst ? hasUnstarted : claims[by - 1]?.request === undefined) continue;
      hasUnstarted ||= isFirst;
      for (const kind of requests) {
        // Without loss of generality the first fingerprint is `a`.
        if (!isLabelled && kind.fingerprint === 'b') continue;
        yield { type: 'claim', by, kind, isLost: false };
        if (profile.isLosing) yield { type: 'claim', by, kind, isLost: true };
      }
      continue;
    }
    if (own.claims < deliveries) yield { type: 'claim', by, kind: own.request, isLost: false };
    // An owner that did not receive the reply of its claim may send it, too.
    if (own.releases < deliveries) yield { type: 'release', by };
    if (!own.isGranted) continue;
    if (own.renewals < profile.renewals) {
      yield { type: 'renew', by, leaseMs: LEASE_MS };
      if (profile.isEnding) yield { type: 'renew', by, leaseMs: 0 };
    }
    if (own.completion === undefined) {
      for (const kind of completions) yield { type: 'complete', by, kind };
    } else if (own.completes < deliveries) {
      yield { type: 'complete', by, kind: own.completion };
    }
  }
  if (profile.isEvicting && kept !== undefined) yield { type: 'evict' };
  if (kept !== undefined && kept.expiresAtMs <= nowMs) yield { type: 'sweep' };
  for (const byMs of profile.clock) yield { type: 'clock', byMs };
}

/** How far a token may lie behind the clock and still matter. */
const OLD_TOKENS_MS = 12;

/** A text that two states share if no later step can distinguish them. */
function keyOf(world: World): string {
  const { claims, kept, nowMs, result, open } = world;
  const roles = new Map<number, string>();
  const play = (by: number, role: string) => roles.set(by, (roles.get(by) ?? '') + role);
  let place = 0;
  for (let record = kept; record !== undefined; record = record.former) {
    play(claimOf(record.owner), String(place++));
  }
  if (result !== undefined) play(result.by, 'r');
  for (const { by, expiresAtMs } of open) play(by, `o${expiresAtMs - nowMs}`);
  const owners: { readonly text: string; readonly at: number }[] = [];
  for (let at = 0; at < claims.length; at += CLAIMS_PER_OWNER) {
    let text = '';
    for (let by = at; by < at + CLAIMS_PER_OWNER; by++) {
      text += `${claimText(claims[by] as ClaimState)}${roles.get(by) ?? ''};`;
    }
    owners.push({ text, at });
  }
  owners.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : a.at - b.at));
  const names = new Array<number>(claims.length);
  for (const [index, { at }] of owners.entries()) {
    for (let claim = 0; claim < CLAIMS_PER_OWNER; claim++) {
      names[at + claim] = index * CLAIMS_PER_OWNER + claim;
    }
  }
  const tokenText = (token: number) => Math.max(token - nowMs * 1000, -OLD_TOKENS_MS * 1000);
  const recordText = (record: KeptRecord | undefined): string =>
    record === undefined
      ? '-'
      : `${record.state[0]}${names[claimOf(record.owner)]},${tokenText(record.fencingToken)},${record.attempt}${record.fingerprint ?? ''},${record.leaseEndsAtMs - nowMs},${record.expiresAtMs - nowMs}${recordText(record.former)}`;
  let text = `${recordText(kept)}|${tokenText(world.passedToken)}|${tokenText(world.largestToken)}|`;
  if (result !== undefined) text += result.expiresAtMs - nowMs;
  for (const { text: own, at } of owners) {
    text += `|${own}`;
    for (let by = at; by < at + CLAIMS_PER_OWNER; by++) {
      const claim = claims[by] as ClaimState;
      if (roles.has(by)) text += `${recordText(claim.replaced)}${claim.isPushedOut ? 'p' : ''}`;
    }
  }
  return text;
}

/** 53 bits of a text. With a million states, two collide once in 18,000 explorations. */
function digestOf(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    a = Math.imul(a ^ unit, 0x9e3779b1);
    b = Math.imul(b ^ unit, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return (b >>> 11) * 2 ** 32 + (a >>> 0);
}

function claimText(own: ClaimState): string {
  if (own.request === undefined) return '';
  const { fingerprint, takeUnknown, takeFinished, isOfFirst, ttlMs } = own.request;
  const counts = `${own.claims}${own.renewals}${own.completes}${own.releases}`;
  const kind = `${fingerprint ?? ''}${takeUnknown ? 'u' : ''}${takeFinished ? 'f' : ''}${isOfFirst ? '1' : ''}${ttlMs}`;
  const { completion } = own;
  const outcome = completion === undefined ? '' : `${completion.state[0]}${completion.ttlMs}`;
  return `${kind}.${counts}${own.isGranted ? 'g' : ''}${outcome}`;
}

/** The steps to a violation, with the record after each. */
export function showTrace({ invariant, what, actions }: Violation, owners: number, rules: Rules) {
  let world = firstWorld(owners);
  const lines = actions.map((action, index) => {
    const step = take(world, action, rules);
    world = step.after;
    const answer = step.reply === undefined ? '' : ` → ${showReply(action, step.reply)}`;
    return `${index + 1}. ${showAction(action, step.after.nowMs)}${answer}\n   ${showRecord(step.after.kept, step.after.nowMs)}`;
  });
  return [`Violated: ${invariant}: ${what}`, ...lines].join('\n');
}

function showReply(action: Action, reply: boolean): string {
  if (action.type !== 'claim') return String(reply);
  return `${reply ? 'granted' : 'refused'}${action.isLost ? ', and the reply is lost' : ''}`;
}

function showAction(action: Action, nowMs: number): string {
  switch (action.type) {
    case 'claim': {
      const { fingerprint, takeUnknown, takeFinished, isOfFirst, ttlMs } = action.kind;
      const asks = [
        ...(takeUnknown ? ['takeUnknown'] : []),
        ...(takeFinished ? ['takeFinished'] : []),
        ...(isOfFirst ? ['of the first claim of its process'] : []),
        ...(fingerprint === undefined ? [] : [`fingerprint ${fingerprint}`]),
      ];
      return `${nameOf(action.by)} claims for ${LEASE_MS} ms, ttl ${ttlMs}${asks.map((ask) => `, ${ask}`).join('')}`;
    }
    case 'renew':
      return `${nameOf(action.by)} renews for ${action.leaseMs} ms`;
    case 'complete':
      return `${nameOf(action.by)} completes: ${action.kind.state}, ttl ${action.kind.ttlMs}`;
    case 'release':
      return `${nameOf(action.by)} releases`;
    case 'evict':
      return 'evict';
    case 'sweep':
      return 'the expired record is deleted';
    case 'clock':
      return `the clock moves by ${action.byMs} ms, to ${nowMs}`;
  }
}
