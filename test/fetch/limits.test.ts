import { expect, it } from 'vitest';
import { type FetchOptions, idempotentFetch } from '../../src/fetch/fetch.js';
import { memoryStore } from '../../src/store/memory.js';

/** A `fetch` with limits, and a function that posts by it for an account. */
function limited(limits: FetchOptions['limits'], more: Partial<FetchOptions> = {}) {
  let sent = 0;
  const fetch = idempotentFetch({
    store: memoryStore(),
    fetch: async () => Response.json({ count: ++sent }),
    storeResponses: () => true,
    ...(limits !== undefined && { limits }),
    ...more,
  });
  const post = (item: string, headers: Record<string, string> = {}) =>
    fetch('https://api.example/v1/messages', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ item }),
    });
  return { post, fetch, sent: () => sent };
}

it('a request beyond a limit rejects, and says when to try again', async () => {
  const { post, fetch, sent } = limited({ keysPerMinute: 1 });
  expect((await post('a')).headers.get('samekey')).toBe('executed');
  await expect(post('b')).rejects.toMatchObject({
    name: 'OnceError',
    code: 'SAMEKEY_LIMIT',
    reached: { name: 'keysPerMinute', limit: 1, windowSeconds: 60 },
    retryAfterSeconds: expect.toSatisfy((seconds: number) => seconds === 60 || seconds === 61),
    message: expect.stringMatching(/^Cannot run ik_\w+: .*wanted another attempt after 6[01] s$/),
  });
  expect((await post('a')).headers.get('samekey')).toBe('replayed');
  expect((await post('b', { 'x-api-key': 'another account' })).status).toBe(200);
  expect(sent()).toBe(2);
  expect(fetch.stats()).toMatchObject({ executed: 2, limited: 1, failed: 0 });
});

it('an SDK receives a response that it understands', async () => {
  const { post } = limited({ keysPerMinute: 1 });
  const sdk = { 'x-stainless-lang': 'js' };
  await post('a', sdk);
  const refused = await post('b', sdk);
  expect([refused.status, refused.headers.get('samekey')]).toEqual([429, 'failed']);
  expect(refused.headers.get('retry-after')).toMatch(/^6[01]$/);
  expect(await refused.json()).toMatchObject({ error: { code: 'SAMEKEY_LIMIT' } });
});

it('the option `account` says whose limit it is, and a fresh request counts', async () => {
  const account = (headers: Headers) => headers.get('x-tenant') ?? '';
  const { post } = limited({ keysPerMinute: 2 }, { account, ignoredHeaders: ['x-tenant'] });
  for (const attempt of ['1', '2']) {
    const headers = { 'x-tenant': 'one', authorization: attempt, 'samekey-fresh': '1' };
    expect((await post('a', headers)).headers.get('samekey')).toBe('executed');
  }
  await expect(post('a', { 'x-tenant': 'one', 'samekey-fresh': '1' })).rejects.toMatchObject({
    code: 'SAMEKEY_LIMIT',
  });
  // The earlier response is still there.
  expect((await post('a', { 'x-tenant': 'one' })).headers.get('samekey')).toBe('replayed');
  expect((await post('a', { 'x-tenant': 'two' })).headers.get('samekey')).toBe('executed');
});

it('a limit of undefined is none', async () => {
  const { post, sent } = limited({});
  for (let item = 0; item < 100; item++) await post(`${item}`);
  expect(sent()).toBe(100);
});
