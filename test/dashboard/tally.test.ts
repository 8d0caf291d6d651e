import { describe, expect, it } from 'vitest';
import { countLine } from '../../src/dashboard/call-line.js';
import { BUCKET_MS, CallTally, MAX_BUCKETS } from '../../src/dashboard/tally.js';

const AT_MS = 1_800_000_000_000;
const NONE = { executed: 0, joined: 0, replayed: 0, failed: 0, unknown: 0, refused: 0 };
const call = { atMs: AT_MS, outcome: 'executed' } as const;

describe('the buckets', () => {
  it('count outcomes by the time of the call', () => {
    const tally = new CallTally();
    tally.count(call);
    tally.count({ ...call, atMs: AT_MS + BUCKET_MS - 1, outcome: 'joined' });
    tally.count({ ...call, atMs: AT_MS + BUCKET_MS, outcome: 'unknown' });
    tally.count({ ...call, atMs: AT_MS, outcome: 'refused' });
    expect(tally.buckets(AT_MS + BUCKET_MS)).toEqual([
      { startMs: AT_MS, counts: { ...NONE, executed: 1, joined: 1, refused: 1 } },
      { startMs: AT_MS + BUCKET_MS, counts: { ...NONE, unknown: 1 } },
    ]);
    expect(tally.totals()).toEqual({ ...NONE, executed: 1, joined: 1, unknown: 1, refused: 1 });
  });

  it('keep an hour, whose oldest step makes room for the newest', () => {
    const tally = new CallTally();
    for (let step = 0; step < 2 * MAX_BUCKETS; step++) {
      tally.count({ ...call, atMs: AT_MS + step * BUCKET_MS });
    }
    const lastMs = AT_MS + (2 * MAX_BUCKETS - 1) * BUCKET_MS;
    const buckets = tally.buckets(lastMs);
    expect(buckets).toHaveLength(MAX_BUCKETS);
    expect(buckets[0]?.startMs).toBe(lastMs - (MAX_BUCKETS - 1) * BUCKET_MS);
    expect(buckets.at(-1)).toEqual({ startMs: lastMs, counts: { ...NONE, executed: 1 } });
    // A call that is older than the ring is in the totals only.
    tally.count(call);
    expect(tally.buckets(lastMs)).toEqual(buckets);
    expect(tally.totals().executed).toBe(2 * MAX_BUCKETS + 1);
    // After an hour without calls none is shown.
    expect(tally.buckets(lastMs + MAX_BUCKETS * BUCKET_MS)).toEqual([]);
  });

  it('tell which have changed since the last time', () => {
    const tally = new CallTally();
    tally.count(call);
    expect(tally.takeChangedBuckets(AT_MS)).toHaveLength(1);
    expect(tally.takeChangedBuckets(AT_MS)).toEqual([]);
    tally.count({ ...call, atMs: AT_MS + BUCKET_MS });
    expect(tally.takeChangedBuckets(AT_MS + BUCKET_MS).map(({ startMs }) => startMs)).toEqual([
      AT_MS + BUCKET_MS,
    ]);
  });

  it('ignore a time or an outcome that is none', () => {
    const tally = new CallTally();
    tally.count({ ...call, atMs: Number.NaN });
    tally.count({ ...call, outcome: 'passed' as 'executed' });
    expect(tally.totals()).toEqual(NONE);
  });
});

describe('the outcome of a request in the log', () => {
  it.each([
    [{ outcome: 'executed', status: 200 }, 'executed'],
    [{ outcome: 'executed', status: 429 }, 'failed'],
    [{ outcome: 'joined', status: 200 }, 'joined'],
    [{ outcome: 'replayed', status: 200 }, 'replayed'],
    [{ outcome: 'refused', status: 422, code: 'SAMEKEY_MISMATCH' }, 'refused'],
    [{ outcome: 'failed', status: 502, code: 'SAMEKEY_UPSTREAM' }, 'failed'],
    [{ outcome: 'failed', status: 502, code: 'SAMEKEY_UNKNOWN_OUTCOME' }, 'unknown'],
    [{ outcome: 'failed', status: 504, code: 'SAMEKEY_TIMEOUT' }, 'unknown'],
    [{ outcome: 'failed', status: 200, code: 'SAMEKEY_BROKEN_RESPONSE' }, 'unknown'],
    [{ outcome: 'passed', status: 200 }, undefined],
    [{ outcome: 'aborted', status: 499 }, undefined],
    [{ outcome: 'constructor', status: 200 }, undefined],
  ])('%j counts as %s', (line, outcome) => {
    const tally = new CallTally();
    countLine(tally, line, AT_MS);
    expect(tally.totals()).toEqual(outcome === undefined ? NONE : { ...NONE, [outcome]: 1 });
  });
});

describe('the savings', () => {
  it('add tokens, and costs by currency', () => {
    const tally = new CallTally();
    tally.count({ ...call, outcome: 'joined' });
    tally.count({ ...call, outcome: 'replayed' });
    tally.save({ inputTokens: 10, outputTokens: 5, cost: 0.5, currency: 'USD' });
    tally.save({ inputTokens: 1, outputTokens: 2, cost: 0.25, currency: 'USD' });
    tally.save({ inputTokens: 1, outputTokens: 1, cost: 3, currency: 'EUR' });
    tally.save({ inputTokens: 1, outputTokens: 1 });
    expect(tally.savings()).toEqual({
      calls: 2,
      inputTokens: 13,
      outputTokens: 9,
      costs: [
        { currency: 'USD', cost: 0.75 },
        { currency: 'EUR', cost: 3 },
      ],
    });
  });

  it('leave out what is no amount', () => {
    const tally = new CallTally();
    tally.save({ inputTokens: Number.NaN, outputTokens: -1, cost: Number.POSITIVE_INFINITY });
    tally.save({ inputTokens: '5' as unknown as number, outputTokens: 1e300 });
    expect(tally.savings()).toEqual({ calls: 0, inputTokens: 0, outputTokens: 0, costs: [] });
  });
});

describe('the slowest keys', () => {
  it('are 20, slowest first, by their latest run', () => {
    const tally = new CallTally();
    for (let i = 0; i < 500; i++) {
      const runMs = (i * 7919) % 500;
      tally.count({ ...call, key: `k${runMs}`, runMs, model: 'm', temperature: 0 });
    }
    expect(tally.slowest().map(({ key }) => key)).toEqual(
      Array.from({ length: 20 }, (_, i) => `k${499 - i}`),
    );
    tally.count({ ...call, key: 'k499', outcome: 'replayed', runMs: 1 });
    expect(tally.slowest()[0]).toEqual({
      key: 'k499',
      calls: 2,
      runMs: 499,
      model: 'm',
      temperature: 0,
    });
    tally.count({ ...call, key: 'k499', outcome: 'failed', runMs: 2 });
    const keys = tally.slowest().map(({ key }) => key);
    expect(keys).not.toContain('k499');
    expect(keys[0]).toBe('k498');
  });

  it('make room for a new one after a slow one became fast', () => {
    const tally = new CallTally();
    for (let i = 0; i < 100; i++) tally.count({ ...call, key: `k${i}`, runMs: 1000 + i });
    for (let i = 0; i < 100; i++) tally.count({ ...call, key: `k${i}`, runMs: 1 });
    for (let i = 0; i < 20; i++) tally.count({ ...call, key: `new${i}`, runMs: 10 + i });
    expect(tally.slowest().every(({ key }) => key.startsWith('new'))).toBe(true);
  });
});

describe('repeated keys with a temperature above 0', () => {
  const repeat = { ...call, outcome: 'replayed' } as const;

  it('are those that were repeated most', () => {
    const tally = new CallTally();
    for (const [key, count] of [
      ['a', 3],
      ['b', 5],
    ] as const) {
      tally.count({ ...call, key, temperature: 0.7, model: 'm' });
      for (let i = 0; i < count; i++) tally.count({ ...repeat, key, temperature: 0.7, model: 'm' });
    }
    tally.count({ ...repeat, key: 'cold', temperature: 0 });
    tally.count({ ...repeat, key: 'not told' });
    tally.count({ ...call, key: 'only once', temperature: 1 });
    expect(tally.repeatedWarm()).toEqual([
      { key: 'b', calls: 6, model: 'm', temperature: 0.7 },
      { key: 'a', calls: 4, model: 'm', temperature: 0.7 },
    ]);
  });

  it('are found among many others, and counted no more often than they were called', () => {
    const tally = new CallTally();
    const counts = new Map<string, number>();
    const count = (key: string) => {
      counts.set(key, (counts.get(key) ?? 0) + 1);
      tally.count({ ...repeat, key, temperature: 1 });
    };
    // Each of 10 keys has a hundredth of all repetitions, which is more than 1/256.
    for (let i = 0; i < 20_000; i++) {
      count(i % 10 === 0 ? `often${(i / 10) % 10}` : `seldom${i}`);
    }
    const rows = tally.repeatedWarm();
    expect(rows).toHaveLength(20);
    expect(
      rows
        .slice(0, 10)
        .map(({ key }) => key)
        .sort(),
    ).toEqual(Array.from({ length: 10 }, (_, i) => `often${i}`));
    for (const { key, calls } of rows)
      expect(calls).toBeLessThanOrEqual((counts.get(key) ?? 0) + 1);
  });

  it('are told by a log when they are ten', () => {
    const tally = new CallTally();
    tally.warn('k', 10, 0.5);
    tally.count({ ...repeat, key: 'k' });
    expect(tally.repeatedWarm()).toEqual([{ key: 'k', calls: 12, temperature: 0.5 }]);
  });
});
