import { describe, expect, it } from 'vitest';
import { type ConformanceOptions, storeConformance } from '../../src/store/conformance.js';
import type { Store } from '../../src/store/store.js';
import * as transition from '../../src/store/transition.js';
import { expectThrown } from '../errors/thrown.js';
import { type PlainStoreParts, plainStore } from './plain-store.js';

/** The tests of a store with a movable clock. */
function casesOf(parts: Partial<PlainStoreParts>, more: Partial<ConformanceOptions> = {}) {
  let nowMs = 1_700_000_000_000;
  const store = plainStore(() => nowMs, parts);
  return storeConformance({
    open: () => store,
    moveClock(byMs) {
      nowMs += byMs;
    },
    claimers: 8,
    seed: 1,
    ...more,
  });
}

/** The tests that a store fails, with their messages. */
async function failuresOf(cases: ReturnType<typeof casesOf>): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  for (const { name, run } of cases) {
    await run().catch((error: unknown) => failures.set(name, (error as Error).message));
  }
  return failures;
}

const isModelCheck = (name: string) => name.startsWith('random calls');

const rules = (own: Partial<typeof transition>) => ({ rules: { ...transition, ...own } });
const {
  claimed,
  completed,
  formerFinished,
  withFormer,
  renewed,
  restored,
  withoutFormer,
  unexpired,
} = transition;

/** Each is one mistake that a store could contain. */
const MISTAKES: readonly (readonly [string, Partial<PlainStoreParts>])[] = [
  [
    'complete does not ask whose record it is',
    rules({
      completed: (old, _, completion, nowMs) => old && completed(old, old.owner, completion, nowMs),
    }),
  ],
  [
    'complete writes over an outcome of another',
    rules({
      completed: (old, owner, completion, nowMs) =>
        old && completed({ ...old, owner, state: 'running' }, owner, completion, nowMs),
    }),
  ],
  [
    'complete sent again is refused',
    rules({
      completed: (old, owner, completion, nowMs) =>
        old?.state === 'running' ? completed(old, owner, completion, nowMs) : undefined,
    }),
  ],
  [
    'complete leaves the time of the lease as the time to live',
    rules({
      completed: (old, owner, completion, nowMs) => {
        const record = completed(old, owner, completion, nowMs);
        return record && { ...record, expiresAtMs: old?.expiresAtMs ?? 0 };
      },
    }),
  ],
  [
    'renew does not end a lease',
    rules({
      renewed: (old, owner, leaseMs, nowMs) =>
        leaseMs === 0 ? undefined : renewed(old, owner, leaseMs, nowMs),
    }),
  ],
  ['release loses what was there before', rules({ restored: () => undefined })],
  [
    'release loses an unknown record that was taken over',
    rules({
      restored: (old, nowMs) =>
        restored(withFormer(formerFinished(old), { ...old, attempt: 1 }), nowMs),
    }),
  ],
  [
    'a record in front expires before the one behind it',
    rules({
      claimed(old, request, nowMs, passed) {
        const record = claimed(old, request, nowMs, passed);
        if (record === undefined || record === old) return record;
        return { ...record, expiresAtMs: nowMs + Math.max(request.ttlMs, request.leaseMs) };
      },
    }),
  ],
  [
    'release sets the fencing token back',
    rules({
      restored(old, nowMs) {
        const record = restored(old, nowMs);
        return record && { ...record, fencingToken: old.former?.fencingToken ?? 0 };
      },
    }),
  ],
  [
    'claim ignores the lease',
    rules({
      claimed: (old, request, nowMs, passed) =>
        claimed(old && { ...old, leaseEndsAtMs: 0 }, request, nowMs, passed),
    }),
  ],
  [
    'claim takes over without being asked to',
    rules({
      claimed: (old, request, nowMs, passed) =>
        claimed(old, { ...request, takeUnknown: true }, nowMs, passed),
    }),
  ],
  [
    'claim never takes over',
    rules({
      claimed: (old, request, nowMs, passed) =>
        claimed(old, { ...request, takeUnknown: false }, nowMs, passed),
    }),
  ],
  [
    'claim runs again what is finished',
    rules({
      claimed: (old, request, nowMs, passed) =>
        claimed(old, { ...request, takeFinished: true }, nowMs, passed),
    }),
  ],
  [
    'claim runs again what another owner has finished',
    rules({
      claimed: (old, request, nowMs, passed) =>
        claimed(old, { ...request, finishedOwner: undefined }, nowMs, passed),
    }),
  ],
  [
    'claim with finishedOwner is refused',
    rules({
      claimed: (old, request, nowMs, passed) =>
        claimed(
          old,
          request.finishedOwner === undefined ? request : { ...request, takeFinished: false },
          nowMs,
          passed,
        ),
    }),
  ],
  [
    'claim ignores the fingerprint',
    rules({
      claimed: (old, request, nowMs, passed) => {
        const record = claimed(old, { ...request, fingerprint: undefined }, nowMs, passed);
        return record === undefined || record === old
          ? record
          : { ...record, fingerprint: request.fingerprint };
      },
    }),
  ],
  [
    'claim sent again is refused',
    rules({
      claimed: (old, request, nowMs, passed) =>
        unexpired(old, nowMs)?.owner === request.owner
          ? undefined
          : claimed(old, request, nowMs, passed),
    }),
  ],
  [
    'claim sent again after its run starts another one',
    rules({
      claimed: (old, request, nowMs, passed) =>
        old?.owner === request.owner && old.state !== 'running'
          ? claimed({ ...old, owner: '' }, request, nowMs, passed)
          : claimed(old, request, nowMs, passed),
    }),
  ],
  [
    'claim sent again is another claim',
    rules({
      claimed: (old, request, nowMs, passed) =>
        claimed(old?.owner === request.owner ? undefined : old, request, nowMs, passed),
    }),
  ],
  [
    'the attempt is not counted',
    rules({
      claimed: (old, request, nowMs, passed) => {
        const record = claimed(old, request, nowMs, passed);
        return record && { ...record, attempt: 1 };
      },
    }),
  ],
  [
    'the fencing token starts again when a record is gone',
    rules({
      claimed: (old, request, nowMs) => {
        const record = claimed(old, request, nowMs);
        if (record === undefined || record === old) return record;
        return { ...record, fencingToken: (unexpired(old, nowMs)?.fencingToken ?? 0) + 1 };
      },
    }),
  ],
  [
    'the fencing token is the time',
    rules({
      claimed: (old, request, nowMs, passed) => {
        const record = claimed(old, request, nowMs, passed);
        return record === undefined || record === old ? record : { ...record, fencingToken: nowMs };
      },
    }),
  ],
  [
    'an unfinished record goes when its lease ends',
    rules({
      claimed: (old, request, nowMs, passed) =>
        claimed(old, { ...request, ttlMs: request.leaseMs }, nowMs, passed),
    }),
  ],
  [
    'renew does not ask whose record it is',
    rules({
      renewed: (old, _, leaseMs, nowMs) => old && renewed(old, old.owner, leaseMs, nowMs),
    }),
  ],
  [
    'renew brings a finished record back',
    rules({
      renewed: (old, owner, leaseMs, nowMs) =>
        old && renewed({ ...old, state: 'running' }, owner, leaseMs, nowMs),
    }),
  ],
  [
    'renew leaves the lease as it is',
    rules({
      renewed: (old, owner, leaseMs, nowMs) => renewed(old, owner, leaseMs, nowMs) && old,
    }),
  ],
  [
    'renew lets a record expire under its lease',
    rules({
      renewed: (old, owner, leaseMs, nowMs) => {
        const record = renewed(old, owner, leaseMs, nowMs);
        return record && { ...record, expiresAtMs: old?.expiresAtMs ?? 0 };
      },
    }),
  ],
  [
    "release takes away anybody's record",
    rules({ isReleasable: (old, _, nowMs) => unexpired(old, nowMs)?.state === 'running' }),
  ],
  [
    'release takes away what is finished',
    rules({ isReleasable: (old, owner, nowMs) => unexpired(old, nowMs)?.owner === owner }),
  ],
  ['release takes nothing away', rules({ isReleasable: () => false })],
  [
    'evict takes away a valid lease',
    rules({ isEvictable: (old, nowMs) => unexpired(old, nowMs) !== undefined }),
  ],
  [
    'evict leaves what is unknown',
    rules({
      isEvictable: (old, nowMs) => {
        const record = unexpired(old, nowMs);
        return record !== undefined && record.state !== 'running';
      },
    }),
  ],
  ['read gives what has expired', rules({ unexpired: (record) => record })],
  [
    'what has expired still stands in the way',
    rules({
      claimed: (old, request, nowMs, passed) =>
        claimed(old && { ...old, expiresAtMs: Number.POSITIVE_INFINITY }, request, nowMs, passed),
    }),
  ],
  [
    'between reading and writing there is time for others',
    { pause: () => new Promise((resolve) => setTimeout(resolve, 1)) },
  ],
  [
    'payloads are cut at their first zero',
    {
      keep: (record) => {
        const end = record.payload?.indexOf(0) ?? -1;
        return end < 0 ? record : { ...record, payload: record.payload?.slice(0, end) };
      },
    },
  ],
];

/** Mistakes that random calls find rarely or never. */
const OTHER_MISTAKES: readonly (readonly [string, Partial<PlainStoreParts>])[] = [
  [
    'a take-over loses what was finished before',
    rules({
      claimed: (old, request, nowMs, passed) =>
        claimed(old && withoutFormer(old), request, nowMs, passed),
    }),
  ],
  [
    'release forgets an unknown record that a later takeover dropped',
    rules({
      restored: (old, nowMs) =>
        old.former?.state === 'running' ? restored(old, nowMs) : unexpired(old.former, nowMs),
    }),
  ],
  ['keys are cut', { slot: (key) => key.slice(0, 67) }],
  ['keys are compared without their case', { slot: (key) => key.toLowerCase() }],
  ['keys are compared without regard to accents', { slot: (key) => key.normalize('NFC') }],
  ['payloads are not copied', { keep: (record) => record }],
  [
    'payloads are text',
    {
      keep: ({ payload, ...record }) => ({
        ...record,
        payload: payload && new TextEncoder().encode(new TextDecoder().decode(payload)),
      }),
    },
  ],
];

describe('the conformance tests', () => {
  it('pass a store that follows the rules, with any seed', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      expect([...(await failuresOf(casesOf({}, { seed })))]).toEqual([]);
    }
  });

  it('pass one that has a clock of its own', async () => {
    const store = plainStore(Date.now);
    expect([...(await failuresOf(storeConformance({ open: () => store })))]).toEqual([]);
  });

  it.each(MISTAKES)('find that %s: by a rule, and by random calls', async (_, parts) => {
    const failures = await failuresOf(casesOf(parts));
    const names = [...failures.keys()];
    expect(names.filter(isModelCheck)).toHaveLength(1);
    expect(names.filter((name) => !isModelCheck(name)).length).toBeGreaterThan(0);
    for (const message of failures.values()) expect(message).toMatch(/^Cannot /);
  });

  it.each(OTHER_MISTAKES)('find that %s', async (_, parts) => {
    const failures = await failuresOf(casesOf(parts));
    expect(failures.size).toBeGreaterThan(0);
  });

  it('say with which seed random calls failed, which fails again', async () => {
    const [, parts] = MISTAKES[0] as (typeof MISTAKES)[number];
    const random = (more: Partial<ConformanceOptions>) =>
      failuresOf(casesOf(parts, more).filter(({ name }) => isModelCheck(name)));
    const where = (failures: Map<string, string>) =>
      /seed (\d+), step (\d+)/.exec([...failures.values()].join())?.slice(1) ?? [];
    // The same as above: the clock is never moved to before its start.
    let nowMs = 1_700_000_000_000;
    const store = plainStore(() => nowMs, parts);
    const cases = storeConformance({
      open: () => store,
      moveClock(byMs) {
        nowMs += byMs;
      },
    }).filter(({ name }) => isModelCheck(name));
    const [seed, step] = where(await failuresOf(cases));
    expect(where(await random({ seed: Number(seed) }))).toEqual([seed, step]);
  });

  it('reject invalid options', () => {
    const open = (): Store => plainStore(Date.now);
    const wrong = { code: 'SAMEKEY_BAD_ARGUMENT' } as const;
    expectThrown(() => storeConformance({} as never), TypeError, wrong);
    expectThrown(() => storeConformance({ open, clock: 1 } as never), TypeError, wrong);
  });
});
