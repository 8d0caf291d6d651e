import pg from 'pg';
import { afterAll, beforeAll, it } from 'vitest';
import { storeConformance } from '../../../src/store/conformance.js';
import { postgresStore } from '../../../src/store/postgres.js';
import { hasPostgres, type PostgresServer, startPostgres } from '../../servers/postgres.js';
import { describeWith } from '../../servers/process.js';

describeWith('PostgreSQL', hasPostgres, 'the PostgreSQL store', () => {
  let server: PostgresServer;
  let pool: pg.Pool;
  beforeAll(async () => {
    server = await startPostgres();
    pool = new pg.Pool({ connectionString: server.url, max: 8 });
    pool.on('error', () => {});
    await postgresStore({ pool }).migrate();
  });
  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });

  for (const { name, run } of storeConformance({ open: () => postgresStore({ pool }) })) {
    it(name, run);
  }
});
