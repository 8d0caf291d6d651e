import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterAll, describe, expect, it } from 'vitest';
import { createOnce } from '../../../src/once/index.js';
import { storeConformance } from '../../../src/store/conformance.js';
import { lmdbStore } from '../../../src/store/lmdb.js';
import type { Store } from '../../../src/store/store.js';
import { expectRejected, expectThrown } from '../../errors/thrown.js';
import { request } from '../requests.js';

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const folder = mkdtempSync(join(tmpdir(), 'samekey-lmdb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the LMDB store with a movable clock', () => {
  const path = join(folder, 'moved');
  let nowMs = Date.now();
  const cases = storeConformance({
    open: () => lmdbStore({ path, clock: () => nowMs }),
    moveClock(byMs) {
      nowMs += byMs;
    },
  });
  for (const { name, run } of cases) it(name, run);
});

describe('the LMDB store with its default clock', () => {
  const path = join(folder, 'machine');
  const cases = storeConformance({ open: () => lmdbStore({ path }) });
  for (const { name, run } of cases) it(name, run);
});

describe('the LMDB store', () => {
  const HOUR_MS = 60 * 60 * 1000;
  const CLAIM = request('owner', { leaseMs: 1000, ttlMs: 1000 });
  const finish = async (store: Store, key: string, payload = new Uint8Array([1]), ttlMs = 1000) => {
    await store.claim(key, CLAIM);
    await store.complete(key, 'owner', { state: 'done', codec: 'c', payload, ttlMs });
  };

  it.each<[string, unknown]>([
    ['a text of another program', 'hello, world'],
    ['an object of another program', { state: 'done', expiresAtMs: 1 }],
    ['a list of another program', [1, 2, 3, 4, 5, 6, 7]],
    ['a record of a later version', ['paused', 'o', 1, 1, 1, 1, 1]],
    ['a record whose lease ends at no time', ['running', 'o', 1, 1, 1, Number.NaN, 1]],
    ['a record with a number as its codec', ['done', 'o', 1, 1, 1, 1, 1, 'f', 1, 7]],
    [
      'a record that took over a text',
      ['running', 'o', 1, 1, 1, 1, 1, undefined, undefined, undefined, undefined, 'x'],
    ],
    ['a record with a text as its payload', ['done', 'o', 1, 1, 1, 1, 1, 'f', 1, 'json', '{}']],
  ])('refuses %s under the key, and leaves it as it is', async (name, value) => {
    const path = join(folder, `foreign ${name}`);
    let nowMs = Date.now();
    const store = lmdbStore({ path, clock: () => nowMs });
    const other = open({ path, noSubdir: false, useVersions: true });
    await other.put('theirs', value, 1);
    const calls = [
      () => store.claim('theirs', { ...CLAIM, takeFinished: true }),
      () => store.renew('theirs', 'o', 1000),
      () =>
        store.complete('theirs', 'o', {
          state: 'done',
          codec: 'c',
          payload: new Uint8Array(),
          ttlMs: 1000,
        }),
      () => store.release('theirs', 'o'),
      () => store.read('theirs'),
      () => store.evict('theirs'),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({
        name: 'SyntaxError',
        code: 'SAMEKEY_BAD_STATE',
        message: expect.stringMatching(/^Cannot read the value in LMDB: it is no record of this/),
      });
    }
    const once = createOnce({ store, cache: false });
    await expect(once('theirs', () => expect.fail('it ran'))).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
      cause: { code: 'SAMEKEY_BAD_STATE' },
    });
    // It is neither listed nor swept, and no obstacle for those that are.
    await finish(store, 'a');
    await finish(store, 'z');
    nowMs += 2 * HOUR_MS;
    for (let index = 0; index < 20; index++) await finish(store, `new-${index}`);
    const listed: string[] = [];
    for await (const { key } of store.list?.() ?? []) listed.push(key);
    expect(listed).toHaveLength(20);
    expect(other.get('theirs')).toEqual(value);
    await expect.poll(() => [other.doesExist('a'), other.doesExist('z')]).toEqual([false, false]);
    await other.close();
    await store.close();
  });

  it('deletes expired, released and evicted records, a few with every write', async () => {
    const path = join(folder, 'swept');
    let nowMs = Date.now();
    const store = lmdbStore({ path, clock: () => nowMs });
    await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        if (index % 3 === 0) return void (await store.claim(`old-${index}`, CLAIM));
        await finish(store, `old-${index}`);
        if (index % 3 === 1) await store.evict(`old-${index}`);
      }),
    );
    nowMs += 1.5 * HOUR_MS;
    for (let index = 0; index < 60; index++) await finish(store, `new-${index}`);
    await store.close();
    const database = open({ path, noSubdir: false, useVersions: true });
    const kept = [...database.getKeys()] as string[];
    await database.close();
    expect(kept.filter((key) => key.startsWith('old'))).toEqual([]);
    expect(kept).toHaveLength(60);
  });

  it('deletes records whose keys are neighbours as soon as they can go', async () => {
    const path = join(folder, 'neighbours');
    let nowMs = Date.now();
    const store = lmdbStore({ path, clock: () => nowMs });
    const kept = { ...CLAIM, ttlMs: 100 * HOUR_MS };
    const names = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
    await Promise.all(names('a', 400).map((key) => store.claim(key, kept)));
    await Promise.all(names('b', 200).map((key) => finish(store, key)));
    // Passes that find nothing: the sweep checks less.
    for (const key of names('c', 200)) await store.claim(key, kept);
    nowMs += 1.5 * HOUR_MS;
    for (const key of names('d', 300)) await store.claim(key, kept);
    await store.close();
    const database = open({ path, noSubdir: false, useVersions: true });
    const found = [...database.getKeys()] as string[];
    await database.close();
    expect(found.filter((key) => key.startsWith('b'))).toEqual([]);
    expect(found).toHaveLength(900);
  });

  it('deletes records that can go also in a process that writes once', async () => {
    const path = join(folder, 'short-lived');
    let nowMs = Date.now();
    const first = lmdbStore({ path, clock: () => nowMs });
    for (let index = 0; index < 8; index++) await finish(first, `old-${index}`);
    await first.close();
    nowMs += 1.5 * HOUR_MS;
    for (let index = 0; index < 4; index++) {
      const store = lmdbStore({ path, clock: () => nowMs });
      await store.claim(`new-${index}`, CLAIM);
      await store.close();
    }
    const database = open({ path, noSubdir: false, useVersions: true });
    const kept = [...database.getKeys()] as string[];
    await database.close();
    expect(kept).toEqual(['new-0', 'new-1', 'new-2', 'new-3']);
  });

  it('keeps the token of a deleted record, in case the clock is set back', async () => {
    let nowMs = Date.now();
    const store = lmdbStore({ path: join(folder, 'tokens'), clock: () => nowMs });
    const { record } = await store.claim('key', CLAIM);
    await store.release('key', 'owner');
    nowMs += 0.9 * HOUR_MS;
    for (let index = 0; index < 50; index++) await finish(store, `other-${index}`);
    nowMs -= 0.95 * HOUR_MS;
    const next = await store.claim('key', { ...CLAIM, owner: 'next' });
    expect(next.record.fencingToken).toBeGreaterThan(record.fencingToken);
    await store.close();
  });

  it('returns payloads that later reads do not change', async () => {
    const store = lmdbStore({ path: join(folder, 'payloads') });
    for (const size of [10, 1000, 100_000]) {
      await finish(store, `a-${size}`, new Uint8Array(size).fill(1));
      await finish(store, `b-${size}`, new Uint8Array(size).fill(2));
      const { record } = await store.read(`a-${size}`);
      await store.read(`b-${size}`);
      expect(record?.payload?.constructor).toBe(Uint8Array);
      expect(record?.payload).toEqual(new Uint8Array(size).fill(1));
    }
    await store.close();
  });

  it('notifies of a change that no other write follows', async () => {
    const store = lmdbStore({ path: join(folder, 'last') });
    for (let round = 0; round < 100; round++) {
      const key = `key-${round}`;
      await store.claim(key, { ...CLAIM, leaseMs: HOUR_MS, ttlMs: HOUR_MS });
      // The changes are spread over the whole time between two polls.
      await sleep(round % 20);
      let isNotified = false;
      const end = await store.watch?.(key, () => {
        isNotified = true;
      });
      expect(isNotified).toBe(false);
      expect(await store.release(key, 'owner')).toBe(true);
      const told = expect.poll(() => isNotified, { interval: 1, message: `round ${round}` });
      await told.toBe(true);
      end?.();
    }
    await store.close();
  });

  it('lists more records than one page, even while they are evicted', async () => {
    const store = lmdbStore({ path: join(folder, 'listed') });
    const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`);
    await Promise.all(keys.map((key) => finish(store, key, undefined, HOUR_MS)));
    const found: string[] = [];
    for await (const { key } of store.list?.() ?? []) {
      found.push(key);
      await store.evict(key);
    }
    expect(found.sort()).toEqual(keys.sort());
    const left: string[] = [];
    for await (const { key } of store.list?.() ?? []) left.push(key);
    expect(left).toEqual([]);
    await store.close();
  });

  it('closes only itself, once and finally', async () => {
    const path = join(folder, 'closed');
    const [store, other] = [lmdbStore({ path }), lmdbStore({ path })];
    await store.watch?.('key', () => {});
    await store.close();
    await store.close();
    for (const late of [store.read('key'), store.claim('key', CLAIM), store.evict('key')]) {
      await expectRejected(late, Error, { code: 'SAMEKEY_CLOSED' });
    }
    expect((await other.claim('key', CLAIM)).claimed).toBe(true);
    await other.close();
  });

  it('rejects invalid options', () => {
    for (const options of [undefined, {}, { path: '' }, { path: 1 }, { path: folder, clock: 1 }]) {
      const act = () => lmdbStore(options as never);
      expectThrown(act, TypeError, { code: 'SAMEKEY_BAD_ARGUMENT' });
    }
    const act = () => lmdbStore({ path: folder, ttl: 1 } as never);
    expectThrown(act, TypeError, { code: 'SAMEKEY_BAD_ARGUMENT', message: /"ttl"/ });
  });
});
