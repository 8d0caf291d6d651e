import { expect, it } from 'vitest';
import { problem } from '../../src/response/problem.js';

it('a problem is JSON of RFC 9457 that no cache may store, with its own headers beside', () => {
  const { status, headers, body } = problem('in-progress', 409, 'SAMEKEY_IN_PROGRESS', 'Wait.', {
    'retry-after': '1',
  });
  expect(status).toBe(409);
  expect(headers).toEqual({
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'retry-after': '1',
  });
  expect(JSON.parse(body)).toEqual({
    type: 'https://github.com/samekey/samekey/blob/main/docs/server.md#in-progress',
    title: expect.any(String),
    status: 409,
    detail: 'Wait.',
    code: 'SAMEKEY_IN_PROGRESS',
  });
});
