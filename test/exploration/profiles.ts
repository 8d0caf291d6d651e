import type { Profile } from './explorer.js';
import type { CompletionKind, RequestKind } from './world.js';

/** A time to live that ends soon after the lease, and one that lasts several leases. */
const SHORT_MS = 3;
const LONG_MS = 9;
const DONE: CompletionKind = { state: 'done', ttlMs: LONG_MS };
const DONE_SHORT: CompletionKind = { state: 'done', ttlMs: 1 };
const FAILED: CompletionKind = { state: 'failed', ttlMs: 4 };

const asks = (own: Partial<RequestKind>): RequestKind => ({
  fingerprint: undefined,
  takeUnknown: false,
  takeFinished: false,
  ttlMs: LONG_MS,
  ...own,
});

/** `onUnknown: 'hold'`, and a first claim of every other kind. */
const HOLD = asks({});
/** `onUnknown: 'retry'`, and a second claim after an unknown record was reconciled. */
const RETRY = asks({ takeUnknown: true });
const FRESH = asks({ takeFinished: true });
const FRESH_RETRY = asks({ takeUnknown: true, takeFinished: true });
/** `onUnreadable: 'retry'`: it replaces only the result that it has read. */
const AGAIN = asks({ takeUnknown: true, takeFinished: true, isOfFirst: true });
const brief = (kind: RequestKind): RequestKind => ({ ...kind, ttlMs: SHORT_MS });
const of = (fingerprint: string, kind: RequestKind): RequestKind => ({ ...kind, fingerprint });

const KINDS = [HOLD, RETRY, FRESH, FRESH_RETRY];

/**
 * One profile with every kind of step, and others that go deeper with fewer kinds. `extra` is added to
 * each depth.
 */
export function profiles(extra: number): readonly Profile[] {
  const everything: Profile = {
    name: 'everything',
    depth: 4 + extra,
    leastStates: 60_000,
    owners: 3,
    requests: [...KINDS, brief(FRESH_RETRY), of('a', FRESH_RETRY), of('b', FRESH_RETRY)],
    completions: [DONE, DONE_SHORT, FAILED],
    clock: [2, 5, -3],
    deliveries: 2,
    renewals: 2,
    isEnding: true,
    isLosing: true,
    isEvicting: true,
  };
  return [
    everything,
    {
      ...everything,
      name: 'takeovers and releases',
      depth: 8 + extra,
      leastStates: 250_000,
      requests: [RETRY, brief(RETRY)],
      completions: [DONE],
      clock: [2, -3],
      deliveries: 1,
      renewals: 0,
      isLosing: false,
      isEvicting: false,
    },
    {
      ...everything,
      name: 'fresh runs',
      depth: 6 + extra,
      leastStates: 85_000,
      requests: [FRESH_RETRY, brief(FRESH_RETRY)],
      completions: [DONE, DONE_SHORT],
      clock: [2, 5, -3],
      deliveries: 1,
      renewals: 1,
      isEnding: false,
      isLosing: false,
    },
    {
      ...everything,
      name: 'results that cannot be read',
      depth: 7 + extra,
      leastStates: 50_000,
      requests: [RETRY, AGAIN],
      completions: [DONE],
      clock: [2],
      deliveries: 1,
      renewals: 0,
      isEnding: false,
      isLosing: false,
    },
    {
      ...everything,
      name: 'messages twice, late and lost',
      depth: 6 + extra,
      leastStates: 70_000,
      requests: [HOLD, FRESH_RETRY],
      completions: [DONE],
      clock: [2],
      isEnding: false,
    },
    {
      ...everything,
      name: 'fingerprints',
      depth: 6 + extra,
      leastStates: 45_000,
      requests: [of('a', FRESH_RETRY), of('b', FRESH_RETRY), FRESH_RETRY],
      completions: [DONE_SHORT],
      clock: [2, -3],
      deliveries: 1,
      renewals: 0,
      isLosing: false,
    },
  ];
}
