import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { createOnce } from '../../../src/once/index.js';
import { type PostgresClient, postgresStore } from '../../../src/store/postgres.js';
import { hasPostgres, type PostgresServer, startPostgres } from '../../servers/postgres.js';
import { describeWith } from '../../servers/process.js';
import { PARSERS } from './scene.js';

/** Results of no byte, of a few, and of more than one packet. */
const RESULTS = [undefined, '', 'é\0"', { list: ['x'.repeat(100_000)] }];

/** Runs each result once, and expects it from the store, one at a time and many in one statement. */
async function expectResults(pool: PostgresClient): Promise<void> {
  const options = { store: postgresStore({ pool }), cache: false } as const;
  const [first, other] = [createOnce(options), createOnce(options)];
  const keys = RESULTS.map(() => randomKey());
  for (const [index, result] of RESULTS.entries()) {
    const key = keys[index] as string;
    expect(await first(key, () => result as unknown)).toEqual(result);
    expect(await other.detailed(key, () => 'run again' as unknown)).toMatchObject({
      outcome: 'replayed',
      value: result,
    });
    expect((await other.inspect(key))?.payload).toBeInstanceOf(Uint8Array);
  }
  expect(await Promise.all(keys.map((key) => other(key, () => 'run again')))).toEqual(RESULTS);
  const key = randomKey();
  const run = () => new Promise((resolve) => setTimeout(resolve, 50, 'waited for'));
  expect(await Promise.all([first(key, run), other(key, run)])).toEqual([
    'waited for',
    'waited for',
  ]);
}

describeWith(
  'PostgreSQL',
  hasPostgres,
  'the PostgreSQL store beside parsers of the program',
  () => {
    let server: PostgresServer;
    const pools: pg.Pool[] = [];
    const open = (config: pg.PoolConfig = {}) => {
      const pool = new pg.Pool({ connectionString: server.url, max: 4, ...config });
      pool.on('error', () => {});
      pools.push(pool);
      return pool;
    };
    beforeAll(async () => {
      server = await startPostgres();
      await postgresStore({ pool: open() }).migrate();
    });
    afterAll(async () => {
      for (const pool of pools) await pool.end();
      await server?.stop();
    });

    it('reads results with those of the pool', async () => {
      const getTypeParser = (oid: number, ...format: never[]) =>
        PARSERS[oid] ?? pg.types.getTypeParser(oid, ...format);
      await expectResults(open({ types: { getTypeParser } as pg.CustomTypesConfig }));
    });

    it('reads results with those of all pools', async () => {
      const before = Object.keys(PARSERS).map(
        (oid) => [oid, pg.types.getTypeParser(+oid)] as const,
      );
      for (const [oid, parse] of Object.entries(PARSERS)) pg.types.setTypeParser(+oid, parse);
      try {
        await expectResults(open());
      } finally {
        for (const [oid, parse] of before) pg.types.setTypeParser(+oid, parse);
      }
    });

    it('refuses a client that changes texts, and does not run again', async () => {
      const key = randomKey();
      await createOnce({ store: postgresStore({ pool: open() }) })(key, () => 'once');
      const reversed = (value: string) => [...value].reverse().join('');
      const getTypeParser = (oid: number) => (oid === 25 ? reversed : pg.types.getTypeParser(oid));
      const pool = open({ types: { getTypeParser } as pg.CustomTypesConfig });
      let runs = 0;
      const again = createOnce({ store: postgresStore({ pool }) })(key, () => ++runs);
      await expect(again).rejects.toMatchObject({
        code: 'SAMEKEY_STORE',
        cause: { code: 'SAMEKEY_BAD_STATE' },
      });
      expect(runs).toBe(0);
    });
  },
);
