import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { ROOT } from './program.js';

it('examples/retry-loop.mjs sends one key three times, and the provider does the work once', () => {
  const run = spawnSync(process.execPath, ['examples/retry-loop.mjs'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: '' });
  // hashlib.sha256 of 'examples/retry-loop', a zero byte and the canonical request.
  const key = 'ik_3ea7bbe8a0e943840acaa2681ec9526b1627317e208922fcc114013cdf58995c';
  expect(run.stdout).toBe(`attempt 1  Idempotency-Key: ${key}
           429 Too Many Requests
attempt 2  Idempotency-Key: ${key}
           no answer: The operation was aborted due to timeout
attempt 3  Idempotency-Key: ${key}
           200, replayed

Answer 1 to: Book the 18:37 to Chur.
The provider got 3 requests with 1 key and did the work 1 time.
`);
});
