import { afterEach, expect } from 'vitest';
// @ts-expect-error: an example, without types
import { startProvider } from '../../../examples/provider/provider.mjs';
import { type RetryEvent, type RetryPolicy, withRetry } from '../../../src/fetch/retry/retry.js';

export interface Provider {
  url: string;
  requests: { headers: Record<string, string>; body: string; isBilled: boolean }[];
  billedCount(body?: string): number;
  stop(): Promise<void>;
}

let provider: Provider | undefined;

/** Stops the provider after each test. */
export const endProviders = () => afterEach(() => provider?.stop());

export const question = {
  model: 'm',
  messages: [{ role: 'user' as const, content: 'What is new?' }],
};
export const BODY = JSON.stringify(question);

/** Starts a provider and returns a `fetch` with short waits, and its events. */
export async function start(moods: unknown, policy: RetryPolicy = {}) {
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

/** Returns the number of attempts until a response with this status, and its text. */
export async function attemptsUntil(status: number, moods: unknown, policy?: RetryPolicy) {
  const { post, provider } = await start(moods, policy);
  const response = await post();
  expect(response.status).toBe(status);
  const text = await response.text();
  await provider.stop();
  return { count: provider.requests.length, text };
}
