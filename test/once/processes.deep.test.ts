import { expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { onStores, SERVERS, SUBJECTS } from './stores.js';

const KEYS = 150;
/** Longer than any test. */
const LONG_MS = 10 * 60 * 1000;

onStores(SUBJECTS, 'many callers', (crewOf) => {
  it('run a function once for 10,000 callers in eight of them, and give all the same bytes', async () => {
    const workers = await Promise.all(Array.from({ length: 8 }, () => crewOf().start()));
    for (const takesMs of [0, 50, 0, 50]) {
      const key = randomKey();
      const told = await Promise.all(
        workers.map((worker) => worker.call({ key, log: crewOf().log, callers: 1250, takesMs })),
      );
      const answers = new Set(told.flatMap(({ answers }) => answers));
      expect(answers.size).toBe(1);
      expect([...answers][0]).toMatch(/^\{"value":/);
      expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(10_000);
      expect(
        crewOf()
          .runs()
          .filter((run) => run.key === key),
      ).toHaveLength(1);
    }
  });

  it('leave a run alone that takes longer than its lease, because it is renewed', async () => {
    const options = { leaseMs: 3000 };
    const [owner, other] = await Promise.all([
      crewOf().start({ options }),
      crewOf().start({ options }),
    ]);
    const what = { key: randomKey(), log: crewOf().log, takesMs: 4500 };
    const [first, second] = await Promise.all([owner.call(what), other.call(what)]);
    expect(second.answers).toEqual(first.answers);
    expect(crewOf().runs()).toHaveLength(1);
  });
});

onStores(SERVERS, 'a server that is away for a while', (crewOf, backendOf) => {
  it('run nothing twice while the server is restarted, and are told what happened', async () => {
    // Within these leases no function may run again, whichever replies were lost.
    const options = { leaseMs: LONG_MS, waitMs: 3000, storeTimeoutMs: 2000 };
    const workers = await Promise.all([0, 1, 2, 3].map(() => crewOf().start({ options })));
    const keys = Array.from({ length: KEYS }, () => randomKey());
    let done = 0;
    const told = new Map<string, Set<string>>(keys.map((key) => [key, new Set()]));
    const load = workers.map(async (worker) => {
      await inTurns(20, keys, async (key) => {
        const { answers } = await worker.call({
          key,
          log: crewOf().log,
          callers: 2,
          takesMs: 10,
        });
        for (const answer of answers) told.get(key)?.add(answer);
        done++;
      });
    });
    await expect.poll(() => done, { timeout: 60_000 }).toBeGreaterThan(KEYS * 0.6);
    await backendOf().kill?.();
    await backendOf().start?.();
    await Promise.all(load);
    const runs = crewOf()
      .runs()
      .map(({ key }) => key);
    expect(new Set(runs).size).toBe(runs.length);
    for (const answers of told.values()) {
      const values = [...answers].filter((answer) => answer.startsWith('{"value":'));
      const errors = [...answers].filter((answer) => answer.startsWith('{"error":'));
      expect(values.length).toBeLessThanOrEqual(1);
      for (const error of errors) expect(error).toMatch(/"SAMEKEY_(?:STORE|IN_PROGRESS)"/);
    }
    // Afterwards the same processes run a new key on the same connections.
    const after = { key: randomKey(), log: crewOf().log };
    await expect
      .poll(
        async () =>
          (await Promise.all(workers.map((each) => each.call(after)))).flatMap(
            ({ answers }) => answers,
          ),
        { timeout: 60_000 },
      )
      .toEqual(Array.from({ length: 4 }, () => expect.stringMatching(/^\{"value":/)));
    expect(
      crewOf()
        .runs()
        .filter(({ key }) => key === after.key),
    ).toHaveLength(1);
  });
  it('run without protection while the server is away, if that was asked for', async () => {
    const what = { key: randomKey(), log: crewOf().log };
    const options = { storeTimeoutMs: 1000 };
    const careful = await crewOf().start({ options });
    const careless = await crewOf().start({ options: { ...options, onStoreError: 'run' } });
    await backendOf().kill?.();
    expect((await careful.call(what)).answers).toEqual(['{"error":"SAMEKEY_STORE"}']);
    expect(crewOf().runs()).toHaveLength(0);
    expect((await careless.call(what)).answers).toEqual([
      expect.stringContaining('"fencingToken":0'),
    ]);
    expect(crewOf().runs()).toHaveLength(1);
    await backendOf().start?.();
    // Nothing was stored.
    await expect
      .poll(async () => (await careful.call(what)).answers, { timeout: 60_000 })
      .toEqual([expect.stringMatching(/^\{"value":/)]);
    expect(crewOf().runs()).toHaveLength(2);
  });
});

/** Processes items a few at a time. */
async function inTurns<T>(atATime: number, list: readonly T[], act: (each: T) => Promise<void>) {
  const rest = [...list];
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      for (let each = rest.shift(); each !== undefined; each = rest.shift()) await act(each);
    }),
  );
}
