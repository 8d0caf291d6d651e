import { describe, expect, it } from 'vitest';
import { LimitError } from '../../src/once/errors.js';
import { codeOf, problemOf } from '../../src/server/problem.js';

const errorWith = (code: unknown) => Object.assign(new Error('of key ik_internal'), { code });

describe('the code of an error', () => {
  it('is that of samekey, and of no other library', () => {
    expect(codeOf(errorWith('SAMEKEY_STORE'))).toBe('SAMEKEY_STORE');
    for (const code of ['ENOENT', 'samekey_store', 7, undefined]) {
      expect(codeOf(errorWith(code))).toBe(undefined);
    }
    for (const error of [
      new Error('no code'),
      { code: 'SAMEKEY_STORE' },
      null,
      undefined,
      'text',
    ]) {
      expect(codeOf(error)).toBe(undefined);
    }
  });
});

describe('the problem of an error', () => {
  it.each([
    ['SAMEKEY_MISMATCH', 422, 'key-reused', undefined, 'false'],
    ['SAMEKEY_IN_PROGRESS', 409, 'in-progress', '1', 'true'],
    ['SAMEKEY_TOO_LONG', 409, 'in-progress', '1', 'true'],
    ['SAMEKEY_UNKNOWN_OUTCOME', 409, 'outcome-unknown', undefined, 'false'],
    ['SAMEKEY_UNREADABLE', 500, 'response-unreadable', undefined, 'false'],
    ['SAMEKEY_OVERLOADED', 503, 'overloaded', '1', 'true'],
    ['SAMEKEY_CLOSED', 503, 'unavailable', '1', 'true'],
    ['SAMEKEY_STORE', 503, 'unavailable', '1', 'true'],
    ['SAMEKEY_LEASE_LOST', 503, 'unavailable', '1', 'true'],
    ['SAMEKEY_TIMEOUT', 504, 'no-answer', '1', 'true'],
  ])('%s has the status %i, and says whether to try again', (code, status, name, after, retry) => {
    const problem = problemOf(errorWith(code));
    expect(problem).toMatchObject({
      type: `https://github.com/samekey/samekey/blob/main/docs/server.md#${name}`,
      title: expect.stringMatching(/^[A-Z]/),
      detail: expect.stringMatching(/^Cannot (?:answer|process the request).*, wanted /),
      status,
      code,
    });
    // No client has sent the internal key.
    expect(JSON.stringify(problem)).not.toContain('ik_');
    expect(problem?.headers).toEqual({
      'cache-control': 'no-store',
      'x-should-retry': retry,
      ...(after !== undefined && { 'retry-after': after }),
    });
  });

  it('of a limit says when to try again, without the key', () => {
    const reached = { name: 'keysPerMinute', limit: 3, windowSeconds: 60 } as const;
    const problem = problemOf(new LimitError('ik_internal', reached, 'too many runs', 17));
    expect(problem).toMatchObject({
      status: 429,
      code: 'SAMEKEY_LIMIT',
      detail: 'Cannot process the request: too many runs',
      headers: { 'retry-after': '17', 'cache-control': 'no-store' },
    });
    expect(JSON.stringify(problem)).not.toContain('ik_');
  });

  it.each(['SAMEKEY_DEADLOCK', 'SAMEKEY_BAD_ARGUMENT', 'ENOENT', 'toString'])(
    '%s is none: it is passed on',
    (code) => {
      expect(problemOf(errorWith(code))).toBe(undefined);
    },
  );
});
