import type { StoreEntry } from '../store.js';
import {
  claim,
  claimRefused,
  expectEqual,
  expectSoon,
  expectTrue,
  HOUR_MS,
  outcome,
  type Rule,
  SHORT_MS,
  sleep,
} from './stage.js';

/** Rules for every caller: read, evict, watch and list a record. */
export const recordRules: readonly Rule[] = [
  {
    name: 'evict deletes finished and unknown records, but none with a valid lease',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const { owner } = (await claim(store, key)).record;
      expectEqual(await other.evict(key), false, 'evict under a valid lease');
      expectEqual(await store.renew(key, owner, HOUR_MS), true, 'whether the lease is still valid');
      for (const state of ['done', 'failed'] as const) {
        const finishedKey = stage.newKey();
        const finished = await claim(store, finishedKey);
        await store.complete(finishedKey, finished.record.owner, outcome({ state }));
        expectEqual(await other.evict(finishedKey), true, `evict of a record that is ${state}`);
        expectEqual((await store.read(finishedKey)).record, undefined, 'the record after that');
        expectEqual(await other.evict(finishedKey), false, 'evict again');
      }
      const unknownKey = stage.newKey();
      const unknown = await claim(store, unknownKey, { leaseMs: SHORT_MS });
      await stage.passMs(store, 2 * SHORT_MS);
      expectEqual(await other.evict(unknownKey), true, 'evict of unknown outcome');
      const answer = await store.complete(unknownKey, unknown.record.owner, outcome());
      expectEqual(answer, false, 'complete after eviction');
      expectEqual((await claim(store, unknownKey)).record.attempt, 1, 'the attempt after it');
    },
  },
  {
    name: 'an expired result counts as absent',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const { owner, fencingToken } = (await claim(store, key, { fingerprint: 'f' })).record;
      await store.complete(key, owner, outcome({ ttlMs: SHORT_MS }));
      await stage.passMs(store, 2 * SHORT_MS);
      expectEqual((await other.read(key)).record, undefined, 'the record');
      expectEqual(await other.evict(key), false, 'the answer of evict');
      expectEqual(await store.complete(key, owner, outcome()), false, 'the answer of complete');
      const { record } = await claim(other, key, { fingerprint: 'another' });
      expectEqual(record.attempt, 1, 'the attempt of the next claim');
      expectTrue(record.fencingToken > fencingToken, 'a larger fencing token');
    },
  },
  {
    name: 'an expired unfinished record counts as absent',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const own = { leaseMs: SHORT_MS, ttlMs: 2 * SHORT_MS };
      const { owner } = (await claim(store, key, { ...own, fingerprint: 'f' })).record;
      await stage.passMs(store, 3 * SHORT_MS);
      expectEqual((await other.read(key)).record, undefined, 'the record');
      expectEqual(await store.renew(key, owner, HOUR_MS), false, 'the answer of renew');
      expectEqual(await store.complete(key, owner, outcome()), false, 'the answer of complete');
      expectEqual(await store.release(key, owner), false, 'the answer of release');
      const { record } = await claim(other, key, { fingerprint: 'another' });
      expectEqual(record.attempt, 1, 'the attempt of the next claim');
    },
  },
  {
    name: 'a payload is copied when it is passed in',
    async run(stage) {
      const store = await stage.open();
      const wanted = new Uint8Array([1, 2, 3]);
      // `slice` of a `Buffer` of Node.js does not copy.
      const { Buffer } = globalThis as { Buffer?: { from(bytes: Uint8Array): Uint8Array } };
      for (const payload of [wanted.slice(), Buffer?.from(wanted)]) {
        if (payload === undefined) continue;
        const key = stage.newKey();
        const { owner } = (await claim(store, key)).record;
        await store.complete(key, owner, outcome({ payload }));
        // A codec may reuse the memory of its last result.
        payload.fill(9);
        const { record } = await store.read(key);
        expectEqual(record?.payload && new Uint8Array(record.payload), wanted, 'the payload');
      }
    },
  },
  ...(['complete', 'release', 'evict', 'the end of a lease'] as const).map(
    (change): Rule => ({
      name: `watch, if supported, notifies of ${change} in this and in other stores`,
      async run(stage) {
        const [store, other] = [await stage.open(), await stage.open()];
        if (store.watch === undefined || other.watch === undefined) return;
        const [key, anotherKey] = [stage.newKey(), stage.newKey()];
        let [own, others, ended] = [0, 0, 0];
        const ends = [
          await store.watch(key, () => own++),
          await other.watch(key, () => others++),
          await store.watch(anotherKey, () => {}),
        ];
        const end = await store.watch(key, () => ended++);
        end();
        // `evict` needs an expired lease, the other changes a valid one.
        const leaseMs = change === 'evict' ? SHORT_MS : HOUR_MS;
        const { owner } = (await claim(store, key, { leaseMs })).record;
        // A waiting caller was refused first. Otherwise the store may skip the notification.
        await claimRefused(other, key);
        await stage.passMs(store, 2 * SHORT_MS);
        [own, others, ended] = [0, 0, 0];
        const changes = {
          complete: () => store.complete(key, owner, outcome()),
          release: () => store.release(key, owner),
          evict: () => store.evict(key),
          'the end of a lease': async () => {
            const isEnded = await store.renew(key, owner, 0);
            const { record, nowMs } = await store.read(key);
            return isEnded && record !== undefined && record.leaseEndsAtMs <= nowMs;
          },
        };
        expectEqual(await changes[change](), true, `the answer of ${change}`);
        await expectSoon(() => own > 0, 'a notification in the store that changed it');
        await expectSoon(() => others > 0, 'a notification in another store');
        // Gives unrelated work the same time.
        await sleep(SHORT_MS);
        expectEqual(ended, 0, 'notifications after the end of the watch');
        for (const stop of ends) stop();
      },
    }),
  ),
  {
    name: 'list, if supported, returns records that have not expired, up to its limit',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      if (store.list === undefined || other.list === undefined) return;
      const [runningKey, doneKey, expiredKey] = [stage.newKey(), stage.newKey(), stage.newKey()];
      const running = await claim(store, runningKey);
      const { owner } = (await claim(store, doneKey)).record;
      await store.complete(doneKey, owner, outcome());
      const expired = await claim(store, expiredKey);
      await store.complete(expiredKey, expired.record.owner, outcome({ ttlMs: SHORT_MS }));
      await stage.passMs(store, 2 * SHORT_MS);
      const found = new Map<string, StoreEntry['record']>();
      for await (const { key, record } of other.list()) {
        expectTrue(!found.has(key), 'each key once');
        found.set(key, record);
      }
      expectEqual(found.get(runningKey), running.record, 'the running record');
      expectEqual(found.get(doneKey)?.payload, outcome().payload, 'the payload of the other');
      expectEqual(found.has(expiredKey), false, 'whether the expired one is listed');
      // Other rules may change their records meanwhile.
      const heads = new Map<string, StoreEntry>();
      for await (const entry of other.list({ payloads: false })) heads.set(entry.key, entry);
      for (const key of [runningKey, doneKey]) {
        expectTrue(heads.has(key), 'each record, also without its payload');
        const { record, payloadBytes } = heads.get(key) as StoreEntry;
        const { payload, ...rest } = found.get(key) as StoreEntry['record'];
        expectEqual(record.payload?.length ?? payloadBytes, payload?.length, 'the number of bytes');
        expectEqual({ ...record, payload: undefined }, { ...rest, payload: undefined }, 'the rest');
      }
      let count = 0;
      for await (const _ of other.list({ limit: 1 })) count++;
      expectEqual(count, 1, 'the number of records with a limit of 1');
      // A caller that has seen enough stops.
      for await (const _ of other.list()) break;
      await claimRefused(store, runningKey);
    },
  },
];
