import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { FinishedRecords } from '../../../src/store/memory/finished-records.js';
import type { StoreRecord } from '../../../src/store/store.js';
import { deep } from '../../depth.js';
import { random } from '../../torture/seeded.mjs';

const finished = (fencingToken: number, byteCount: number): StoreRecord => ({
  state: 'done',
  owner: 'owner',
  fencingToken,
  attempt: 1,
  fingerprint: undefined,
  claimedAtMs: 1,
  leaseEndsAtMs: 2,
  expiresAtMs: 3,
  finishedAtMs: 1,
  codec: 'c',
  payload: new Uint8Array(byteCount),
});

describe('the finished records of a memory store', () => {
  it('are those of a list in the order of their ends, after every one of many random changes', () => {
    const next = random(16);
    const below = (limit: number) => Math.floor(next() * limit);
    const deleted: StoreRecord[] = [];
    const records = new FinishedRecords((record) => deleted.push(record));
    let list: [string, StoreRecord][] = [];
    const removed: StoreRecord[] = [];
    const remove = (key: string) => {
      removed.push(...list.filter((entry) => entry[0] === key).map(([, record]) => record));
      list = list.filter((entry) => entry[0] !== key);
    };
    let longest = 0;
    for (let step = 0; step < deep(20_000, 200_000); step++) {
      // Phases of growth and of shrinking.
      const isGrowing = Math.floor(step / 500) % 2 === 0;
      const key = `key-${below(200)}`;
      if (below(10) < (isGrowing ? 7 : 3)) {
        const record = finished(step, below(3));
        remove(key);
        list.push([key, record]);
        records.add(key, record);
      } else if (below(3) === 0) {
        remove(key);
        records.delete(key);
      } else {
        // Read without a deletion too: the oldest record stays the oldest.
        expect(records.oldest).toBe(list[0]?.[1]);
        if (below(2) === 0) {
          expect(records.deleteOldest()).toBe(list.length > 0);
          if (list[0] !== undefined) remove(list[0][0]);
        }
      }
      longest = Math.max(longest, list.length);
      expect(records.size).toBe(list.length);
      expect(records.get(key)).toBe(list.find((entry) => entry[0] === key)?.[1]);
      const bytes = list.map(([, { payload }]) => Math.max(1, payload?.length ?? 0));
      expect(records.byteCount).toBe(bytes.reduce((sum, count) => sum + count, 0));
    }
    expect([...records]).toEqual(list);
    expect(deleted).toEqual(removed);
    expect(longest).toBeGreaterThan(100);
  });

  it('take no more memory when a record is replaced again and again behind an older one', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const bytesInUse = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const records = new FinishedRecords(() => {});
    const oldest = finished(1, 1);
    records.add('oldest', oldest);
    expect(records.oldest).toBe(oldest);
    const record = finished(2, 1);
    const before = bytesInUse();
    for (let count = 0; count < 300_000; count++) records.add('key', record);
    expect(bytesInUse() - before).toBeLessThan(2_000_000);
    expect(records.oldest).toBe(oldest);
    expect(records.size).toBe(2);
  });
});
