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
  SHORT_MS,
} from './stage.js';

/** Rules for the owner of a record: only it can renew, complete and release. */
export const ownerRules: readonly Rule[] = [
  {
    name: 'renew moves the end of the lease and nothing else',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const { record } = await claim(store, key, { leaseMs: SHORT_MS, fingerprint: 'f' });
      expectEqual(await other.renew(key, record.owner, HOUR_MS), true, 'the answer of renew');
      const renewed = (await store.read(key)).record;
      expectTrue(
        (renewed?.leaseEndsAtMs ?? 0) - record.leaseEndsAtMs > HOUR_MS / 2,
        'a lease of an hour',
      );
      expectEqual(
        { ...renewed, leaseEndsAtMs: 0 },
        { ...record, leaseEndsAtMs: 0 },
        'the record, except for its lease',
      );
      await stage.passMs(store, 2 * SHORT_MS);
      await claimRefused(other, key, { takeUnknown: true });
    },
  },
  {
    name: 'renew keeps a record at least until its lease ends',
    async run(stage) {
      const store = await stage.open();
      const key = stage.newKey();
      const { record } = await claim(store, key, { leaseMs: SHORT_MS, ttlMs: SHORT_MS });
      // On a slow machine it may have expired by now. Then there is nothing to renew.
      if (!(await store.renew(key, record.owner, HOUR_MS))) return;
      await stage.passMs(store, 2 * SHORT_MS);
      const renewed = (await store.read(key)).record;
      expectEqual(renewed?.owner, record.owner, 'the owner of the renewed record');
    },
  },
  {
    name: 'renew works after the lease has expired, if no other owner took the record over',
    async run(stage) {
      const store = await stage.open();
      const key = stage.newKey();
      const { record } = await claim(store, key, { leaseMs: SHORT_MS });
      await stage.passMs(store, 2 * SHORT_MS);
      expectEqual(await store.renew(key, record.owner, HOUR_MS), true, 'the answer of renew');
      await claimRefused(store, key, { takeUnknown: true });
    },
  },
  {
    name: 'renew for 0 ms ends the lease: the record is of unknown outcome',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const { record } = await claim(store, key);
      expectEqual(await store.renew(key, newOwner(), 0), false, "renew of another's lease");
      await claimRefused(other, key, { takeUnknown: true });
      expectEqual(await store.renew(key, record.owner, 0), true, 'the answer of renew');
      const refused = await claimRefused(other, key);
      expectEqual(refused.record.owner, record.owner, 'the owner of the unknown record');
      expectTrue(refused.nowMs >= refused.record.leaseEndsAtMs, 'a lease that has run out');
      const taken = await claim(other, key, { takeUnknown: true });
      expectEqual(taken.record.attempt, 2, 'the attempt of the next owner');
    },
  },
  {
    name: 'complete writes the outcome once, and answers the same when it is sent again',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const { record } = await claim(store, key, { fingerprint: 'f' });
      const completion = outcome({ payload: new Uint8Array([0, 255, 10]), ttlMs: 2 * DAY_MS });
      const answer = await other.complete(key, record.owner, completion);
      expectEqual(answer, true, 'the answer of complete');
      const finished = (await store.read(key)).record;
      const { finishedAtMs = 0, expiresAtMs = 0, leaseEndsAtMs: _, ...rest } = finished ?? {};
      const { expiresAtMs: _expires, leaseEndsAtMs: _ends, finishedAtMs: _at, ...before } = record;
      expectEqual(
        rest,
        { ...before, state: 'done', codec: 'json', payload: completion.payload },
        'the finished record',
      );
      expectTrue(finishedAtMs >= record.claimedAtMs - 1, 'an end after the beginning');
      expectEqual(Math.round(expiresAtMs - finishedAtMs), 2 * DAY_MS, 'how long it is kept');
      const again = await store.complete(key, record.owner, completion);
      expectEqual(again, true, 'the reply to the same complete sent again');
      expectEqual((await other.read(key)).record, finished, 'the record after both');
    },
  },
  {
    name: 'complete is refused after another owner has taken the record over or finished it',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const late = await claim(store, key, { leaseMs: SHORT_MS });
      await stage.passMs(store, 2 * SHORT_MS);
      const { record } = await claim(other, key, { takeUnknown: true });
      const refusedWhile = async (what: string) => {
        const before = (await store.read(key)).record;
        const { owner } = late.record;
        const own = outcome({ payload: new Uint8Array([9]) });
        expectEqual(await store.complete(key, owner, own), false, `complete ${what}`);
        expectEqual(await store.renew(key, owner, HOUR_MS), false, `renew ${what}`);
        expectEqual(await store.release(key, owner), false, `release ${what}`);
        expectEqual((await store.read(key)).record, before, `the record ${what}`);
      };
      await refusedWhile('while another owner runs');
      await other.complete(key, record.owner, outcome());
      await refusedWhile('after another owner has finished');
      await other.evict(key);
      await refusedWhile('when there is no record');
    },
  },
  {
    name: 'complete works after the lease has expired, if no other owner took the record over',
    async run(stage) {
      const store = await stage.open();
      const key = stage.newKey();
      const { record } = await claim(store, key, { leaseMs: SHORT_MS });
      await stage.passMs(store, 2 * SHORT_MS);
      const answer = await store.complete(key, record.owner, outcome());
      expectEqual(answer, true, 'the answer of complete');
      expectEqual((await store.read(key)).record?.state, 'done', 'the state');
    },
  },
  {
    name: 'after complete the owner cannot renew, release or change the outcome',
    async run(stage) {
      const store = await stage.open();
      const key = stage.newKey();
      const { owner } = (await claim(store, key)).record;
      await store.complete(key, owner, outcome());
      const before = (await store.read(key)).record;
      expectEqual(await store.renew(key, owner, HOUR_MS), false, 'the answer of renew');
      expectEqual(await store.release(key, owner), false, 'the answer of release');
      await store.complete(key, owner, outcome({ state: 'failed', payload: new Uint8Array([9]) }));
      expectEqual((await store.read(key)).record, before, 'the record');
    },
  },
  {
    name: 'release removes a running record only for its owner',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const { record } = await claim(store, key);
      expectEqual(await other.release(key, newOwner()), false, "release of another's record");
      expectEqual((await store.read(key)).record, record, 'the record after that');
      expectEqual(await other.release(key, record.owner), true, 'release by its owner');
      expectEqual((await store.read(key)).record, undefined, 'the record after that');
      expectEqual(await store.release(key, record.owner), false, 'the same again');
      const next = await claim(store, key);
      expectEqual(next.record.attempt, 1, 'the attempt after a release');
    },
  },
  ...(['done', 'failed'] as const).map(
    (state): Rule => ({
      name: `release restores a record that was ${state} before; complete does not`,
      async run(stage) {
        const [store, other] = [await stage.open(), await stage.open()];
        const key = stage.newKey();
        const first = await claim(store, key, { fingerprint: 'f' });
        const payload = new Uint8Array([0, 10, 255, 10, 0]);
        await store.complete(key, first.record.owner, outcome({ state, payload }));
        const before = (await store.read(key)).record;
        const again = { takeFinished: true, takeUnknown: true, leaseMs: SHORT_MS };
        for (const fingerprint of ['f', undefined]) {
          const { record } = await claim(other, key, { ...again, fingerprint });
          expectEqual(await store.renew(key, record.owner, HOUR_MS), true, 'the answer of renew');
          const running = (await other.read(key)).record;
          expectEqual(running?.payload, undefined, 'the payload of a running record');
          expectEqual(await other.release(key, record.owner), true, 'the answer of release');
          const { fencingToken } = record;
          const after = (await store.read(key)).record;
          expectEqual(after, { ...before, fencingToken }, 'the restored record');
          expectEqual(await store.release(key, record.owner), false, 'the same again');
        }
        const last = await claim(store, key, again);
        const completion = outcome({ payload: new Uint8Array([1]) });
        expectEqual(await other.complete(key, last.record.owner, completion), true, 'complete');
        expectEqual(await other.release(key, last.record.owner), false, 'release after it');
        const newest = (await store.read(key)).record;
        expectEqual(newest?.payload, completion.payload, 'the payload of the last run');
      },
    }),
  ),
  {
    name: 'release restores no expired record, and evict deletes all records of a key',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const [key, evictedKey] = [stage.newKey(), stage.newKey()];
      const again = { takeFinished: true, leaseMs: SHORT_MS };
      for (const each of [key, evictedKey]) {
        const { owner } = (await claim(store, each)).record;
        const ttlMs = each === key ? 5 * SHORT_MS : HOUR_MS;
        await store.complete(each, owner, outcome({ ttlMs }));
      }
      const { owner } = (await claim(other, key, { ...again, leaseMs: HOUR_MS })).record;
      await claim(other, evictedKey, again);
      await stage.passMs(store, 6 * SHORT_MS);
      expectEqual(await store.release(key, owner), true, 'the answer of release');
      expectEqual(
        (await other.read(key)).record,
        undefined,
        'the record after the former one has expired',
      );
      expectEqual(await store.evict(evictedKey), true, 'the answer of evict');
      expectEqual((await other.read(evictedKey)).record, undefined, 'the record after evict');
    },
  },
  ...[false, true].map(
    (isAgain): Rule => ({
      name: `release restores the unknown record that was taken over${isAgain ? ', and the finished one behind it' : ''}`,
      async run(stage) {
        const [store, other] = [await stage.open(), await stage.open()];
        const key = stage.newKey();
        const own = { takeFinished: true, takeUnknown: true, leaseMs: SHORT_MS, fingerprint: 'f' };
        if (isAgain) {
          const { owner } = (await claim(store, key, own)).record;
          await store.complete(key, owner, outcome({ payload: new Uint8Array([7]) }));
        }
        const finished = (await store.read(key)).record;
        const lost = (await claim(store, key, own)).record;
        await stage.passMs(store, 2 * SHORT_MS);
        for (const fingerprint of ['f', undefined]) {
          const { record } = await claim(other, key, { ...own, fingerprint, leaseMs: HOUR_MS });
          expectEqual(record.attempt, 2, 'the attempt of the owner that takes over');
          expectEqual(await other.renew(key, record.owner, HOUR_MS), true, 'the answer of renew');
          await claimRefused(store, key, own);
          expectEqual(await other.release(key, record.owner), true, 'the answer of release');
          const { fencingToken } = record;
          const back = await store.read(key);
          expectEqual(back.record, { ...lost, fencingToken }, 'the restored record');
          expectTrue(back.nowMs >= lost.leaseEndsAtMs, 'a lease that is over');
          expectEqual(await store.release(key, record.owner), false, 'the same again');
          await claimRefused(store, key, { ...own, takeUnknown: false });
        }
        if (isAgain) {
          expectEqual(await other.release(key, lost.owner), true, 'release by the late owner');
          const { record } = await store.read(key);
          expectEqual(
            { ...record, fencingToken: 0 },
            { ...finished, fencingToken: 0 },
            'the record after the release',
          );
        } else {
          expectEqual(await other.complete(key, lost.owner, outcome()), true, 'complete by it');
          expectEqual((await store.read(key)).record?.owner, lost.owner, 'whose outcome it is');
        }
      },
    }),
  ),
  {
    name: 'release keeps an unknown outcome whose record a later takeover dropped',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const key = stage.newKey();
      const own = { takeUnknown: true, leaseMs: SHORT_MS };
      await claim(store, key, own);
      await stage.passMs(store, 2 * SHORT_MS);
      const second = (await claim(other, key, own)).record;
      await stage.passMs(store, 2 * SHORT_MS);
      const third = (await claim(store, key, { ...own, leaseMs: HOUR_MS })).record;
      expectEqual(await other.release(key, third.owner), true, 'release by the third');
      const { fencingToken } = third;
      const back = { ...second, fencingToken };
      expectEqual((await store.read(key)).record, back, 'the restored record');
      expectEqual(await store.renew(key, second.owner, HOUR_MS), true, 'renew by the second');
      for (const owner of [second.owner, second.owner]) {
        expectEqual(await store.release(key, owner), true, 'release by the second');
        const { record, nowMs } = await other.read(key);
        expectEqual(record?.owner, second.owner, 'whose record is left');
        expectEqual(record?.attempt, 2, 'its attempt');
        expectTrue(nowMs >= (record?.leaseEndsAtMs ?? nowMs + 1), 'a lease that is over');
      }
      const { record } = await claim(other, key, own);
      expectEqual(record.attempt, 3, 'the attempt of the next one');
    },
  },
  {
    name: 'renew, complete, release and evict need a record',
    async run(stage) {
      const store = await stage.open();
      const key = stage.newKey();
      const owner = newOwner();
      expectEqual(await store.renew(key, owner, HOUR_MS), false, 'the answer of renew');
      expectEqual(await store.complete(key, owner, outcome()), false, 'the answer of complete');
      expectEqual(await store.release(key, owner), false, 'the answer of release');
      expectEqual(await store.evict(key), false, 'the answer of evict');
      expectEqual((await store.read(key)).record, undefined, 'the record');
    },
  },
];
