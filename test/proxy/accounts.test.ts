import { describe, expect, it } from 'vitest';
import { PROGRAM } from '../cli/program.js';
import { run } from './program.js';
import { proxy, start, upstream, useProxy } from './scene.js';

useProxy();

const JSON_TYPE = { 'content-type': 'application/json' };

const post = (headers: Record<string, string>, item = 'a') =>
  fetch(`${proxy.url}/orders`, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify({ item }),
  });

/** The outcome, and the account that the upstream has answered. */
async function answerTo(headers: Record<string, string>, item?: string) {
  const response = await post(headers, item);
  return [response.headers.get('samekey') ?? response.status, await response.text()];
}

/** Starts an upstream that answers with the value of a header. */
const startEcho = (name: string, ...args: string[]) =>
  start(({ raw }, response) => response.end(String(raw.headers[name])), ...args);

describe('a key that a client chose', () => {
  it.each([
    'authorization',
    'x-auth-token',
    'x-shopify-access-token',
    'xi-api-key',
    'private-token',
    'ocp-apim-subscription-key',
    'openai-organization',
    'openai-project',
    'stripe-account',
    'x-tenant-id',
  ])('is one of its account: %s tells two clients apart', async (name) => {
    await startEcho(name);
    const key = { 'idempotency-key': 'order-7' };
    expect(await answerTo({ ...key, [name]: 'alice' })).toEqual(['executed', 'alice']);
    expect(await answerTo({ ...key, [name]: 'bob' })).toEqual(['executed', 'bob']);
    expect(await answerTo(key)).toEqual(['executed', 'undefined']);
    expect(await answerTo({ ...key, [name]: 'alice' })).toEqual(['replayed', 'alice']);
    expect(upstream.requests).toHaveLength(3);
  });

  it.each(['x-request-id', 'x-csrf-token', 'x-signature', 'accept', 'x-ratelimit-tokens'])(
    'does not depend on %s',
    async (name) => {
      await startEcho('authorization');
      const headers = { 'idempotency-key': 'order-7', authorization: 'alice' };
      expect(await answerTo({ ...headers, [name]: 'a' })).toEqual(['executed', 'alice']);
      expect(await answerTo({ ...headers, [name]: 'b' })).toEqual(['replayed', 'alice']);
    },
  );

  it('does not depend on a credential of --ignore-header', async () => {
    await startEcho('authorization', '--ignore-header', 'X-Auth-Token');
    const headers = { 'idempotency-key': 'order-7', authorization: 'alice' };
    expect(await answerTo({ ...headers, 'x-auth-token': 'a' })).toEqual(['executed', 'alice']);
    expect(await answerTo({ ...headers, 'x-auth-token': 'b' })).toEqual(['replayed', 'alice']);
  });
});

describe('--account-header', () => {
  const args = ['--account-header', 'X-Tenant-Id', '--keys-per-minute', '1'];

  it('names the account alone, for keys and for limits', async () => {
    await startEcho('x-tenant-id', ...args);
    const anna = { 'x-tenant-id': 'anna' };
    const chosen = { 'idempotency-key': 'order-7' };
    expect(await answerTo({ ...anna, ...chosen, cookie: 'z=1' })).toEqual(['executed', 'anna']);
    // Another credential is neither another client nor another limit.
    expect(await answerTo({ ...anna, ...chosen, cookie: 'z=2' })).toEqual(['replayed', 'anna']);
    for (const name of ['cookie', 'x-goog-api-key', 'authorization']) {
      const [status] = await answerTo({ ...anna, [name]: 'new' }, 'b');
      expect(status).toBe(429);
    }
    const ben = { 'x-tenant-id': 'ben' };
    expect(await answerTo({ ...ben, ...chosen })).toEqual(['executed', 'ben']);
    expect((await answerTo({ ...ben }, 'b'))[0]).toBe(429);
  });

  it('separates derived keys as well', async () => {
    await startEcho('x-tenant-id', '--account-header', 'authorization');
    expect((await answerTo({ authorization: 'a' }))[0]).toBe('executed');
    expect((await answerTo({ authorization: 'a', cookie: 'z=1' }))[0]).toBe('replayed');
    expect((await answerTo({ authorization: 'b' }))[0]).toBe('executed');
  });

  it('is refused unless it is the name of a header', async () => {
    const { code, stderr } = await run(process.execPath, [
      PROGRAM,
      'proxy',
      '--upstream',
      'http://127.0.0.1:1',
      '--account-header',
      'a b',
    ]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/--account-header <NAME>' argument 'a b' is invalid\. Wanted the name/),
    ]);
  });
});
