import { expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { isDeepest } from '../depth.js';
import { isOf, onStores, STORES } from './stores.js';

/** A short lease, for tests in which it must run out. */
const LEASE_MS = 1000;
/** Much longer than a lease, on a busy machine too. */
const WAIT_MS = 60_000;

/** On all stores it takes four minutes: each change kills owners on those of different kinds. */
const SERIES = isDeepest ? STORES : STORES.filter(isOf('redis', 'postgres', 'lmdb', 'sqlite'));

onStores(SERIES, 'owners that are killed or stopped', (crewOf) => {
  it.each([
    ['before the call', 'claim', 'retry', 1],
    ['during the call', 'function', 'retry', 2],
    ['after the reply, before the write', 'complete', 'retry', 2],
    ['during the call', 'function', 'hold', 1],
    ['after the reply, before the write', 'complete', 'reconcile', 1],
  ] as const)(
    'go on after kill -9 of the owner %s (%s, %s)',
    async (_, stopAt, onUnknown, runs) => {
      const key = randomKey();
      const owner = await crewOf().start({ stopAt, options: { leaseMs: LEASE_MS } });
      const next = await crewOf().start({
        options: { leaseMs: LEASE_MS, onUnknown, waitMs: WAIT_MS },
      });
      const lost = owner.call({ key, log: crewOf().log });
      lost.catch(() => {});
      await owner.stoppedDuring(lost);
      const answer = next.call({ key, log: crewOf().log });
      await owner.kill();
      // Otherwise `waitMs` would end its wait.
      const { answers } = await next.call({ key, log: crewOf().log });
      expect(answers).toEqual((await answer).answers);
      if (onUnknown === 'hold') {
        expect(answers).toEqual([JSON.stringify({ error: 'SAMEKEY_UNKNOWN_OUTCOME' })]);
      } else if (onUnknown === 'reconcile') {
        expect(answers).toEqual([JSON.stringify({ value: 'found' })]);
      } else {
        expect(JSON.parse(answers[0] as string).value.by).toBe(next.child.pid);
        expect(crewOf().runs().at(-1)).toMatchObject({ attempt: 2, pid: next.child.pid });
      }
      expect(crewOf().runs()).toHaveLength(runs);
      const tokens = crewOf()
        .runs()
        .map(({ fencingToken }) => fencingToken);
      expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
    },
  );

  it('keep what was written when its owner is killed', async () => {
    const what = { key: randomKey(), log: crewOf().log };
    const owner = await crewOf().start();
    const first = await owner.call(what);
    await owner.kill();
    const second = await (await crewOf().start()).call(what);
    expect(second.answers).toEqual(first.answers);
    expect(crewOf().runs()).toHaveLength(1);
  });

  it.each(['function', 'complete'] as const)(
    'refuse what an owner writes that was stopped (at %s) and wakes after losing its lease',
    async (stopAt) => {
      const what = { key: randomKey(), log: crewOf().log };
      const options = { leaseMs: LEASE_MS };
      const owner = await crewOf().start({ stopAt, options });
      const next = await crewOf().start({ options });
      const late = owner.call(what);
      await owner.stoppedDuring(late);
      owner.signal('SIGSTOP');
      const taken = await next.call(what);
      expect(JSON.parse(taken.answers[0] as string).value.by).toBe(next.child.pid);
      owner.signal('SIGCONT');
      owner.resume();
      // It receives the other's result. Its own is lost.
      expect((await late).answers).toEqual(taken.answers);
      const { state, text } = await next.record(what.key);
      expect({ state, value: JSON.parse(text as string) }).toEqual({
        state: 'done',
        ...JSON.parse(taken.answers[0] as string),
      });
    },
  );
});
