import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { postgresStore } from '../../dist/store/postgres.js';
import {
  hasPgBouncer,
  hasPostgres,
  type PostgresServer,
  startPgBouncer,
  startPostgres,
} from '../servers/postgres.js';
import type { StoreAt } from './crew.js';
import { linkRows, type PlainStore } from './general-rows.js';
import { startLink } from './link.js';
import { forgets, type Row, type Subject } from './torture.js';

const missing = () => (hasPostgres ? undefined : 'PostgreSQL is not here');
const urlOf = (port: number) => `postgres://samekey@127.0.0.1:${port}/postgres`;
const at = (port: number, more: object = {}): readonly StoreAt[] => [
  { kind: 'postgres', url: urlOf(port), ...more },
];

/** A server with the table in it. */
async function startMigrated(): Promise<PostgresServer> {
  const server = await startPostgres();
  const pool = new pg.Pool({ connectionString: server.url });
  const store = postgresStore({ pool });
  await store.migrate();
  await store.close();
  await pool.end();
  return server;
}

async function sql(server: PostgresServer, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: server.url });
  client.on('error', () => {});
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

export const POSTGRES: PlainStore = {
  store: 'PostgreSQL',
  missing,
  async start() {
    const server = await startMigrated();
    return { at: at(server.port), stop: server.stop };
  },
};

async function restarted(signal: 'SIGQUIT' | 'SIGINT'): Promise<Subject> {
  const server = await startMigrated();
  return {
    at: at(server.port),
    async fault(_, next) {
      await server.kill(signal);
      await sleep(next() * 500);
      await server.start();
      return 'restart';
    },
    stop: server.stop,
  };
}

/** Clients reach the primary through a link, and the standby follows it through another one. */
async function promoted(isSynchronous: boolean): Promise<Subject> {
  let primary = await startMigrated();
  const clientLink = await startLink(primary.port);
  const replication = await startLink(primary.port);
  replication.delayMs = isSynchronous ? 0 : 100;
  let standby = await follow();

  async function follow(): Promise<PostgresServer> {
    const follower = await startPostgres(primary);
    await sql(
      follower,
      `alter system set primary_conninfo = 'host=127.0.0.1 port=${replication.port} user=samekey'`,
      'select pg_reload_conf()',
    );
    if (isSynchronous) {
      const all = "alter system set synchronous_standby_names = '*'";
      await sql(primary, all, 'select pg_reload_conf()');
    }
    return follower;
  }

  return {
    at: at(clientLink.port),
    async fault() {
      await primary.kill();
      await sql(standby, 'select pg_promote()');
      await primary.stop();
      primary = standby;
      clientLink.target = primary.port;
      replication.target = primary.port;
      clientLink.cut();
      replication.cut();
      standby = await follow();
      return 'promoted';
    },
    async stop() {
      await Promise.all([clientLink, replication, primary, standby].map((each) => each.stop()));
    },
  };
}

export const POSTGRES_ROWS: readonly Row[] = [
  {
    name: 'PostgreSQL: restart, fast',
    fault: 'the server restarts (`pg_ctl restart -m fast`)',
    start: () => restarted('SIGINT'),
  },
  {
    name: 'PostgreSQL: restart, immediate',
    fault: 'the server is killed and restarts',
    start: () => restarted('SIGQUIT'),
  },
  {
    name: 'PostgreSQL: backends killed',
    fault: 'connections are ended in the middle of a transaction (`pg_terminate_backend`)',
    everyMs: 500,
    async start(): Promise<Subject> {
      const server = await startMigrated();
      const killer = new pg.Client({ connectionString: server.url });
      await killer.connect();
      return {
        at: at(server.port),
        async fault() {
          let count = 0;
          for (let turn = 0; turn < 50; turn++) {
            const { rows } = await killer.query(
              "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend' and state <> 'idle'",
            );
            count += rows.length;
          }
          return `${count} backends killed`;
        },
        async stop() {
          await killer.end();
          await server.stop();
        },
      };
    },
  },
  {
    name: 'PostgreSQL: PgBouncer',
    fault: 'PgBouncer in transaction mode restarts, and its connections are ended',
    missing: () => missing() ?? (hasPgBouncer ? undefined : 'pgbouncer is not here'),
    async start(): Promise<Subject> {
      const server = await startMigrated();
      let bouncer = await startPgBouncer(server, 'transaction', 4);
      const link = await startLink(Number(new URL(bouncer.url).port));
      return {
        at: at(link.port, { prepare: false }),
        async fault(_, next) {
          if (next() < 0.5) {
            await sql(
              server,
              "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'",
            );
            return 'backends killed';
          }
          await bouncer.stop();
          bouncer = await startPgBouncer(server, 'transaction', 4);
          link.target = Number(new URL(bouncer.url).port);
          return 'PgBouncer restarted';
        },
        async stop() {
          await link.stop();
          await bouncer.stop();
          await server.stop();
        },
      };
    },
  },
  {
    name: 'PostgreSQL: statement_timeout',
    fault: 'statements are cancelled (`statement_timeout`) while the table is locked',
    async start(): Promise<Subject> {
      const server = await startMigrated();
      const url = `${server.url}?options=${encodeURIComponent('-c statement_timeout=100')}`;
      return {
        at: [{ kind: 'postgres', url }],
        async fault(_, next) {
          const seconds = 0.05 + next() * 1.5;
          await sql(
            server,
            'begin',
            'lock table samekey_records in access exclusive mode',
            `select pg_sleep(${seconds})`,
            'commit',
          );
          return 'locked';
        },
        stop: server.stop,
      };
    },
  },
  {
    name: 'PostgreSQL: pool of one',
    fault: 'each process has one connection (`max: 1`)',
    async start(): Promise<Subject> {
      const server = await startMigrated();
      return { at: at(server.port, { max: 1 }), stop: server.stop };
    },
  },
  {
    name: 'PostgreSQL: standby promoted',
    fault: 'the primary fails; an asynchronous standby 100 ms behind is promoted',
    ...forgets('the standby does not have the record yet'),
    everyMs: 2500,
    start: () => promoted(false),
  },
  {
    name: 'PostgreSQL: synchronous standby promoted',
    fault: 'the primary fails; a synchronous standby is promoted (`synchronous_standby_names`)',
    everyMs: 2500,
    start: () => promoted(true),
  },
]
  .map((row): Row => ({ missing, ...row, store: 'PostgreSQL' }))
  .concat(linkRows('PostgreSQL', missing, startMigrated, (port) => at(port)));
