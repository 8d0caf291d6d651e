import type { Store } from '../store.js';
import {
  claim,
  DAY_MS,
  expectEqual,
  expectTrue,
  newOwner,
  outcome,
  type Rule,
  request,
  SHORT_MS,
  type Stage,
} from './stage.js';

/** Opens a few stores for many callers, as in a few processes. */
async function openSome(stage: Stage): Promise<(index: number) => Store> {
  const stores = [await stage.open(), await stage.open(), await stage.open(), await stage.open()];
  return (index) => stores[index % stores.length] as Store;
}

/** Rules for concurrent calls: each change is one atomic step. */
export const raceRules: readonly Rule[] = [
  {
    name: 'exactly one of many concurrent claims is granted, and the others return its record',
    async run(stage) {
      const store = await openSome(stage);
      const key = stage.newKey();
      const results = await Promise.all(
        Array.from({ length: stage.options.claimers }, (_, index) =>
          store(index).claim(key, request({ takeUnknown: true, takeFinished: true })),
        ),
      );
      const winners = results.filter(({ claimed }) => claimed);
      expectEqual(winners.length, 1, 'the number of claims granted');
      for (const { record } of results) {
        expectEqual(record, winners[0]?.record, 'the record returned to a claimer');
      }
    },
  },
  {
    name: 'exactly one of many concurrent takeovers is granted',
    async run(stage) {
      const store = await openSome(stage);
      const key = stage.newKey();
      await claim(store(0), key, { leaseMs: SHORT_MS });
      await stage.passMs(store(0), 2 * SHORT_MS);
      const results = await Promise.all(
        Array.from({ length: stage.options.claimers }, (_, index) =>
          store(index).claim(key, request({ takeUnknown: true })),
        ),
      );
      const winners = results.filter(({ claimed }) => claimed);
      expectEqual(winners.length, 1, 'the number of claims granted');
      expectEqual(winners[0]?.record.attempt, 2, 'the attempt');
    },
  },
  {
    name: 'exactly one of many concurrent claims for a fresh run is granted',
    async run(stage) {
      const store = await openSome(stage);
      const key = stage.newKey();
      const { owner } = (await claim(store(0), key)).record;
      await store(0).complete(key, owner, outcome());
      const results = await Promise.all(
        Array.from({ length: stage.options.claimers }, (_, index) =>
          store(index).claim(key, request({ takeFinished: true })),
        ),
      );
      expectEqual(
        results.filter(({ claimed }) => claimed).length,
        1,
        'the number of claims granted',
      );
    },
  },
  {
    name: 'a finished record is replaced once by many claims that name its owner',
    async run(stage) {
      const store = await openSome(stage);
      const key = stage.newKey();
      const { owner } = (await claim(store(0), key)).record;
      await store(0).complete(key, owner, outcome());
      const own = { takeFinished: true, finishedOwner: owner };
      const results = await Promise.all(
        Array.from({ length: stage.options.claimers }, async (_, index) => {
          const result = await store(index).claim(key, request(own));
          if (result.claimed) await store(index).complete(key, result.record.owner, outcome());
          return result;
        }),
      );
      const winners = results.filter(({ claimed }) => claimed);
      expectEqual(winners.length, 1, 'the number of claims granted');
      const { record } = await store(0).read(key);
      expectEqual(record?.owner, winners[0]?.record.owner, 'whose result it is');
    },
  },
  {
    name: 'a late complete and a concurrent takeover: exactly one succeeds',
    async run(stage) {
      const store = await openSome(stage);
      for (let round = 0; round < 10; round++) {
        const key = stage.newKey();
        const late = newOwner();
        await claim(store(0), key, { owner: late, leaseMs: 1, ttlMs: DAY_MS });
        await stage.passMs(store(0), 2);
        const next = request({ takeUnknown: true });
        const [isWritten, taken] = await Promise.all([
          store(1).complete(key, late, outcome()),
          store(2).claim(key, next),
        ]);
        expectTrue(isWritten !== taken.claimed, 'either the outcome or the next owner, not both');
        const { record } = await store(3).read(key);
        expectEqual(record?.owner, isWritten ? late : next.owner, 'whose record it is');
        expectEqual(record?.state, isWritten ? 'done' : 'running', 'the state');
      }
    },
  },
  {
    name: 'concurrent claims of different keys do not interfere',
    async run(stage) {
      const store = await openSome(stage);
      const runs = Array.from({ length: stage.options.claimers }, async (_, index) => {
        const key = stage.newKey();
        const { owner } = (await claim(store(index), key)).record;
        const payload = new Uint8Array([index & 255, index >> 8]);
        const answer = await store(index + 1).complete(key, owner, outcome({ payload }));
        expectEqual(answer, true, 'the answer of complete');
        const { record } = await store(index + 2).read(key);
        expectEqual(record?.payload, payload, 'the payload');
      });
      await Promise.all(runs);
    },
  },
];
