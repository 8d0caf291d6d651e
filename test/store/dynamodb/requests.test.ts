import { describe, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { outcome, request, Scene } from './scene.js';

describe('the requests of the DynamoDB store', () => {
  const scene = new Scene();
  /** Opens a store whose first request has been sent. */
  const opened = async () => {
    const store = scene.open();
    await store.read('any');
    scene.front.seen.length = 0;
    return store;
  };

  it('are one for a new key and one for its result', async () => {
    const store = await opened();
    const key = randomKey();
    await store.claim(key, request('a'));
    await store.renew(key, 'a', 60_000);
    await store.complete(key, 'a', outcome);
    expect(scene.front.seen).toEqual(['PutItem', 'PutItem', 'PutItem']);
  });

  it('begin with a read, which sets the clock', async () => {
    const store = scene.open();
    await store.claim(randomKey(), request('a'));
    await store.claim(randomKey(), request('a'));
    expect(scene.front.seen).toEqual(['GetItem', 'PutItem', 'PutItem']);
  });

  it('are one for a refused claim, and then reads', async () => {
    const [store, other] = [await opened(), await opened()];
    const key = randomKey();
    await store.claim(key, request('a'));
    scene.front.seen.length = 0;
    for (let poll = 0; poll < 3; poll++) await other.claim(key, request('b'));
    await store.complete(key, 'a', outcome);
    expect((await other.claim(key, request('b'))).record.payload).toEqual(outcome.payload);
    expect(scene.front.seen).toEqual(['PutItem', 'GetItem', 'GetItem', 'PutItem', 'GetItem']);
  });

  it('poll less and less often while a duplicate waits', async () => {
    const [owner, waiter] = [scene.once(), scene.once()];
    const key = randomKey();
    let end: (() => void) | undefined;
    const first = owner(
      key,
      () =>
        new Promise((resolve) => {
          end = () => resolve('value');
        }),
    );
    // It has its claim: a request that was seen may not have been answered.
    await expect.poll(() => end).toBeTypeOf('function');
    expect(scene.front.seen).toHaveLength(2);
    const second = waiter(key, () => 'second');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await expect.poll(() => scene.front.seen.length).toBeGreaterThan(4);
    const polls = scene.front.seen.slice(2);
    end?.();
    expect(await Promise.all([first, second])).toEqual(['value', 'value']);
    // At 20 ms, 40 ms, and so on, up to a second.
    expect(polls.length).toBeLessThan(10);
    expect(new Set(polls)).toEqual(new Set(['GetItem']));
  });

  it.each([
    ['expired', 1],
    ['deleted', 60_000],
  ])(
    'are one for a claim of a key whose record is %s, with the same reply as after a read',
    async (what, ttlMs) => {
      const store = await opened();
      const records = [];
      for (const isRead of [false, true]) {
        const key = randomKey();
        await store.claim(key, request('a', { fingerprint: 'f' }));
        await store.complete(key, 'a', { ...outcome, ttlMs });
        if (what === 'deleted') await store.evict(key);
        await new Promise((resolve) => setTimeout(resolve, 5));
        const next = isRead ? scene.open() : store;
        scene.front.seen.length = 0;
        const { claimed, record } = await next.claim(key, request('b'));
        expect(scene.front.seen).toEqual(isRead ? ['GetItem', 'PutItem'] : ['PutItem']);
        const { fencingToken, claimedAtMs, leaseEndsAtMs, expiresAtMs, ...rest } = record;
        expect(fencingToken).toBeGreaterThanOrEqual(claimedAtMs * 1000);
        expect([leaseEndsAtMs - claimedAtMs, expiresAtMs - claimedAtMs]).toEqual([60_000, 60_000]);
        records.push({ claimed, ...rest });
      }
      expect(records[0]).toEqual(records[1]);
    },
  );

  it('store a time to live in seconds, an hour after the expiry', async () => {
    const store = await opened();
    let ttl: string | undefined;
    scene.front.before = ({ input }) => {
      ttl = (input.Item as { ttl?: { N?: string } } | undefined)?.ttl?.N ?? ttl;
      return undefined;
    };
    const { record } = await store.claim(randomKey(), request('a'));
    expect(Number(ttl)).toBe(Math.ceil(record.expiresAtMs / 1000) + 3600);
  });
});
