import { describe, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { outcome, request, Scene } from './scene.js';

const KIB = 1024;

/** A place for large results, as a bucket is. */
function bucket() {
  const objects = new Map<string, Uint8Array>();
  return {
    objects,
    async write(name: string, payload: Uint8Array) {
      objects.set(name, new Uint8Array(payload));
    },
    async read(name: string) {
      return objects.get(name) as Uint8Array;
    },
  };
}

describe('a result that is larger than an item of DynamoDB', () => {
  const scene = new Scene();

  it('goes to its caller, is not stored, and leaves the key free', async () => {
    const once = scene.once();
    const key = randomKey();
    const value = 'x'.repeat(400 * KIB);
    await expect(once(key, () => value)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE_FULL',
      message: expect.stringMatching(
        /it takes 40960\d bytes, and an item 400 KB .* or the option spill/,
      ),
      value,
    });
    expect(await once(key, () => 'short')).toBe('short');
    expect(await scene.once()(key, () => 'another')).toBe('short');
  });

  it('is kept by spill, and read from there by every other caller', async () => {
    const spill = bucket();
    const [store, other] = [scene.open({ spill }), scene.open({ spill })];
    const key = randomKey();
    const value = 'x'.repeat(1024 * KIB);
    expect(await scene.once({}, store)(key, () => value)).toBe(value);
    expect(await scene.once({}, other)(key, () => 'another')).toBe(value);
    const { record } = await store.claim(key, request('b'));
    expect(record.payload?.length).toBe(value.length + 2);
    expect([...spill.objects.keys()]).toEqual([`${key}/${record.fencingToken}`]);
    expect(record).not.toHaveProperty('spilledAs');
    const [entry] = await allOf(listed(store, key));
    // A list does not read it.
    expect(entry?.record).toEqual({ ...record, payload: undefined });
    // A result that fits stays in the item.
    expect(await scene.once({}, store)(randomKey(), () => 'short')).toBe('short');
    expect(spill.objects.size).toBe(1);
  });

  it('is not replaced by an owner that has lost its lease', async () => {
    const spill = bucket();
    const store = scene.open({ spill });
    const key = randomKey();
    const large = (byte: number) => ({ ...outcome, payload: new Uint8Array(500 * KIB).fill(byte) });
    await store.claim(key, request('late', { leaseMs: 1 }));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await scene.open({ spill }).claim(key, request('next'));
    expect(await store.complete(key, 'late', large(1))).toBe(false);
    expect(await store.complete(key, 'next', large(2))).toBe(true);
    expect((await store.read(key)).record?.payload?.every((byte) => byte === 2)).toBe(true);
  });

  it('comes back when a fresh run is given back', async () => {
    const spill = bucket();
    const store = scene.open({ spill });
    const key = randomKey();
    await store.claim(key, request('a'));
    const payload = new Uint8Array(500 * KIB).fill(7);
    await store.complete(key, 'a', { ...outcome, payload });
    await store.claim(key, request('b', { takeFinished: true }));
    expect(await store.release(key, 'b')).toBe(true);
    const kept = (await store.read(key)).record?.payload ?? [];
    expect(Buffer.compare(Buffer.from(kept), payload)).toBe(0);
  });

  it('is an error if spill no longer has it, and evict makes room for another run', async () => {
    const spill = bucket();
    const store = scene.open({ spill });
    const key = randomKey();
    const once = scene.once({}, store);
    await once(key, () => 'x'.repeat(500 * KIB));
    const without = scene.once({}, scene.open());
    await expect(without(key, () => 1)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
      message: expect.stringMatching(/kept outside of DynamoDB as .*, wanted the option spill/),
    });
    spill.objects.clear();
    await expect(once(key, () => 1)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
      message: expect.stringMatching(/gave undefined, wanted its bytes, or evict/),
    });
    expect(await once.evict(key)).toBe(true);
    expect(await once(key, () => 2)).toBe(2);
  });

  it('stays below the limit behind the runs that take it over', async () => {
    const store = scene.open();
    const key = randomKey();
    const payload = new Uint8Array(390 * KIB).fill(7);
    const fingerprint = 'f'.repeat(255);
    await store.claim(key, request('a', { fingerprint }));
    await store.complete(key, 'a', { ...outcome, payload });
    const brief = { leaseMs: 1, takeFinished: true, fingerprint };
    for (const owner of ['b', 'c', 'd']) {
      expect((await store.claim(key, request(owner, brief))).claimed).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await store.release(key, 'd')).toBe(true);
    expect(await store.release(key, 'c')).toBe(true);
    expect(await store.evict(key)).toBe(true);
  });
});

describe('the list of the DynamoDB store', () => {
  const scene = new Scene();

  it('has all pages, of its own prefix only, without what has expired or was deleted', async () => {
    const [store, other] = [scene.open({ prefix: 'a:' }), scene.open({ prefix: 'b:' })];
    const keys = ['1', '2', '3', '4', '5', '6'];
    const payload = new Uint8Array(300 * KIB);
    for (const each of [store, other]) {
      for (const key of keys) {
        await each.claim(key, request('o'));
        const ttlMs = key === '5' ? 1 : 60_000;
        await each.complete(key, 'o', { ...outcome, payload, ttlMs });
      }
      await each.evict('6');
    }
    scene.front.seen.length = 0;
    const found = await allOf(store.list?.() ?? []);
    expect(found.map(({ key }) => key).sort()).toEqual(['1', '2', '3', '4']);
    expect(found[0]?.record.payload?.length).toBe(payload.length);
    // A page has 1 MB.
    expect(scene.front.seen.length).toBeGreaterThan(2);
    expect(await allOf(store.list?.({ limit: 3 }) ?? [])).toHaveLength(3);
    expect(await allOf(store.list?.({ limit: 0 }) ?? [])).toHaveLength(0);
  });
});

async function* listed(store: ReturnType<Scene['open']>, wanted: string) {
  for await (const entry of store.list?.() ?? []) if (entry.key === wanted) yield entry;
}

async function allOf<T>(items: AsyncIterable<T> | readonly T[]): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
