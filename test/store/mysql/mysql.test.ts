import { createPool, type Pool } from 'mysql2/promise';
import { afterAll, beforeAll, it } from 'vitest';
import { storeConformance } from '../../../src/store/conformance.js';
import { mysqlStore } from '../../../src/store/mysql.js';
import { hasMariadb, type MariadbServer, startMariadb } from '../../servers/mariadb.js';
import { describeWith } from '../../servers/process.js';

describeWith('MariaDB', hasMariadb, 'the MySQL store', () => {
  let server: MariadbServer;
  let pool: Pool;
  beforeAll(async () => {
    server = await startMariadb();
    pool = createPool({ uri: server.url, connectionLimit: 8 });
    await mysqlStore({ pool }).migrate();
  });
  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });

  for (const { name, run } of storeConformance({ open: () => mysqlStore({ pool }) })) {
    it(name, run);
  }
});
