import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
// @ts-expect-error: an example, without types
import { startProvider } from '../../../examples/provider/provider.mjs';
import { idempotentFetch } from '../../../src/fetch/fetch.js';
import { retryPolicies, withRetry } from '../../../src/fetch/retry/retry.js';
import { isKey } from '../../../src/index.js';
import { memoryStore } from '../../../src/store/memory.js';
import { attemptsUntil, BODY, endProviders, type Provider, question, start } from './scene.js';

endProviders();

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
    // The same JSON in another form has the same key, other JSON has another key.
    await post({ body: JSON.stringify({ messages: question.messages, model: 'm' }, null, 2) });
    await post({ body: BODY.replace('new', 'old') });
    expect(keys()[3]).toBe(key);
    expect(keys()[4]).not.toBe(key);
  });

  it('sends the caller’s own key, in the configured header', async () => {
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

  it('derives different keys for different accounts and scopes', async () => {
    const { post, keys } = await start([]);
    await post({ headers: { authorization: 'Bearer a' } });
    await post({ headers: { authorization: 'Bearer b' } });
    expect(keys()[0]).not.toBe(keys()[1]);
  });

  it.each([
    ['a stream', () => new Blob([BODY]).stream()],
    ['a Blob', () => new Blob([BODY])],
    ['bytes', () => new TextEncoder().encode(BODY)],
  ])('reads a body once and sends it with each attempt: %s', async (_, body) => {
    const { post, provider } = await start(['500', 'lose']);
    expect((await post({ body: body(), duplex: 'half' } as RequestInit)).status).toBe(200);
    expect(provider.requests.map(({ body }) => body)).toEqual([BODY, BODY, BODY]);
  });

  it('sends a Request and a form with each attempt', async () => {
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

  it.each([400, 401, 403, 404, 422])('never retries a %i', async (status) => {
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

  it('returns a response that is not retried with its body unread', async () => {
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

  it.each(['true', 'false'])('follows x-should-retry: %s', async (value) => {
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
  ])('reads the code of an error in Bun: %s', async (code, message, count) => {
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

  it('does not retry the decision of a fetch below', async () => {
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

  it('retries when the connection is refused', async () => {
    const { provider, retrying, events } = await start([]);
    await provider.stop();
    await expect(retrying(provider.url)).rejects.toThrow('fetch failed');
    expect(events.length).toBe(3);
  });

  it('with onUnknown: throw, throws after a request of unknown outcome and retries an unsent one', async () => {
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

  it('retries a late attempt, and throws SAMEKEY_TIMEOUT after the last one', async () => {
    const { post, provider, events } = await start(['hang', 'answer', 'hang', 'hang'], {
      attemptTimeoutMs: 200,
      maxAttempts: 2,
    });
    expect((await post()).status).toBe(200);
    expect(events[0]?.reason).toBe(
      `Cannot get a response from ${provider.url}/v1/chat/completions: no response arrived in the 200 ms left, wanted one or a larger attemptTimeoutMs`,
    );
    await expect(post()).rejects.toMatchObject({ code: 'SAMEKEY_TIMEOUT' });
    expect(provider.requests.length).toBe(4);
  });

  it('does not limit the time of the body', async () => {
    const { post } = await start(['slow-stream:50'], { attemptTimeoutMs: 150, deadlineMs: 150 });
    const response = await post({ body: JSON.stringify({ ...question, stream: true }) });
    expect(await response.text()).toContain('[DONE]');
  });

  it('aborts the body when the caller’s signal aborts', async () => {
    const { post } = await start(['stall'], { attemptTimeoutMs: 1000 });
    const caller = new AbortController();
    const response = await post({
      body: JSON.stringify({ ...question, stream: true }),
      signal: caller.signal,
    });
    caller.abort(new Error('enough'));
    await expect(response.text()).rejects.toThrow('aborted');
  });

  it('continues when onRetry throws', async () => {
    const { post, provider } = await start(['500'], {
      onRetry() {
        throw new Error('a bad listener');
      },
    });
    expect((await post()).status).toBe(200);
    expect(provider.requests.length).toBe(2);
  });

  it('cancels the body of a response that it retries, without waiting for it', async () => {
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

describe('below idempotentFetch', () => {
  it('shares its attempts among all duplicates, and sends the key of idempotentFetch', async () => {
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
  it('openai receives its answer, whole and as a stream', async () => {
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

  it('@anthropic-ai/sdk receives its answer, whole and as a stream', async () => {
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
