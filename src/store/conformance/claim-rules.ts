import {
  claim,
  claimRefused,
  DAY_MS,
  expectEqual,
  expectTrue,
  HOUR_MS,
  newOwner,
  outcome,
  type Rule,
  request,
  SHORT_MS,
} from './stage.js';

/** Rules for `claim`: when it is granted, and what the record contains then. */
export const claimRules: readonly Rule[] = [
  {
    name: 'claim creates a running record for a free key',
    async run(stage) {
      const store = await stage.open();
      const key = stage.newKey();
      const owner = newOwner();
      const { record, nowMs } = await claim(store, key, { owner, fingerprint: 'f' });
      const { claimedAtMs, leaseEndsAtMs, expiresAtMs, fencingToken, ...rest } = record;
      expectEqual(
        rest,
        {
          state: 'running',
          owner,
          attempt: 1,
          fingerprint: 'f',
          finishedAtMs: undefined,
          codec: undefined,
          payload: undefined,
        },
        'the claimed record',
      );
      expectEqual(Math.round(leaseEndsAtMs - claimedAtMs), HOUR_MS, 'the length of the lease');
      expectEqual(Math.round(expiresAtMs - claimedAtMs), DAY_MS, 'time to live of the record');
      expectTrue(Number.isSafeInteger(fencingToken) && fencingToken > 0, 'a whole fencing token');
      expectTrue(Math.abs(nowMs - claimedAtMs) < HOUR_MS, 'claimedAtMs by the clock of nowMs');
    },
  },
  {
    name: 'a granted and a refused claim return the same record as read',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const { record } = await claim(store, key, { fingerprint: 'f' });
      expectEqual((await other.read(key)).record, record, 'the record read by another store');
      expectEqual((await claimRefused(other, key)).record, record, 'the current record');
      expectEqual((await store.read(key)).record, record, 'the record after a refused claim');
    },
  },
  {
    name: 'an unfinished record does not expire before its lease ends',
    async run(stage) {
      const store = await stage.open();
      const key = stage.newKey();
      const { record } = await claim(store, key, { ttlMs: SHORT_MS });
      expectEqual(record.expiresAtMs, record.leaseEndsAtMs, 'when the record expires');
      await stage.passMs(store, 2 * SHORT_MS);
      await claimRefused(store, key, { takeUnknown: true, takeFinished: true });
    },
  },
  {
    name: 'a new record does not expire before the record that it replaces',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const [finishedKey, unknownKey] = [stage.newKey(), stage.newKey()];
      const { owner } = (await claim(store, finishedKey)).record;
      await store.complete(finishedKey, owner, outcome());
      await claim(store, unknownKey, { leaseMs: SHORT_MS });
      await stage.passMs(store, 2 * SHORT_MS);
      const own = { takeFinished: true, takeUnknown: true, leaseMs: SHORT_MS, ttlMs: SHORT_MS };
      for (const key of [finishedKey, unknownKey]) {
        const before = (await store.read(key)).record;
        const { record } = await claim(other, key, own);
        expectEqual(record.expiresAtMs, before?.expiresAtMs, 'when the new record expires');
        await stage.passMs(store, 2 * SHORT_MS);
        expectEqual(await store.release(key, record.owner), true, 'the answer of release');
        const { fencingToken } = record;
        const after = (await other.read(key)).record;
        expectEqual(after, { ...before, fencingToken }, 'the restored record');
      }
    },
  },
  {
    name: 'a claim that is sent again after a lost reply is granted again, as the same claim',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const own = request({ fingerprint: 'f' });
      const { record } = await store.claim(key, own);
      await stage.passMs(store, 2);
      const again = await other.claim(key, own);
      expectEqual(again.claimed, true, 'whether the claim was granted again');
      expectEqual(again.record.fencingToken, record.fencingToken, 'its fencing token');
      expectEqual(again.record.attempt, 1, 'its attempt');
      expectEqual(await store.renew(key, own.owner, HOUR_MS), true, 'whether the lease holds');
    },
  },
  {
    name: 'a claim that is sent again after its run has ended starts no second run',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const own = request({ takeUnknown: true, takeFinished: true });
      await store.claim(key, own);
      await store.complete(key, own.owner, outcome());
      const finished = (await store.read(key)).record;
      const late = await claimRefused(other, key, own);
      expectEqual(late.record, finished, 'the current record');
      expectEqual((await store.read(key)).record, finished, 'the record after that');
    },
  },
  {
    name: 'no claim takes a running record while its lease is valid',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const { record } = await claim(store, key);
      for (const takeUnknown of [false, true]) {
        for (const takeFinished of [false, true]) {
          const result = await claimRefused(other, key, { takeUnknown, takeFinished });
          expectEqual(result.record, record, 'the current record');
        }
      }
    },
  },
  {
    name: 'claim takes over a record whose lease has expired, with takeUnknown',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      let { record } = await claim(store, key, { leaseMs: SHORT_MS, fingerprint: 'f' });
      for (const attempt of [2, 3]) {
        await stage.passMs(store, 2 * SHORT_MS);
        const refused = await claimRefused(other, key, { takeFinished: true });
        expectEqual(refused.record, record, 'the record of unknown outcome');
        expectTrue(refused.nowMs >= record.leaseEndsAtMs, 'a time after the lease');
        const owner = newOwner();
        const own = { owner, leaseMs: SHORT_MS, takeUnknown: true };
        const taken = await claim(attempt === 2 ? other : store, key, own);
        expectEqual(taken.record.owner, owner, 'the owner');
        expectEqual(taken.record.attempt, attempt, 'the attempt');
        expectTrue(
          taken.record.fencingToken > record.fencingToken,
          'a larger fencing token for the next owner',
        );
        record = taken.record;
      }
    },
  },
  ...(['done', 'failed'] as const).map(
    (state): Rule => ({
      name: `claim takes a record that is ${state} only with takeFinished`,
      async run(stage) {
        const [store, other] = [await stage.open(), await stage.open()];
        const key = stage.newKey();
        const first = await claim(store, key);
        await store.complete(key, first.record.owner, outcome({ state }));
        const refused = await claimRefused(other, key, { takeUnknown: true });
        expectEqual(refused.record.state, state, 'the state of the current record');
        expectEqual(refused.record.payload, outcome().payload, 'its payload');
        const { record } = await claim(other, key, { takeFinished: true });
        expectEqual(record.attempt, 1, 'the attempt of a run that follows a finished one');
        expectEqual(record.payload, undefined, 'the payload of a running record');
        expectTrue(record.fencingToken > first.record.fencingToken, 'a larger fencing token');
      },
    }),
  ),
  {
    name: 'claim with finishedOwner takes the finished record of that owner only',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const first = newOwner();
      await claim(store, key, { owner: first });
      await store.complete(key, first, outcome());
      const { record: old } = await store.read(key);
      const own = { takeFinished: true, finishedOwner: first };
      await claimRefused(other, key, { ...own, takeFinished: false });
      // A run that fails gives the record back, and it is that of the first owner again.
      const failing = newOwner();
      await claim(other, key, { ...own, owner: failing });
      await other.release(key, failing);
      expectEqual((await store.read(key)).record?.owner, first, 'the owner after the release');
      const second = newOwner();
      await claim(other, key, { ...own, owner: second });
      await claimRefused(store, key, own);
      const payload = new Uint8Array([55]);
      await other.complete(key, second, outcome({ payload }));
      const refused = await claimRefused(store, key, own);
      expectEqual(refused.record.owner, second, 'the owner of the current record');
      expectEqual(refused.record.payload, payload, 'its payload');
      expectTrue(refused.record.fencingToken > (old?.fencingToken ?? 0), 'a larger fencing token');
      await claimRefused(store, key, { ...own, finishedOwner: '' });
      await claim(store, key, { ...own, finishedOwner: second });
      // It says nothing about a record of unknown outcome, and nothing about a free key.
      await claim(store, stage.newKey(), own);
    },
  },
  {
    name: 'a claim with another fingerprint is refused, with any options and in any state',
    async run(stage) {
      const store = await stage.open();
      const key = stage.newKey();
      const other = { fingerprint: 'other', takeUnknown: true, takeFinished: true };
      const own = request({ fingerprint: 'own', leaseMs: SHORT_MS });
      await store.claim(key, own);
      await claimRefused(store, key, other);
      await stage.passMs(store, 2 * SHORT_MS);
      const { record } = await claimRefused(store, key, other);
      expectEqual(record.fingerprint, 'own', 'the fingerprint of the current record');
      await store.complete(key, own.owner, outcome());
      await claimRefused(store, key, other);
      await claim(store, key, { ...other, fingerprint: 'own' });
    },
  },
  {
    name: 'a claim without a fingerprint matches every record, and every claim matches a record without one',
    async run(stage) {
      const store = await stage.open();
      const key = stage.newKey();
      let owner = newOwner();
      await claim(store, key, { owner, fingerprint: 'own' });
      for (const fingerprint of [undefined, 'another', '', undefined]) {
        await store.complete(key, owner, outcome());
        owner = newOwner();
        // An empty fingerprint is a fingerprint, and differs from all others.
        if (fingerprint === '') {
          await claimRefused(store, key, { owner, fingerprint, takeFinished: true });
          continue;
        }
        const { record } = await claim(store, key, { owner, fingerprint, takeFinished: true });
        expectEqual(record.fingerprint, fingerprint, 'the fingerprint of the new record');
      }
    },
  },
  {
    name: 'fencing tokens grow after release, eviction, expiry and takeover',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      let last = 0;
      let count = 0;
      const next = async (leaseMs: number, ttlMs = DAY_MS) => {
        const owner = newOwner();
        const own = { owner, leaseMs, ttlMs, takeUnknown: true, takeFinished: true };
        const { record } = await claim(count++ % 2 === 0 ? store : other, key, own);
        expectTrue(record.fencingToken > last, `more than ${last}, not ${record.fencingToken}`);
        last = record.fencingToken;
        return owner;
      };
      for (let round = 0; round < 3; round++) {
        await other.release(key, await next(HOUR_MS));
        await store.complete(key, await next(HOUR_MS), outcome());
        await other.evict(key);
        await store.complete(key, await next(HOUR_MS), outcome({ ttlMs: 1 }));
        await stage.passMs(store, 2);
        await next(SHORT_MS, SHORT_MS);
        await stage.passMs(store, 2 * SHORT_MS);
        await next(SHORT_MS);
        await stage.passMs(store, 2 * SHORT_MS);
        await store.complete(key, await next(HOUR_MS), outcome());
      }
    },
  },
];
