import { describe, expect, it } from 'vitest';
import { type Awaited, currentRun, inRun, waitFor } from '../../src/once/deadlock.js';
import { createOnce, OnceError } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { expectRejected } from '../errors/thrown.js';

const KEYS = [1, 2, 3].map((digit) => `ik_${String(digit).repeat(64)}`);
const [a = '', b = '', c = ''] = KEYS;
const deadlock = (...keys: readonly string[]) => ({
  code: 'SAMEKEY_DEADLOCK' as const,
  message: `Cannot run ${keys[0]}: it is called by its own run (${keys.join(' → ')}), wanted another key for the inner call`,
});

describe('a function that calls once with a key whose run waits for it', () => {
  it('is refused if that is its own key', async () => {
    const once = createOnce({ store: memoryStore() });
    const inner = once(a, () => once(a, () => 1));
    await expectRejected(inner, OnceError, deadlock(a, a));
    expect(await once(a, () => 2)).toBe(2);
    await once.close();
  });

  it('is refused if other runs are between them, also of another once', async () => {
    const once = createOnce({ store: memoryStore() });
    const other = createOnce({ store: memoryStore() });
    const ring = once(a, () => other(b, () => once(c, () => once(a, () => 1))));
    await expectRejected(ring, OnceError, deadlock(a, b, c, a));
    await Promise.all([once.close(), other.close()]);
  });

  it('is refused if both began at the same time and waited for something before', async () => {
    const once = createOnce({ store: memoryStore() });
    const callLater = (key: string) => async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return once(key, () => 1);
    };
    const both = await Promise.allSettled([once(a, callLater(b)), once(b, callLater(a))]);
    expect(both).toMatchObject([
      { reason: { code: 'SAMEKEY_DEADLOCK' } },
      { reason: { code: 'SAMEKEY_DEADLOCK' } },
    ]);
    await once.close();
  });

  it('is answered if nobody waits in a ring', async () => {
    const once = createOnce({ store: memoryStore(), cache: false });
    const leaf = () => once(c, () => 1);
    const [left, right, both] = await Promise.all([
      once(a, leaf),
      once(b, leaf),
      once(`ik_${'4'.repeat(64)}`, async () => (await Promise.all([leaf(), leaf()])).length),
    ]);
    expect({ left, right, both }).toEqual({ left: 1, right: 1, both: 2 });
    // With `onDuplicate: 'reject'` a duplicate does not wait.
    const strict = createOnce({ store: memoryStore(), onDuplicate: 'reject' });
    const inner = strict(a, () => strict(a, () => 1));
    await expect(inner).rejects.toMatchObject({ code: 'SAMEKEY_IN_PROGRESS' });
    await Promise.all([once.close(), strict.close()]);
  });
});

describe('what waits for what', () => {
  const run = (key: string, phase = 'running') => ({ key, phase }) satisfies Awaited;
  const never = () => new Promise<never>(() => {});

  it('is forgotten when the wait ends, however it does', async () => {
    const [first, second] = [run('first'), run('second')];
    await waitFor(first, second, async () => 1);
    await waitFor(first, second, () => Promise.reject(new Error('left'))).catch(() => {});
    expect(await waitFor(second, first, async () => 2)).toBe(2);
  });

  it('is known for several waits of one run, with circles among others', async () => {
    const [first, second, third] = [run('first'), run('second'), run('third')];
    waitFor(first, second, never);
    waitFor(first, third, never);
    await waitFor(first, third, async () => 1);
    const wait = waitFor(third, first, never);
    await expectRejected(wait, OnceError, deadlock('first', 'third', 'first'));
  });

  it('is asked of a function only while it runs', () => {
    const ended = run('ended', 'writing');
    expect(inRun(run('a'), () => currentRun()?.key)).toBe('a');
    expect(inRun(ended, currentRun)).toBeUndefined();
    expect(currentRun()).toBeUndefined();
  });
});
