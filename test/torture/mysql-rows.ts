import { setTimeout as sleep } from 'node:timers/promises';
import { createPool } from 'mysql2/promise';
import { mysqlStore } from '../../dist/store/mysql.js';
import { hasMariadb, type MariadbServer, startMariadb } from '../servers/mariadb.js';
import type { StoreAt } from './crew.js';
import { linkRows, type PlainStore } from './general-rows.js';
import type { Row, Subject } from './torture.js';

const missing = () => (hasMariadb ? undefined : 'MariaDB is not here');
const at = (port: number, more: object = {}): readonly StoreAt[] => [
  { kind: 'mysql', url: `mysql://samekey:secret@127.0.0.1:${port}/app`, ...more },
];

/** A server with the table in it. */
async function startMigrated(): Promise<MariadbServer> {
  const server = await startMariadb();
  const pool = createPool(server.url);
  await mysqlStore({ pool }).migrate();
  await pool.end();
  return server;
}

export const MYSQL: PlainStore = {
  store: 'MariaDB',
  missing,
  async start() {
    const server = await startMigrated();
    return { at: at(server.port), stop: server.stop };
  },
};

async function restarted(): Promise<Subject> {
  const server = await startMigrated();
  return {
    at: at(server.port),
    async fault(_, next) {
      await server.kill();
      await sleep(next() * 500);
      await server.start();
      return 'restart';
    },
    stop: server.stop,
  };
}

/** Ends every connection of the programs, whatever it is doing. */
async function killed(): Promise<Subject> {
  const server = await startMigrated();
  return {
    at: at(server.port),
    async fault() {
      await server.admin("KILL USER 'samekey'@'127.0.0.1'");
      return 'connections ended';
    },
    stop: server.stop,
  };
}

export const MYSQL_ROWS: readonly Row[] = [
  {
    name: 'MariaDB: restart',
    fault: 'the server is killed and restarts',
    everyMs: 2500,
    start: restarted,
  },
  {
    name: 'MariaDB: connections killed',
    fault: 'connections are ended in the middle of a statement (`KILL USER`)',
    everyMs: 500,
    start: killed,
  },
  {
    name: 'MariaDB: pool of one',
    fault: 'each process has one connection (`connectionLimit: 1`)',
    async start(): Promise<Subject> {
      const server = await startMigrated();
      return { at: at(server.port, { max: 1 }), stop: server.stop };
    },
  },
]
  .map((row): Row => ({ missing, ...row, store: 'MariaDB' }))
  .concat(linkRows('MariaDB', missing, startMigrated, (port) => at(port)));
