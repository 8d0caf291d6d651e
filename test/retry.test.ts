import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
// @ts-expect-error: an example, without types
import { startProvider } from '../examples/provider/provider.mjs';
import { idempotentFetch } from '../src/http/fetch.js';
import {
  type RetryEvent,
  type RetryPolicy,
  retryBudget,
  retryPolicies,
  withRetry,
} from '../src/http/retry.js';
import { isKey } from '../src/index.js';
import { memoryStore } from '../src/store/memory.js';

interface Provider {
  url: string;
  requests: { headers: Record<string, string>; body: string; isBilled: boolean }[];
  billedCount(body?: string): number;
  stop(): Promise<void>;
}

let provider: Provider | undefined;
afterEach(() => provider?.stop());

const question = { model: 'm', messages: [{ role: 'user' as const, content: 'What is new?' }] };
const BODY = JSON.stringify(question);

/** Of which the waits are short, and what it was told. */
async function start(moods: unknown, policy: RetryPolicy = {}) {
  const events: RetryEvent[] = [];
  provider = (await startProvider({ moods })) as Provider;
  const retrying = withRetry(fetch, {
    baseDelayMs: 5,
    onRetry: (event) => events.push(event),
    ...policy,
  });
  const post = (init: RequestInit = {}) =>
    retrying(`${provider?.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: BODY,
      ...init,
    });
  const keys = () =>
    (provider as Provider).requests.map(({ headers }) => headers['idempotency-key']);
  return { provider, retrying, post, events, keys };
}

/** What the provider got until the response of `status`. */
async function attemptsUntil(status: number, moods: unknown, policy?: RetryPolicy) {
  const { post, provider } = await start(moods, policy);
  const response = await post();
  expect(response.status).toBe(status);
  const text = await response.text();
  await provider.stop();
  return { count: provider.requests.length, text };
}

describe('withRetry', () => {
  it('sends one key with every attempt, derived from the request', async () => {
    const { post, events, keys } = await start(['429', '503', 'answer']);
    expect((await post()).status).toBe(200);
    const [key] = keys();
    expect(isKey(key)).toBe(true);
    expect(keys()).toEqual([key, key, key]);
    expect(events).toMatchObject([
      { attempt: 1, reason: '429 requests rate_limit_exceeded', key },
      { attempt: 2, reason: '503 server_error', key },
    ]);
    // The same request in other words has the same key, and another one has not.
    await post({ body: JSON.stringify({ messages: question.messages, model: 'm' }, null, 2) });
    await post({ body: BODY.replace('new', 'old') });
    expect(keys()[3]).toBe(key);
    expect(keys()[4]).not.toBe(key);
  });

  it('sends the caller’s own key if there is one, and the header by the name it is given', async () => {
    const own = await start(['500']);
    await own.post({ headers: { 'idempotency-key': 'mine' } });
    expect(own.keys()).toEqual(['mine', 'mine']);
    expect(own.events).toMatchObject([{ key: 'mine' }]);
    await own.provider.stop();

    const named = await start(['500'], { headerName: 'X-Key', keyPrefix: 'idem_', quoted: true });
    await named.post();
    const [first, second] = named.provider.requests.map(({ headers }) => headers['x-key']);
    expect(first).toMatch(/^"idem_[0-9a-f]{64}"$/);
    expect(second).toBe(first);
  });

  it('keeps accounts and scopes apart', async () => {
    const { post, keys } = await start([]);
    await post({ headers: { authorization: 'Bearer a' } });
    await post({ headers: { authorization: 'Bearer b' } });
    expect(keys()[0]).not.toBe(keys()[1]);
  });

  it.each([
    ['a stream', () => new Blob([BODY]).stream()],
    ['a Blob', () => new Blob([BODY])],
    ['bytes', () => new TextEncoder().encode(BODY)],
  ])('reads a body once and sends it each time: %s', async (_, body) => {
    const { post, provider } = await start(['500', 'lose']);
    expect((await post({ body: body(), duplex: 'half' } as RequestInit)).status).toBe(200);
    expect(provider.requests.map(({ body }) => body)).toEqual([BODY, BODY, BODY]);
  });

  it('sends a Request, and a form, each time', async () => {
    const { retrying, provider } = await start(['500', 'answer', '500', 'answer']);
    const url = `${provider.url}/v1/chat/completions`;
    expect((await retrying(new Request(url, { method: 'POST', body: BODY }))).status).toBe(200);
    const form = new FormData();
    form.set('purpose', 'batch');
    form.set('file', new Blob(['{}']), 'b.jsonl');
    const upload = await retrying(`${provider.url}/v1/files`, { method: 'POST', body: form });
    expect(await upload.json()).toMatchObject({ filename: 'b.jsonl' });
    const [, , third, fourth] = provider.requests.map(({ headers }) => headers['idempotency-key']);
    expect(third).toBe(fourth);
  });

  it.each([400, 401, 403, 404, 422])('never retries %i, whatever is said', async (status) => {
    const mood = {
      status,
      headers: { 'x-should-retry': 'true' },
      body: { error: { type: 'overloaded_error' } },
    };
    expect(await attemptsUntil(status, [mood], retryPolicies.anthropic)).toMatchObject({
      count: 1,
    });
    expect(() => withRetry(fetch, { statuses: [429, status] })).toThrow(
      expect.objectContaining({ code: 'SAMEKEY_BAD_ARGUMENT', name: 'RangeError' }),
    );
  });

  it('hands on the response it does not retry as it came', async () => {
    const body = { error: { type: 'insufficient_quota', message: 'Pay first.' } };
    const headers = { 'x-ratelimit-limit': '7' };
    const { post } = await start([{ status: 429, headers, body }], retryPolicies.openai);
    const response = await post();
    expect(response.bodyUsed).toBe(false);
    expect(response.headers.get('x-ratelimit-limit')).toBe('7');
    expect(await response.json()).toEqual(body);
  });

  it('gives up after maxAttempts, with the last response or the last error', async () => {
    expect(await attemptsUntil(500, () => '500', { maxAttempts: 3 })).toMatchObject({ count: 3 });
    expect(await attemptsUntil(500, () => '500', { maxAttempts: 1 })).toMatchObject({ count: 1 });
    const { post, provider } = await start(() => 'lose', { maxAttempts: 2 });
    await expect(post()).rejects.toThrow('fetch failed');
    expect(provider.requests.length).toBe(2);
  });

  it.each(['true', 'false'])('does as x-should-retry: %s says', async (value) => {
    const mood = (status: number) => ({ status, headers: { 'x-should-retry': value } });
    const { count } =
      value === 'true'
        ? await attemptsUntil(200, [mood(418)])
        : await attemptsUntil(503, [mood(503)]);
    expect(count).toBe(value === 'true' ? 2 : 1);
  });

  it('retries when the connection breaks, and not when a request cannot be sent', async () => {
    const { post, provider, events, retrying } = await start(['lose', 'lose', 'answer']);
    expect((await post()).status).toBe(200);
    expect(provider.requests.length).toBe(3);
    expect(events.map(({ reason }) => reason)).toEqual(['fetch failed', 'fetch failed']);

    await expect(
      retrying(`${provider.url}/`, { method: 'POST', body: '{}', referrer: 'nonsense' }),
    ).rejects.toThrow('Referrer');
    expect(events.length).toBe(2);
    await expect(retrying('nonsense')).rejects.toThrow('URL');
  });

  it.each([
    ['ECONNRESET', 'The socket connection was closed unexpectedly', 2],
    ['ERR_INVALID_URL', 'fetch() URL is invalid', 1],
  ])('goes by the code that Bun gives an error: %s', async (code, message, count) => {
    const { provider } = await start([]);
    const attempts: unknown[] = [];
    const inBun: typeof fetch = async (input, init) => {
      if (attempts.push(input) > 1) return fetch(input, init);
      throw Object.assign(new TypeError(message), { code });
    };
    await withRetry(inBun, { baseDelayMs: 1 })(provider.url, { method: 'POST', body: '{}' }).catch(
      () => {},
    );
    expect(attempts.length).toBe(count);
  });

  it('does not retry what somebody below decided', async () => {
    const { provider, events } = await start([]);
    const closed = idempotentFetch({ store: memoryStore() });
    await closed.close();
    const impatient: typeof fetch = (input, init) => {
      const own = new AbortController();
      const sent = fetch(input, { ...init, signal: own.signal });
      own.abort();
      return sent;
    };
    for (const [inner, what] of [
      [closed, { code: 'SAMEKEY_CLOSED' }],
      [impatient, { name: 'AbortError' }],
    ] as const) {
      const retrying = withRetry(inner, { onRetry: (event) => events.push(event) });
      const sent = retrying(provider.url, { method: 'POST', body: '{}' });
      await expect(sent).rejects.toMatchObject(what);
    }
    expect(events).toEqual([]);
  });

  it('retries when there is nobody to connect to', async () => {
    const { provider, retrying, events } = await start([]);
    await provider.stop();
    await expect(retrying(provider.url)).rejects.toThrow('fetch failed');
    expect(events.length).toBe(3);
  });

  it('throws what may have been done, if it is told to, and retries what was not', async () => {
    const { post, provider, retrying, events } = await start(['lose', 'hang', '503', 'answer'], {
      onUnknown: 'throw',
      attemptTimeoutMs: 200,
    });
    await expect(post()).rejects.toThrow('fetch failed');
    await expect(post()).rejects.toMatchObject({ code: 'SAMEKEY_TIMEOUT' });
    expect(provider.requests.length).toBe(2);
    expect((await post()).status).toBe(200);
    expect(events.length).toBe(1);
    const gone = (await startProvider()) as Provider;
    await gone.stop();
    await expect(retrying(gone.url)).rejects.toThrow('fetch failed');
    expect(events.length).toBe(4);
  });

  it('retries an attempt that is too late, and says so when it was the last', async () => {
    const { post, provider, events } = await start(['hang', 'answer', 'hang', 'hang'], {
      attemptTimeoutMs: 200,
      maxAttempts: 2,
    });
    expect((await post()).status).toBe(200);
    expect(events[0]?.reason).toBe(
      `Cannot get a response from ${provider.url}/v1/chat/completions: there was none in the 200 ms left, wanted one or a larger attemptTimeoutMs`,
    );
    await expect(post()).rejects.toMatchObject({ code: 'SAMEKEY_TIMEOUT' });
    expect(provider.requests.length).toBe(4);
  });

  it('lets a body take its time, which is not that of the headers', async () => {
    const { post } = await start(['slow-stream:50'], { attemptTimeoutMs: 150, deadlineMs: 150 });
    const response = await post({ body: JSON.stringify({ ...question, stream: true }) });
    expect(await response.text()).toContain('[DONE]');
  });

  it('ends the body, too, when the caller’s signal aborts', async () => {
    const { post } = await start(['stall'], { attemptTimeoutMs: 1000 });
    const caller = new AbortController();
    const response = await post({
      body: JSON.stringify({ ...question, stream: true }),
      signal: caller.signal,
    });
    caller.abort(new Error('enough'));
    await expect(response.text()).rejects.toThrow('aborted');
  });

  it('goes on when its listener throws', async () => {
    const { post, provider } = await start(['500'], {
      onRetry() {
        throw new Error('a bad listener');
      },
    });
    expect((await post()).status).toBe(200);
    expect(provider.requests.length).toBe(2);
  });

  it('cancels the body of a response that it retries, and nobody waits for it', async () => {
    let closedCount = 0;
    const server = createServer((request, response) => {
      request.resume();
      const type = { 'content-type': 'text/plain' };
      response.writeHead(closedCount > 0 ? 200 : 503, type).write('.');
      if (closedCount > 0) response.end();
      response.on('close', () => closedCount++);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const retrying = withRetry(fetch, { baseDelayMs: 200, maxAttempts: 50, budget: false });
      const response = await retrying(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{}' });
      expect(response.status).toBe(200);
      expect(await response.text()).toBe('.');
      expect(closedCount).toBeGreaterThan(0);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});

describe('an aborted signal', () => {
  it('ends it before the first attempt', async () => {
    const { post, provider } = await start([]);
    const signal = AbortSignal.abort(new Error('no more'));
    await expect(post({ signal })).rejects.toThrow('no more');
    expect(provider.requests.length).toBe(0);
  });

  it('ends an attempt, which is not retried', async () => {
    const { post, provider } = await start(['hang']);
    await expect(post({ signal: AbortSignal.timeout(100) })).rejects.toThrow('timeout');
    expect(provider.requests.length).toBe(1);
  });

  it('ends the look at an error’s body', async () => {
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
    ['in its listener', (abort: () => void) => abort()],
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
    expect(timers().length).toBeLessThan(before + 25);
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
    ['both, of which milliseconds count', { 'retry-after': '9', 'retry-after-ms': '20' }, 20],
    [
      'a date, by the clock of the server',
      {
        'retry-after': 'Wed, 21 Oct 2015 07:28:01 GMT',
        date: 'Wed, 21 Oct 2015 07:28:00 GMT',
      },
      1000,
    ],
  ])('what the server says, and up to a tenth more: %s', async (_, headers, ms) => {
    const { delays, status } = await delaysOf(headers as never);
    expect(status).toBe(200);
    between(delays, ms, Math.ceil(ms * 1.1));
  });

  it.each([
    ['a date that is past', 'Wed, 21 Oct 2015 07:28:00 GMT'],
    ['nothing', '0'],
    ['nonsense', 'soon'],
    ['a negative number', '-5'],
  ])('by its own rule, when it says %s', async (_, value) => {
    const { delays, status } = await delaysOf({ 'retry-after': value }, { baseDelayMs: 5 });
    expect(status).toBe(200);
    between(delays, 0, 5);
  });

  it('not at all, when the server wants more than maxRetryAfterMs', async () => {
    expect(await delaysOf({ 'retry-after': '61' })).toEqual({ status: 429, delays: [] });
    expect(await delaysOf({ 'retry-after-ms': '30' }, { maxRetryAfterMs: 29 })).toEqual({
      status: 429,
      delays: [],
    });
  });

  it('not at all, when the deadline is before the end of the wait', async () => {
    expect(await delaysOf({ 'retry-after': '30' }, { deadlineMs: 20_000 })).toEqual({
      status: 429,
      delays: [],
    });
  });

  it('and when the deadline is there, it ends, whatever is under way', async () => {
    const { post, provider } = await start(['500', 'hang'], { deadlineMs: 300, baseDelayMs: 1 });
    await expect(post()).rejects.toMatchObject({
      code: 'SAMEKEY_TIMEOUT',
      message: expect.stringMatching(/ a larger deadlineMs$/),
    });
    expect(provider.requests.length).toBe(2);
  });

  it('up to a bound that doubles until maxDelayMs, and anything from nothing on', async () => {
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
      // Forty draws that are all in one half: one in 10¹².
      expect(Math.min(...delays)).toBeLessThan(bound / 2);
      expect(Math.max(...delays)).toBeGreaterThanOrEqual(bound / 2);
    }
  });
});

describe('a budget', () => {
  it('bounds the retries of an outage by a share of the calls', async () => {
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

  it('counts tenths as ten of them are one', async () => {
    const { post, provider } = await start(() => '503', {
      baseDelayMs: 0,
      maxAttempts: 2,
      budget: retryBudget({ ratio: 0.1, burst: 1 }),
    });
    for (let call = 0; call < 21; call++) await post();
    expect(provider.requests.length).toBe(21 + 3);
  });

  it('is one for all who share it, and each has its own otherwise', async () => {
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

describe('retryPolicies', () => {
  const gemini = (status: string, code: number, ...details: object[]) => ({
    status: code,
    body: { error: { code, status, message: 'm', details } },
  });
  const anthropic = (status: number, type: string, more: object = {}) => ({
    status,
    body: { type: 'error', error: { type, message: 'm', ...more }, request_id: 'req_1' },
  });
  const openai = (status: number, type: string, code: string | null) => ({
    status,
    body: { error: { message: 'm', type, param: null, code } },
  });
  const bedrock = (status: number, name: string) => ({
    status,
    headers: { 'x-amzn-errortype': `${name}:http://internal.amazon.com/coral/x/` },
    body: { message: 'm' },
  });

  it.each([
    ['anthropic', anthropic(429, 'rate_limit_error')],
    ['anthropic', anthropic(529, 'overloaded_error')],
    ['anthropic', anthropic(500, 'api_error')],
    ['anthropic', { status: 409 }],
    ['anthropic', { status: 408 }],
    ['openai', openai(429, 'requests', 'rate_limit_exceeded')],
    ['openai', openai(500, 'server_error', null)],
    ['openai', openai(503, 'server_error', null)],
    ['openai', { status: 409 }],
    ['bedrock', bedrock(429, 'ThrottlingException')],
    ['bedrock', bedrock(429, 'ModelNotReadyException')],
    ['bedrock', bedrock(503, 'ServiceUnavailableException')],
    ['bedrock', bedrock(500, 'InternalServerException')],
    ['bedrock', { status: 418, body: { __type: 'com.amazon.coral#ThrottlingException' } }],
    ['gemini', gemini('RESOURCE_EXHAUSTED', 429)],
    ['gemini', gemini('UNAVAILABLE', 503)],
    ['gemini', gemini('INTERNAL', 500)],
    ['gemini', gemini('DEADLINE_EXCEEDED', 504)],
    ['gemini', { ...gemini('UNAVAILABLE', 503), body: [gemini('UNAVAILABLE', 503).body] }],
  ] as const)('%s retries %j', async (name, mood) => {
    expect(await attemptsUntil(200, [mood], retryPolicies[name])).toMatchObject({ count: 2 });
  });

  it.each([
    ['anthropic', anthropic(402, 'billing_error')],
    [
      'anthropic',
      anthropic(429, 'rate_limit_error', {
        details: { error_code: 'enforced_spend_limit_reached' },
      }),
    ],
    ['anthropic', anthropic(413, 'request_too_large')],
    ['openai', openai(429, 'insufficient_quota', 'insufficient_quota')],
    ['openai', openai(429, 'insufficient_quota', 'credit_balance_exhausted')],
    ['openai', openai(429, 'billing', 'project_spend_limit_exceeded')],
    ['bedrock', bedrock(400, 'ThrottlingException')],
    ['bedrock', bedrock(408, 'ModelTimeoutException')],
    ['bedrock', bedrock(424, 'ModelErrorException')],
    [
      'gemini',
      gemini('RESOURCE_EXHAUSTED', 429, {
        '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
        violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier' }],
      }),
    ],
    ['gemini', { status: 429, body: [{ error: { code: 429, status: 'quota_exceeded' } }] }],
    ['gemini', gemini('FAILED_PRECONDITION', 412)],
  ] as const)('%s does not retry %j', async (name, mood) => {
    const { count, text } = await attemptsUntil(mood.status, [mood], retryPolicies[name]);
    expect(count).toBe(1);
    expect(JSON.parse(text)).toEqual(mood.body);
  });

  it('waits as long as Gemini’s RetryInfo says, and no longer than allowed', async () => {
    const retryInfo = (retryDelay: string) =>
      gemini('RESOURCE_EXHAUSTED', 429, {
        '@type': 'type.googleapis.com/google.rpc.RetryInfo',
        retryDelay,
      });
    const soon = await start([retryInfo('0.050s')], retryPolicies.gemini);
    expect((await soon.post()).status).toBe(200);
    expect(soon.events[0]?.delayMs).toBeGreaterThanOrEqual(50);
    await soon.provider.stop();
    expect(await attemptsUntil(429, [retryInfo('37023.5s')], retryPolicies.gemini)).toMatchObject({
      count: 1,
    });
  });

  it.each([
    ['is not JSON', { status: 503, headers: { 'content-type': 'text/html' }, body: '<h1>' }],
    [
      'says it is JSON',
      { status: 503, headers: { 'content-type': 'application/json' }, body: '{' },
    ],
    ['is null', { status: 503, body: null }],
    ['is a list', { status: 503, body: [[1]] }],
    [
      'is no error’s, by its size',
      { status: 503, body: { error: { message: 'a'.repeat(1e6), type: 'insufficient_quota' } } },
    ],
  ])('goes by the status when the body %s', async (_, mood) => {
    expect(await attemptsUntil(200, [mood], retryPolicies.openai)).toMatchObject({ count: 2 });
  });

  it('goes by the status when the body breaks off, or does not come', async () => {
    let count = 0;
    const server = createServer((request, response) => {
      request.resume();
      count++;
      if (count > 2) {
        response.end('{}');
        return;
      }
      response.writeHead(503, { 'content-type': 'application/json' }).write('{"error":');
      if (count === 1) setTimeout(() => response.destroy(), 20);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const retrying = withRetry(fetch, { ...retryPolicies.openai, baseDelayMs: 1 });
      const response = await retrying(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{}' });
      expect(response.status).toBe(200);
      expect(count).toBe(3);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it.each([
    { statuses: 429 },
    { statuses: ['4xx'] },
    { statuses: [200] },
    { statuses: [600] },
    { codes: 'rate_limit_error' },
    { finalCodes: [429] },
    { maxAttempts: 0 },
    { maxAttempts: '3' },
    { deadlineMs: -1 },
    { baseDelayMs: 2 ** 31 },
    { onUnknown: 'hold' },
    { budget: 5 },
    { onRetry: 'log' },
    { maxRetries: 3 },
    null,
  ])('are checked: %j', (policy) => {
    expect(() => withRetry(fetch, policy as never)).toThrow(
      expect.objectContaining({
        code: 'SAMEKEY_BAD_ARGUMENT',
        message: expect.stringMatching(/^Cannot use the retry policy: /),
      }),
    );
  });

  it('are for a function', () => {
    expect(() => withRetry(undefined as never)).toThrow(
      'Cannot retry requests: fetch is undefined, wanted a function',
    );
  });
});

describe('below idempotentFetch', () => {
  it('makes one row of attempts of all duplicates, with its key', async () => {
    const { retrying, provider, keys } = await start(['429', '500', 'answer']);
    const once = idempotentFetch({ store: memoryStore(), fetch: retrying });
    const ask = async () => {
      const response = await once(`${provider.url}/v1/chat/completions`, {
        method: 'POST',
        body: BODY,
      });
      return { text: await response.text(), key: response.headers.get('samekey-key') };
    };
    const answers = await Promise.all([ask(), ask(), ask()]);
    expect(answers[0]?.text).toContain('Answer 1 to: What is new?');
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(keys()).toEqual(Array(3).fill(answers[0]?.key));
    expect(provider.billedCount()).toBe(1);
    await once.close();
  });
});

describe('below the SDKs', () => {
  it('openai gets its answer, plain and as a stream', async () => {
    const { retrying, provider, keys } = await start(['429', '500', 'answer', 'lose', 'answer']);
    const client = new OpenAI({
      apiKey: 'none',
      baseURL: `${provider.url}/v1`,
      maxRetries: 0,
      fetch: retrying,
    });
    const { choices } = await client.chat.completions.create(question);
    expect(choices[0]?.message.content).toBe('Answer 1 to: What is new?');
    expect(new Set(keys()).size).toBe(1);
    const stream = client.chat.completions.stream(question);
    expect(await stream.finalContent()).toBe('Answer 3 to: What is new?');
    expect(keys()[3]).toBe(keys()[4]);
    expect(provider.requests.length).toBe(5);
  });

  it('@anthropic-ai/sdk gets its answer, plain and as a stream', async () => {
    const { retrying, provider, keys } = await start(['529', 'answer', '529', 'answer'], {
      ...retryPolicies.anthropic,
    });
    const client = new Anthropic({
      apiKey: 'none',
      baseURL: provider.url,
      maxRetries: 0,
      fetch: retrying,
    });
    const asked = { ...question, max_tokens: 100 };
    const { content } = await client.messages.create(asked);
    expect(content).toEqual([{ type: 'text', text: 'Answer 1 to: What is new?' }]);
    const whole = await client.messages.stream(asked).finalMessage();
    expect(whole.content).toMatchObject([{ text: 'Answer 2 to: What is new?' }]);
    expect(keys()[0]).toBe(keys()[1]);
    expect(keys()[2]).toBe(keys()[3]);
    expect(provider.billedCount()).toBe(2);
  });
});
