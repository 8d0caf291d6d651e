import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CallerLimits } from '../../src/once/caller-limits.js';
import { RecentMap } from '../../src/once/recent-map.js';
import { SlidingTotals } from '../../src/once/sliding-totals.js';
import { type Leaping, leapingTime } from '../runtime/leaping.js';

const DAY_MS = 24 * 60 * 60 * 1000;

let time: Leaping;
beforeEach(() => {
  time = leapingTime();
});
afterEach(() => time.restore());

/** Starts runs until one is refused, at most `most`. */
function startAll(limits: CallerLimits, account: string, most = 100): number {
  let count = 0;
  while (count < most && limits.startRun('ik_', account) === undefined) count++;
  return count;
}

describe('keysPerMinute', () => {
  it('lets a burst through, and as many again when it is over, at the second that it names', () => {
    const limits = new CallerLimits({ keysPerMinute: 5 }, DAY_MS);
    expect(startAll(limits, 'a')).toBe(5);
    const refusal = limits.startRun('ik_', 'a');
    expect(refusal?.code).toBe('SAMEKEY_LIMIT');
    expect(refusal?.reached).toEqual({ name: 'keysPerMinute', limit: 5, windowSeconds: 60 });
    expect(refusal?.message).toMatch(/^Cannot run ik_: its account .* 5 runs .*wanted another/);
    const seconds = refusal?.retryAfterSeconds ?? 0;
    expect([60, 61]).toContain(seconds);
    time.leap((seconds - 2) * 1000);
    expect(startAll(limits, 'a')).toBe(0);
    time.leap(2000);
    expect(startAll(limits, 'a')).toBe(5);
  });

  it('frees a place for each run that is a minute old, not all at once', () => {
    const limits = new CallerLimits({ keysPerMinute: 3 }, DAY_MS);
    for (let count = 0; count < 3; count++) {
      expect(limits.startRun('ik_', 'a')).toBeUndefined();
      time.leap(20_000);
    }
    // The first is between 60 and 61 s old now.
    time.leap(1000);
    expect(startAll(limits, 'a')).toBe(1);
    time.leap(20_000);
    expect(startAll(limits, 'a')).toBe(1);
  });

  it('is not exceeded in any minute, whenever it begins', () => {
    const totals = new SlidingTotals(60_000);
    const LIMIT = 10;
    const accepted: number[] = [];
    let state = 1;
    let nowMs = 5_000_000;
    for (let count = 0; count < 3000; count++) {
      state = (state * 48_271) % 2_147_483_647;
      // Bursts, and pauses of up to 30 s.
      nowMs += state % 3 === 0 ? state % 30_000 : state % 50;
      if (totals.total('a', nowMs) >= LIMIT) {
        const waitMs = totals.msUntilBelow('a', LIMIT, nowMs);
        expect(waitMs).toBeGreaterThan(0);
        expect(waitMs).toBeLessThanOrEqual(61_000);
        nowMs += waitMs;
        expect(totals.total('a', nowMs)).toBeLessThan(LIMIT);
      }
      totals.add('a', 1, nowMs);
      accepted.push(nowMs);
    }
    expect(accepted.length).toBeGreaterThan(500);
    for (const [index, since] of accepted.entries()) {
      const within = accepted.slice(index).filter((at) => at < since + 60_000);
      expect(within.length).toBeLessThanOrEqual(LIMIT);
    }
  });

  it('is each account’s own, for 10,000 accounts at once', () => {
    const limits = new CallerLimits({ keysPerMinute: 2 }, DAY_MS);
    const names = Array.from({ length: 10_000 }, (_, index) => limits.nameOf(`user ${index}`));
    for (const round of [1, 2]) {
      const refused = names.filter((name) => limits.startRun('ik_', name) !== undefined);
      expect([round, refused.length]).toEqual([round, 0]);
    }
    expect(names.filter((name) => limits.startRun('ik_', name) === undefined)).toEqual([]);
    expect(startAll(limits, limits.nameOf('one more'))).toBe(2);
  });

  it('holds while the clock jumps back, and ends after it has jumped forward', () => {
    const limits = new CallerLimits({ keysPerMinute: 2 }, DAY_MS);
    expect(startAll(limits, 'a')).toBe(2);
    time.leap(-2 * DAY_MS);
    expect(startAll(limits, 'a')).toBe(0);
    expect(limits.startRun('ik_', 'a')?.retryAfterSeconds).toBeLessThanOrEqual(61);
    time.leap(61_000);
    expect(startAll(limits, 'a')).toBe(2);
    time.leap(DAY_MS);
    expect(startAll(limits, 'a')).toBe(2);
  });

  it('takes bounded memory for a million accounts, and does not forget one that is busy', () => {
    const limits = new CallerLimits({ keysPerMinute: 50, storedBytesPerAccount: 1000 }, DAY_MS);
    expect(startAll(limits, 'busy')).toBe(50);
    let accepted = 0;
    for (let index = 0; index < 1_000_000; index++) {
      limits.startRun('ik_', `${index}`);
      if (index % 4 === 0) limits.onStored(`${index}`, `${index}`, 10);
      if (index % 10_000 === 0) {
        limits.onStored('busy', 'busy', 2000);
        if (limits.startRun('ik_', 'busy') === undefined) accepted++;
      }
    }
    expect(accepted).toBe(0);
    expect(limits.size.accounts).toBeLessThanOrEqual(200_000);
    expect(limits.size.keys).toBeLessThanOrEqual(100_000);
    // Later they leave the memory one after another, as others come.
    time.leap(2 * DAY_MS);
    limits.startRun('ik_', 'a');
    limits.onStored('a', 'a', 1);
    time.leap(2 * DAY_MS);
    limits.startRun('ik_', 'b');
    limits.onStored('b', 'b', 1);
    expect(limits.size).toEqual({ accounts: 4, keys: 2 });
  });
});

describe('storedBytesPerAccount', () => {
  const store = (limits: CallerLimits, key: string, byteCount: number, account = 'a') =>
    limits.onStored(key, account, byteCount);

  it('refuses new keys until enough has expired', () => {
    const limits = new CallerLimits({ storedBytesPerAccount: 100 }, DAY_MS);
    store(limits, 'k1', 60);
    expect(limits.startRun('ik_', 'a')).toBeUndefined();
    time.leap(DAY_MS / 2);
    store(limits, 'k2', 70);
    const refusal = limits.startRun('ik_', 'a');
    expect(refusal?.reached).toEqual({
      name: 'storedBytesPerAccount',
      limit: 100,
      unit: 'content-bytes',
      windowSeconds: 86_400,
    });
    expect(refusal?.message).toContain('130 bytes are stored for its account, of 100');
    expect(limits.startRun('ik_', 'b')).toBeUndefined();
    // The first 60 bytes are enough.
    const seconds = refusal?.retryAfterSeconds ?? 0;
    expect(seconds).toBeGreaterThan(43_200);
    expect(seconds).toBeLessThanOrEqual(43_200 + 86_400 / 60);
    time.leap(seconds * 1000);
    expect(limits.startRun('ik_', 'a')).toBeUndefined();
  });

  it('counts a key once that is stored again, and no longer when it is evicted', () => {
    const limits = new CallerLimits({ storedBytesPerAccount: 100 }, DAY_MS);
    for (let count = 0; count < 10; count++) store(limits, 'k1', 90);
    expect(limits.startRun('ik_', 'a')).toBeUndefined();
    store(limits, 'k2', 50);
    expect(limits.startRun('ik_', 'a')).toBeDefined();
    limits.onEvicted('k2');
    limits.onEvicted('k2');
    limits.onEvicted('unknown');
    expect(limits.startRun('ik_', 'a')).toBeUndefined();
    store(limits, 'k3', 10);
    expect(limits.startRun('ik_', 'a')?.message).toContain('100 bytes are stored');
  });

  it('tells the limit that is reached for longer', () => {
    const limits = new CallerLimits({ keysPerMinute: 1, storedBytesPerAccount: 10 }, DAY_MS);
    limits.startRun('ik_', 'a');
    expect(limits.startRun('ik_', 'a')?.reached.name).toBe('keysPerMinute');
    store(limits, 'k1', 10);
    expect(limits.startRun('ik_', 'a')?.reached.name).toBe('storedBytesPerAccount');
  });
});

it('an object knows its own refusals only', () => {
  const [one, other] = [1, 2].map(() => new CallerLimits({ waitingPerKey: 1 }, DAY_MS)) as [
    CallerLimits,
    CallerLimits,
  ];
  expect(one.refusalToWait('ik_', 0)).toBeUndefined();
  const refusal = one.refusalToWait('ik_', 1);
  expect(one.reachedBy(refusal)?.name).toBe('waitingPerKey');
  for (const thrown of [refusal, undefined, null, 'text', new Error('other')]) {
    expect(other.reachedBy(thrown)).toBeUndefined();
  }
});

it('a map of what is recent takes the time of its entries, not of those that it has dropped', () => {
  const map = new RecentMap<number>(10, 1000);
  for (let index = 0; index < 100; index++) map.set(`${index}`, index, 0);
  expect(map.size).toBeLessThanOrEqual(10);
  expect([map.get('99'), map.get('95'), map.get('50')]).toEqual([99, 95, undefined]);
  map.delete('99');
  expect(map.get('99')).toBeUndefined();
  map.set('a', 1, 2000);
  map.set('b', 2, 4000);
  expect([map.get('98'), map.get('a'), map.get('b'), map.size]).toEqual([undefined, 1, 2, 2]);
});

it('each error says which limit was reached, and what would be right', () => {
  const limits = new CallerLimits(
    { keysPerMinute: 1, storedBytesPerAccount: 100, waitingPerKey: 2 },
    DAY_MS,
  );
  limits.onStored('ik_', 'b', 120);
  limits.startRun('ik_', 'a');
  const messages = [
    limits.refusalToRun('ik_1', 'a'),
    limits.refusalToRun('ik_2', 'b'),
    limits.refusalToWait('ik_3', 2),
  ].map((error) => error?.message);
  expect(messages).toEqual([
    expect.stringMatching(
      /^Cannot run ik_1: its account has started 1 runs within a minute \(keysPerMinute\), wanted another attempt after 6[01] s$/,
    ),
    expect.stringMatching(
      /^Cannot run ik_2: 120 bytes are stored for its account, of 100 \(storedBytesPerAccount\), wanted another attempt after \d+ s, when the oldest have expired$/,
    ),
    'Cannot run ik_3: 2 duplicates wait for the run with this key (waitingPerKey), wanted another attempt after its end',
  ]);
  expect(limits.refusalToWait('ik_3', 1)).toBe(undefined);
});
