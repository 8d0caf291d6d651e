import { describe, expect, it } from 'vitest';
import { type EncryptionKey, encryptedCodec, type StoredResult } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { but, crash, never, processOn, put, rejection, storedResult } from './scene.js';

const KEY = 'order-7';
const SECRET = 'the secret of the customer';
const FIRST: EncryptionKey = { id: '2026-10', key: new Uint8Array(32).fill(1) };

describe('a result that cannot be read', () => {
  const json = (text: string): StoredResult => ({
    state: 'done',
    codec: 'json',
    payload: Buffer.from(text),
  });
  const WRONG: Record<string, readonly [result: StoredResult, reason: string]> = {
    'an encrypted result': [
      encryptedCodec({ keys: [FIRST] }).seal(KEY, json('1')) as StoredResult,
      'it is encrypted with the key "2026-10", wanted encryptedCodec({ keys }) with that key',
    ],
    'an encrypted error': [
      encryptedCodec({ keys: [FIRST] }).seal(KEY, {
        state: 'failed',
        codec: 'error',
        payload: Buffer.from('{}'),
      }) as StoredResult,
      'it is encrypted with the key "2026-10", wanted encryptedCodec({ keys }) with that key',
    ],
    'a result of an unknown codec': [
      { ...json('1'), codec: 'other' },
      'it was written by the codec "other", wanted that codec as the option',
    ],
    'an error of an unknown codec': [
      { ...json('{}'), state: 'failed' },
      'it was written by the codec "json", wanted an error of the codec "error"',
    ],
    'a result that is no JSON': [
      json(`{"${SECRET}`),
      'the codec "json" cannot decode it (SyntaxError), wanted what it once wrote',
    ],
    'an error that is no JSON': [
      { state: 'failed', codec: 'error', payload: Buffer.from(SECRET) },
      'the codec "error" cannot decode it (SyntaxError), wanted what it once wrote',
    ],
  };

  it.each(Object.entries(WRONG))('%s is decided by the same rule', async (_, [result, reason]) => {
    const store = memoryStore();
    await put(store, KEY, result);
    const held = processOn(store);
    for (let call = 1; call <= 2; call++) {
      const error = await rejection(held.once(KEY, never));
      expect(error.message).toBe(`Cannot read the stored result of ${KEY}: ${reason}`);
      expect(error).toMatchObject({ code: 'SAMEKEY_UNREADABLE', codec: result.codec });
      expect(`${JSON.stringify(error)}${error.stack}${error.cause}`).not.toContain('secret');
      expect(held.types()).toHaveLength(call);
    }
    expect(new Set(held.types())).toEqual(new Set(['unreadable']));
    expect(held.once.stats()).toMatchObject({ unreadable: 2, replayed: 0, cached: 0 });
    const retried = processOn(store, { onUnreadable: 'retry' });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => retried.once(KEY, () => 'run again')),
    );
    expect(new Set(answers)).toEqual(new Set(['run again']));
    expect(retried.once.stats()).toMatchObject({ executed: 1, unreadable: 1 });
    expect(await held.once(KEY, never)).toBe('run again');
  });

  it('a run again that fails leaves what cannot be read, and the next caller decides again', async () => {
    const store = memoryStore();
    await put(store, KEY, json('{'));
    const { once, types } = processOn(store, { onUnreadable: 'retry' });
    const fails = () => Promise.reject(new Error('of the function'));
    await expect(once(KEY, fails)).rejects.toThrow('of the function');
    expect((await storedResult(store, KEY)).codec).toBe('json');
    expect(await once(KEY, () => 2)).toBe(2);
    expect(types()).toEqual(['unreadable', 'failed', 'unreadable', 'executed']);
  });

  it('is replaced once: a process that asks late gets the new result', async () => {
    const store = memoryStore();
    await put(store, KEY, json('{'));
    let go = () => {};
    const isOver = new Promise<void>((resolve) => {
      go = resolve;
    });
    let claims = 0;
    const late = processOn(
      but(store, {
        async claim(...all: Parameters<Store['claim']>) {
          // The one that would replace what the first has read.
          if (++claims === 2) await isOver;
          return store.claim(...all);
        },
      }),
      { onUnreadable: 'retry' },
    );
    const answer = late.once(KEY, () => 'run twice');
    await expect.poll(() => claims).toBe(2);
    const other = processOn(store, { onUnreadable: 'retry' });
    expect(await other.once(KEY, () => 'run again')).toBe('run again');
    go();
    expect(await answer).toBe('run again');
    expect(late.types()).toEqual(['unreadable', 'replayed']);
  });

  it('a decision about an unknown outcome is not used for a result that cannot be read', async () => {
    const store = memoryStore();
    await crash(store, KEY, 1);
    // While the first process reconciles, another one finishes the key with a result that no codec reads.
    const { once } = processOn(store, {
      onUnreadable: 'retry',
      onUnknown: async () => {
        await put(store, KEY, { ...json('1'), codec: 'other' });
        return { value: 'reconciled' };
      },
    });
    expect(await once(KEY, () => 'of the function')).toBe('of the function');
  });
});
