import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { randomKey } from '../src/index.js';
import { Crew, type StoreName } from './once-workers.js';
import { hasPostgres, startPostgres } from './servers/postgres.js';
import { describeWith } from './servers/process.js';
import { hasRedis, startRedis } from './servers/redis.js';

/** What every store for several processes is started by. */
interface Backend {
  readonly at: string;
  /** Of a server. */
  kill?(): Promise<void>;
  start?(): Promise<void>;
  stop(): Promise<void>;
}

const redis = async (): Promise<Backend> => {
  const server = await startRedis();
  return { at: server.url, ...server };
};
const postgres = async (): Promise<Backend> => {
  const server = await startPostgres();
  return { at: server.url, ...server };
};

const STORES: readonly [StoreName['kind'], string, boolean, () => Promise<Backend>][] = [
  ['redis', 'redis-server', hasRedis, redis],
  ['ioredis', 'redis-server', hasRedis, redis],
  ['postgres', 'PostgreSQL', hasPostgres, postgres],
];

/** Short, for what has to run out; the waiter may wait a second longer. */
const LEASE_MS = 1000;
const WAIT_MS = LEASE_MS + 1000;
/** Longer than any test. */
const LONG_MS = 10 * 60 * 1000;

for (const [kind, tool, isThere, startBackend] of STORES) {
  describeWith(tool, isThere, `several processes on ${kind}`, () => {
    let backend: Backend;
    let crew: Crew;
    beforeAll(async () => {
      backend = await startBackend();
    });
    afterAll(() => backend?.stop());
    beforeEach(() => {
      crew = new Crew({ kind, at: backend.at });
    });
    afterEach(async () => {
      const { hasCrashed } = crew;
      await crew.end();
      expect(hasCrashed).toBe(false);
    });

    it('run a function once for 10,000 callers in eight of them, and give all the same bytes', async () => {
      const workers = await Promise.all(Array.from({ length: 8 }, () => crew.start()));
      for (const takesMs of [0, 50, 0, 50]) {
        const key = randomKey();
        const told = await Promise.all(
          workers.map((worker) => worker.call({ key, log: crew.log, callers: 1250, takesMs })),
        );
        const answers = new Set(told.flatMap(({ answers }) => answers));
        expect(answers.size).toBe(1);
        expect([...answers][0]).toMatch(/^\{"value":/);
        expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(10_000);
        expect(crew.runs().filter((run) => run.key === key)).toHaveLength(1);
      }
    });

    it('leave a run alone that takes longer than its lease, because it is renewed', async () => {
      const options = { leaseMs: 3000 };
      const [owner, other] = await Promise.all([crew.start({ options }), crew.start({ options })]);
      const what = { key: randomKey(), log: crew.log, takesMs: 4500 };
      const [first, second] = await Promise.all([owner.call(what), other.call(what)]);
      expect(second.answers).toEqual(first.answers);
      expect(crew.runs()).toHaveLength(1);
    });

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
        const owner = await crew.start({ stopAt, options: { leaseMs: LEASE_MS } });
        const next = await crew.start({
          options: { leaseMs: LEASE_MS, onUnknown, waitMs: WAIT_MS },
        });
        owner.call({ key, log: crew.log }).catch(() => {});
        await owner.stopped;
        const answer = next.call({ key, log: crew.log });
        await owner.kill();
        // It gave up by itself, were it not served by then: `waitMs`.
        const { answers } = await next.call({ key, log: crew.log });
        expect(answers).toEqual((await answer).answers);
        if (onUnknown === 'hold') {
          expect(answers).toEqual([JSON.stringify({ error: 'SAMEKEY_UNKNOWN_OUTCOME' })]);
        } else if (onUnknown === 'reconcile') {
          expect(answers).toEqual([JSON.stringify({ value: 'found' })]);
        } else {
          expect(JSON.parse(answers[0] as string).value.by).toBe(next.child.pid);
          expect(crew.runs().at(-1)).toMatchObject({ attempt: 2, pid: next.child.pid });
        }
        expect(crew.runs()).toHaveLength(runs);
        const tokens = crew.runs().map(({ fencingToken }) => fencingToken);
        expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
      },
    );

    it('keep what was written when its owner is killed', async () => {
      const what = { key: randomKey(), log: crew.log };
      const owner = await crew.start();
      const first = await owner.call(what);
      await owner.kill();
      const second = await (await crew.start()).call(what);
      expect(second.answers).toEqual(first.answers);
      expect(crew.runs()).toHaveLength(1);
    });

    it.each(['function', 'complete'] as const)(
      'refuse what an owner writes that was stopped (at %s) and wakes after losing its lease',
      async (stopAt) => {
        const what = { key: randomKey(), log: crew.log };
        const options = { leaseMs: LEASE_MS };
        const owner = await crew.start({ stopAt, options });
        const next = await crew.start({ options });
        const late = owner.call(what);
        await owner.stopped;
        owner.signal('SIGSTOP');
        const taken = await next.call(what);
        expect(JSON.parse(taken.answers[0] as string).value.by).toBe(next.child.pid);
        owner.signal('SIGCONT');
        owner.goOn();
        // It is told the other's result: its own is in nobody's hands.
        expect((await late).answers).toEqual(taken.answers);
        const { state, text } = await next.record(what.key);
        expect({ state, value: JSON.parse(text as string) }).toEqual({
          state: 'done',
          ...JSON.parse(taken.answers[0] as string),
        });
      },
    );

    it('run nothing twice while the server is restarted, and are told what happened', async () => {
      // Within these leases nothing may run again, whatever replies were lost.
      const options = { leaseMs: LONG_MS, waitMs: 3000, storeTimeoutMs: 2000 };
      const workers = await Promise.all([0, 1, 2, 3].map(() => crew.start({ options })));
      const keys = Array.from({ length: 150 }, () => randomKey());
      let done = 0;
      const told = new Map<string, Set<string>>(keys.map((key) => [key, new Set()]));
      const load = workers.map(async (worker) => {
        await inTurns(20, keys, async (key) => {
          const { answers } = await worker.call({ key, log: crew.log, callers: 2, takesMs: 10 });
          for (const answer of answers) told.get(key)?.add(answer);
          done++;
        });
      });
      await expect.poll(() => done, { timeout: 60_000 }).toBeGreaterThan(100);
      await backend.kill?.();
      await backend.start?.();
      await Promise.all(load);
      const runs = crew.runs().map(({ key }) => key);
      expect(new Set(runs).size).toBe(runs.length);
      for (const answers of told.values()) {
        const values = [...answers].filter((answer) => answer.startsWith('{"value":'));
        const errors = [...answers].filter((answer) => answer.startsWith('{"error":'));
        expect(values.length).toBeLessThanOrEqual(1);
        for (const error of errors) expect(error).toMatch(/"SAMEKEY_(?:STORE|IN_PROGRESS)"/);
      }
      // It is over: a new key is run, by the same processes with the same connections.
      const after = { key: randomKey(), log: crew.log };
      await expect
        .poll(
          async () =>
            (await Promise.all(workers.map((each) => each.call(after)))).flatMap(
              ({ answers }) => answers,
            ),
          { timeout: 60_000 },
        )
        .toEqual(Array.from({ length: 4 }, () => expect.stringMatching(/^\{"value":/)));
      expect(crew.runs().filter(({ key }) => key === after.key)).toHaveLength(1);
    });
  });
}

/** Does something for each, a few at a time. */
async function inTurns<T>(atATime: number, list: readonly T[], act: (each: T) => Promise<void>) {
  const rest = [...list];
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      for (let each = rest.shift(); each !== undefined; each = rest.shift()) await act(each);
    }),
  );
}
