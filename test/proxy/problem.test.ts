import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { problemOf } from '../../src/proxy/problem.js';
import { createProxy, type ProxyLog, upstreamAddress } from '../../src/proxy/proxy.js';
import { memoryStore } from '../../src/store/memory.js';
import { freePort } from '../servers/process.js';

const errorWith = (code: unknown, more: object = {}) =>
  Object.assign(new Error('the secret'), { code, ...more });

function seen(error: unknown) {
  const { status, headers, body } = problemOf(error);
  const { type, detail, code } = JSON.parse(body);
  const name = type.replace('https://github.com/samekey/samekey/blob/main/docs/', '');
  return { status, name, code, detail, retry: headers['x-should-retry'] };
}

const FAULT = {
  status: 500,
  name: 'proxy.md#fault',
  code: 'SAMEKEY_FAULT',
  detail: 'The proxy failed. Its log has the error.',
  retry: 'false',
};

describe('the problem of an error', () => {
  it.each([
    ['SAMEKEY_REFUSED', 400, 'proxy.md#refused', 'false'],
    ['SAMEKEY_UPSTREAM', 502, 'proxy.md#upstream-failed', 'true'],
    ['SAMEKEY_BROKEN_RESPONSE', 502, 'proxy.md#upstream-failed', 'false'],
    ['SAMEKEY_BAD_KEY', 400, 'server.md#key-malformed', 'false'],
    ['SAMEKEY_BAD_SCOPE', 400, 'server.md#body-not-comparable', 'false'],
    ['SAMEKEY_EMPTY_IDENTITY', 400, 'server.md#body-not-comparable', 'false'],
    ['SAMEKEY_TOO_DEEP', 400, 'server.md#body-not-comparable', 'false'],
    ['SAMEKEY_MISMATCH', 422, 'server.md#key-reused', 'false'],
    ['SAMEKEY_TIMEOUT', 504, 'server.md#no-answer', 'false'],
  ])('%s has the status %i and a section, and its message', (code, status, name, retry) => {
    expect(seen(errorWith(code))).toEqual({ status, name, code, detail: 'the secret', retry });
  });

  it.each(['SAMEKEY_STORE', 'SAMEKEY_STORE_FULL', 'SAMEKEY_NO_TABLE'])(
    '%s does not name the store',
    (code) => {
      const { detail, ...rest } = seen(errorWith(code));
      expect(rest).toMatchObject({ status: 503, name: 'server.md#unavailable', code });
      expect(detail).not.toContain('secret');
    },
  );

  it('SAMEKEY_REFUSED has the status of its reason', () => {
    expect(seen(errorWith('SAMEKEY_REFUSED', { status: 421 })).status).toBe(421);
  });

  it.each([
    ['without a code', new Error('the secret')],
    ['with a status', Object.assign(new Error('the secret'), { status: 404 })],
    ['of Node.js', errorWith('ENOENT')],
    ['of Node.js with a status', errorWith('ERR_STREAM_DESTROYED', { status: 502 })],
    ['with the name of a member of all objects', errorWith('toString')],
    ['that is null', null],
    ['that is a text', 'the secret'],
  ])('an error %s is a fault, of which the client learns nothing', (_, error) => {
    expect(seen(error)).toEqual(FAULT);
  });
});

describe('a fault of the proxy', () => {
  it('is answered, and the log has the error and where it was thrown', async () => {
    const lines: Record<string, unknown>[] = [];
    const log = pino({ base: null }, { write: (line) => lines.push(JSON.parse(line)) });
    const proxy = createProxy({
      upstream: upstreamAddress(`http://127.0.0.1:${await freePort()}`),
      once: {
        store: memoryStore(),
        account() {
          throw new Error('the secret');
        },
      },
      passedPaths: [],
      maxHeldBytes: 2 ** 28,
      maxSpilledBytes: 0,
      maxBodyBytes: 1e6,
      idleMs: 60_000,
      isLoopback: true,
      hasMetricsPort: false,
      log: Object.assign(log, { end: async () => {} }) as ProxyLog,
    });
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ code: 'SAMEKEY_FAULT', detail: FAULT.detail });
    expect(text).not.toContain('secret');
    await expect.poll(() => lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      msg: 'request',
      status: 500,
      outcome: 'failed',
      error: 'the secret',
      stack: expect.stringContaining('problem.test.ts'),
    });
    proxy.server.close();
    proxy.cut();
  });
});
