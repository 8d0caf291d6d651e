import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  type RetryEvent,
  type RetryPolicy,
  retryBudget,
  withRetry,
} from '../../../src/fetch/retry/retry.js';
import { endProviders, start } from './scene.js';

endProviders();

describe('an aborted signal', () => {
  it('ends the call before the first attempt', async () => {
    const { post, provider } = await start([]);
    const signal = AbortSignal.abort(new Error('no more'));
    await expect(post({ signal })).rejects.toThrow('no more');
    expect(provider.requests.length).toBe(0);
  });

  it('ends an attempt without a retry', async () => {
    const { post, provider } = await start(['hang']);
    const caller = new AbortController();
    const sent = post({ signal: caller.signal });
    await expect.poll(() => provider.requests.length).toBe(1);
    caller.abort(new Error('no more'));
    await expect(sent).rejects.toThrow('no more');
    expect(provider.requests.length).toBe(1);
  });

  it('ends the reading of an error’s body', async () => {
    const caller = new AbortController();
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(503, { 'content-type': 'application/json' }).write('{');
      setTimeout(() => caller.abort(new Error('no more')), 50);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const events: RetryEvent[] = [];
      const retrying = withRetry(fetch, { onRetry: (event) => events.push(event) });
      const sent = retrying(`http://127.0.0.1:${port}/`, { signal: caller.signal });
      await expect(sent).rejects.toThrow('no more');
      expect(events).toEqual([]);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it.each([
    ['in onRetry', (abort: () => void) => abort()],
    ['later', (abort: () => void) => setTimeout(abort)],
  ])('ends a wait: %s', async (_, when) => {
    const caller = new AbortController();
    const { post, provider } = await start(() => '429:50000', {
      onRetry: () => when(() => caller.abort(new Error('no more'))),
    });
    await expect(post({ signal: caller.signal })).rejects.toThrow('no more');
    expect(provider.requests.length).toBe(1);
  });

  it('leaves no timers behind', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout');
    const before = timers().length;
    const caller = new AbortController();
    let waitingCount = 0;
    const { post } = await start(() => '429:50000', {
      budget: false,
      onRetry() {
        if (++waitingCount === 50) setTimeout(() => caller.abort());
      },
    });
    const all = Array.from({ length: 50 }, () => post({ signal: caller.signal }));
    const ends = await Promise.allSettled(all);
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['rejected']));
    await expect.poll(() => timers().length).toBeLessThanOrEqual(before);
  });

  it('leaves no listeners behind', async () => {
    const { post } = await start(() => '500', {
      maxAttempts: 10,
      maxDelayMs: 5,
      attemptTimeoutMs: 5000,
      budget: false,
    });
    const { signal } = new AbortController();
    await post({ signal });
    const count = getEventListeners(signal, 'abort').length;
    await Promise.all([post({ signal }), post({ signal }), post({ signal })]);
    expect(getEventListeners(signal, 'abort').length).toBe(count);
  });
});

describe('how long it waits', () => {
  const delaysOf = async (headers: Record<string, string>, policy: RetryPolicy = {}) => {
    const { post, events, provider } = await start([{ status: 429, headers }], {
      baseDelayMs: 0,
      ...policy,
    });
    const { status } = await post();
    await provider.stop();
    return { status, delays: events.map(({ delayMs }) => delayMs) };
  };
  const between = (delays: number[], least: number, most: number) => {
    expect(delays.length).toBe(1);
    expect(delays[0]).toBeGreaterThanOrEqual(least);
    expect(delays[0]).toBeLessThanOrEqual(most);
  };

  it.each([
    ['retry-after-ms', { 'retry-after-ms': '30' }, 30],
    ['retry-after in seconds', { 'retry-after': '0.04' }, 40],
    ['both headers: milliseconds count', { 'retry-after': '9', 'retry-after-ms': '20' }, 20],
    [
      'a date, by the clock of the server',
      {
        'retry-after': 'Wed, 21 Oct 2015 07:28:01 GMT',
        date: 'Wed, 21 Oct 2015 07:28:00 GMT',
      },
      1000,
    ],
  ])('as long as the server asks for, and up to a tenth more: %s', async (_, headers, ms) => {
    const { delays, status } = await delaysOf(headers as never);
    expect(status).toBe(200);
    between(delays, ms, Math.ceil(ms * 1.1));
  });

  it.each([
    ['a date in the past', 'Wed, 21 Oct 2015 07:28:00 GMT'],
    ['zero', '0'],
    ['nonsense', 'soon'],
    ['a negative number', '-5'],
  ])('by its own rule, if the server sends %s', async (_, value) => {
    const { delays, status } = await delaysOf({ 'retry-after': value }, { baseDelayMs: 5 });
    expect(status).toBe(200);
    between(delays, 0, 5);
  });

  it('not at all, if the server asks for more than maxRetryAfterMs', async () => {
    expect(await delaysOf({ 'retry-after': '61' })).toEqual({ status: 429, delays: [] });
    expect(await delaysOf({ 'retry-after-ms': '30' }, { maxRetryAfterMs: 29 })).toEqual({
      status: 429,
      delays: [],
    });
  });

  it('not at all, if the deadline is before the end of the wait', async () => {
    expect(await delaysOf({ 'retry-after': '30' }, { deadlineMs: 20_000 })).toEqual({
      status: 429,
      delays: [],
    });
  });

  it('never beyond the deadline', async () => {
    const { post, provider } = await start(['500', 'hang'], { deadlineMs: 300, baseDelayMs: 1 });
    await expect(post()).rejects.toMatchObject({
      code: 'SAMEKEY_TIMEOUT',
      message: expect.stringMatching(/ a larger deadlineMs$/),
    });
    expect(provider.requests.length).toBe(2);
  });

  it('from zero to a bound that doubles until maxDelayMs', async () => {
    const { post, events } = await start(() => '503', {
      baseDelayMs: 4,
      maxDelayMs: 16,
      maxAttempts: 6,
      budget: false,
    });
    for (let call = 0; call < 40; call++) await post();
    const bounds = [4, 8, 16, 16, 16];
    for (const [index, bound] of bounds.entries()) {
      const delays = events
        .filter(({ attempt }) => attempt === index + 1)
        .map(({ delayMs }) => delayMs);
      expect(delays.length).toBe(40);
      expect(Math.max(...delays)).toBeLessThan(bound);
      // Forty draws are all in one half once in 10¹² runs.
      expect(Math.min(...delays)).toBeLessThan(bound / 2);
      expect(Math.max(...delays)).toBeGreaterThanOrEqual(bound / 2);
    }
  });
});

describe('a budget', () => {
  it('bounds the retries during an outage to a share of the calls', async () => {
    const { post, provider } = await start(() => '503', {
      baseDelayMs: 0,
      budget: retryBudget({ ratio: 0.2, burst: 5 }),
    });
    const CALLS = 100;
    for (let call = 0; call < CALLS; call++) expect((await post()).status).toBe(503);
    const retries = provider.requests.length - CALLS;
    expect(retries).toBeLessThanOrEqual(5 + 0.2 * CALLS);
    expect(retries).toBeGreaterThanOrEqual(5 + 0.2 * CALLS - 2);
  });

  it('adds ten tenths to one retry', async () => {
    const { post, provider } = await start(() => '503', {
      baseDelayMs: 0,
      maxAttempts: 2,
      budget: retryBudget({ ratio: 0.1, burst: 1 }),
    });
    for (let call = 0; call < 21; call++) await post();
    expect(provider.requests.length).toBe(21 + 3);
  });

  it('is shared by the policies that have it; a policy without one has its own', async () => {
    const { provider } = await start(() => '503');
    const shared = { budget: retryBudget({ ratio: 0, burst: 3 }), baseDelayMs: 0 };
    const requests = async (policy: RetryPolicy) => {
      const before = provider.requests.length;
      for (let call = 0; call < 2; call++) {
        await withRetry(fetch, policy)(provider.url, { method: 'POST', body: '{}' });
      }
      return provider.requests.length - before;
    };
    expect(await requests(shared)).toBe(2 + 3);
    expect(await requests({ baseDelayMs: 0 })).toBe(2 * 4);
    expect(await requests({ baseDelayMs: 0, budget: false })).toBe(2 * 4);
  });

  it.each([{ ratio: -1 }, { ratio: Number.NaN }, { burst: 0 }, { burst: '5' }, { brust: 5 }, 5])(
    'is checked: %j',
    (options) => {
      expect(() => retryBudget(options as never)).toThrow(
        expect.objectContaining({ code: 'SAMEKEY_BAD_ARGUMENT' }),
      );
    },
  );
});
