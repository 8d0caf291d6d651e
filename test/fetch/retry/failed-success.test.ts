import { describe, expect, it } from 'vitest';
import { type RetryPolicy, retryPolicies, withRetry } from '../../../src/fetch/retry/retry.js';

/** Calls a `fetch` whose first response is this one, and returns the reasons of the retries. */
async function reasonsAfter(first: Response, policy: RetryPolicy = retryPolicies.openai) {
  const reasons: string[] = [];
  let calls = 0;
  const fetch = withRetry(async () => (calls++ === 0 ? first : Response.json({ ok: true })), {
    ...policy,
    baseDelayMs: 0,
    onRetry: ({ reason }) => reasons.push(reason),
  });
  const response = await fetch('https://api.example/v1/chat', { method: 'POST', body: '{}' });
  return { reasons, text: await response.text() };
}

describe('with onUnknown: throw', () => {
  const policy: RetryPolicy = { ...retryPolicies.bedrock, onUnknown: 'throw' };
  const refusal = (status: number, error: object = {}, headers = {}) =>
    Response.json({ error }, { status, headers });

  it.each([
    ['408', refusal(408)],
    ['500', refusal(500)],
    ['502', refusal(502)],
    ['504', refusal(504)],
    ['520', refusal(520)],
    ['a code of an outcome that is unknown', refusal(500, { type: 'InternalServerException' })],
    [
      'a model that took too long',
      new Response('{}', {
        status: 408,
        headers: {
          'content-type': 'application/json',
          'x-amzn-errortype': 'ModelTimeoutException',
        },
      }),
    ],
    ['a failure inside a success', Response.json({ error: { code: 503 } })],
    [
      'a failure of a choice',
      Response.json({ choices: [{ finish_reason: 'error', error: { code: 429 } }] }),
    ],
  ])('a request is not repeated after %s', async (_, response) => {
    const text = await response.clone().text();
    expect(await reasonsAfter(response, policy)).toEqual({ reasons: [], text });
  });

  it.each([
    ['425', refusal(425)],
    ['429', refusal(429)],
    ['503', refusal(503)],
    ['529', refusal(529)],
    ['500', refusal(500, {}, { 'x-should-retry': 'true' })],
  ])('a request is repeated after %s that refuses it, or asks for it', async (reason, response) => {
    expect(await reasonsAfter(response, policy)).toMatchObject({ reasons: [reason] });
  });
});

describe('a failure inside a success', () => {
  it.each([
    ['with the status of a provider', { error: { code: 502, message: 'hung up' } }, '200'],
    ['with a status as text', { error: { code: '503' } }, '200 503'],
    [
      'without a status, of an API of models',
      { object: 'chat.completion', choices: [], error: 'shard gone' },
      '200',
    ],
    ['of the Responses API', { object: 'response', status: 'failed' }, '200 failed'],
    ['with a type', { error: { type: 'server_error' } }, '200 server_error'],
    [
      'of a choice',
      {
        object: 'chat.completion',
        choices: [{ index: 0, finish_reason: 'error', error: { code: 502 } }],
      },
      '200',
    ],
    [
      'told by the reason of a choice',
      { object: 'chat.completion', choices: [{ index: 0, finish_reason: 'abort' }] },
      '200',
    ],
  ])('%s is retried', async (_, body, reason) => {
    expect(await reasonsAfter(Response.json(body))).toEqual({
      reasons: [reason],
      text: '{"ok":true}',
    });
  });

  it.each([
    ['application/json', '[{"candidates":[]}\n'],
    ['application/json; charset=utf-8', ' \n[{"error":'],
    ['application/stream+json', '{"error":{"code":502}}'],
  ])('is not looked for in a stream of %s, which arrives at once', async (type, first) => {
    let send = (_: string) => {};
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      start(controller) {
        send = (text) => controller.enqueue(encoder.encode(text));
        send(first);
      },
    });
    const fetch = withRetry(
      async () => new Response(body, { headers: { 'content-type': type } }),
      retryPolicies.gemini,
    );
    const response = await fetch('https://api.example/v1/m', { method: 'POST', body: '{}' });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    for (const text of [first, 'next', 'last']) {
      expect(new TextDecoder().decode((await reader.read()).value)).toBe(text);
      // The rest arrives only when what came before it has been read.
      send(text === first ? 'next' : 'last');
    }
    await reader.cancel();
  });

  it.each([
    ['that says that the request is wrong', { error: { code: 400, message: 'no' } }],
    ['that is final', { error: { code: 429, type: 'insufficient_quota' } }],
    [
      'that is none: an error in the text',
      { choices: [{ finish_reason: 'stop', text: '{"error":1}' }] },
    ],
    ['that is none: an empty error', { error: {}, ok: 1 }],
    ['of an API that samekey does not know', { error: 'card_declined' }],
    [
      'of a tool',
      { jsonrpc: '2.0', id: 1, result: { isError: true, content: [{ type: 'text', text: 'no' }] } },
    ],
    ['of JSON-RPC', { jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'no' } }],
    [
      'of JSON-RPC with a code that looks like a status',
      { jsonrpc: '2.0', id: 1, error: { code: 503, message: 'no' } },
    ],
    ['of GraphQL', { data: null, errors: [{ message: 'sold out' }] }],
  ])('%s is not retried', async (_, body) => {
    const text = JSON.stringify(body);
    const headers = { 'content-type': 'application/json' };
    expect(await reasonsAfter(new Response(text, { headers }))).toEqual({ reasons: [], text });
  });
});
