import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { retryPolicies, withRetry } from '../../../src/fetch/retry/retry.js';
import { attemptsUntil, endProviders, start } from './scene.js';

endProviders();

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
    ['bedrock', bedrock(408, 'ModelTimeoutException')],
    ['bedrock', bedrock(408, 'RequestTimeout')],
    // RFC 8470: the server has not begun to process the request.
    ['openai', { status: 425, body: {} }],
    ['anthropic', { status: 425, body: {} }],
    ['bedrock', { status: 425, body: {} }],
    ['gemini', { status: 425, body: {} }],
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

  it('waits as long as Gemini’s RetryInfo says, up to maxRetryAfterMs', async () => {
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

  it('waits as long as the header of AWS says', async () => {
    const headers = { 'x-amz-retry-after': '50' };
    const { post, events, provider } = await start(
      [{ status: 503, headers }],
      retryPolicies.bedrock,
    );
    expect((await post()).status).toBe(200);
    expect(events[0]?.delayMs).toBeGreaterThanOrEqual(50);
    await provider.stop();
    const long = { status: 503, headers: { 'x-amz-retry-after': '90000' } };
    expect(await attemptsUntil(503, [long], retryPolicies.bedrock)).toMatchObject({ count: 1 });
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
  ])('uses the status if the body %s', async (_, mood) => {
    expect(await attemptsUntil(200, [mood], retryPolicies.openai)).toMatchObject({ count: 2 });
  });

  it('uses the status if the body breaks, or does not arrive', async () => {
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

  it('need a function to retry', () => {
    expect(() => withRetry(undefined as never)).toThrow(
      'Cannot retry requests: fetch is undefined, wanted a function',
    );
  });
});
