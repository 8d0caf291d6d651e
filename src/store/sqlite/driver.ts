import { fail, nameOf } from '../../errors/errors.js';

/**
 * An open database: of `node:sqlite`, `bun:sqlite`, `better-sqlite3` or `libsql`, a client of
 * `@libsql/client`, or a D1 binding of Cloudflare.
 */
export type SqliteDatabase =
  | {
      /** Compiles a statement. */
      prepare(sql: string): unknown;
      /** Runs statements that return nothing. */
      exec(sql: string): unknown;
    }
  | {
      /** Runs statements in one transaction. */
      batch(statements: never[], ...more: never[]): Promise<unknown>;
    };

export type Row = Readonly<Record<string, unknown>>;

export interface Statement {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** A database in this process, which answers at once. */
export interface LocalDriver {
  all(sql: string, values: readonly unknown[]): readonly Row[];
  exec(sql: string): void;
  /** Whether the program has begun a transaction on this connection. */
  hasTransaction(): boolean;
  close(): void;
}

/** A database behind a server, or one with the same methods. */
export interface RemoteDriver {
  /** Runs the statements in one transaction and one round trip. */
  batch(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]>;
  /** Must be called when another connection had the lock. */
  afterBusy?(): void;
}

export type Driver = LocalDriver | RemoteDriver;

export const isRemote = (driver: Driver): driver is RemoteDriver => 'batch' in driver;

interface PreparedStatement {
  /** `false` if it returns no rows, in `better-sqlite3`, where `all` then throws. */
  readonly reader?: boolean;
  run(...values: readonly unknown[]): unknown;
  all(...values: readonly unknown[]): readonly Row[];
}

interface LocalDatabase {
  /** In `better-sqlite3` and `libsql`. */
  readonly open?: unknown;
  /** `better-sqlite3` and `bun:sqlite`. */
  readonly inTransaction?: boolean;
  /** `node:sqlite`. */
  readonly isTransaction?: boolean;
  prepare(sql: string): PreparedStatement;
  exec(sql: string): unknown;
  close(): void;
}

interface LibsqlClient {
  readonly protocol?: string;
  reconnect?(): void | Promise<void>;
  batch(
    statements: readonly { readonly sql: string; readonly args: readonly unknown[] }[],
    mode: 'write',
  ): Promise<readonly { readonly rows: readonly Row[] }[]>;
}

interface D1Statement {
  bind(...values: readonly unknown[]): D1Statement;
}

interface D1Database {
  prepare(sql: string): D1Statement;
  batch(statements: readonly D1Statement[]): Promise<readonly { readonly results: Row[] }[]>;
}

/** Returns the file of a database in this process. It names no server: no client tells its address. */
export function fileOf(driver: Driver): string | undefined {
  if (isRemote(driver)) return undefined;
  try {
    // https://sqlite.org/pragma.html#pragma_database_list, which needs no lock.
    const [main] = driver.all('PRAGMA database_list', []);
    return typeof main?.file === 'string' && main.file !== '' ? main.file : undefined;
  } catch {
    // It is closed.
    return undefined;
  }
}

/** Detects the kind of database by its methods. */
export function toDriver(database: unknown): Driver {
  const has = (name: string) =>
    typeof database === 'object' &&
    typeof (database as Record<string, unknown> | null)?.[name] === 'function';
  if (has('batch')) {
    return has('execute')
      ? libsqlDriver(database as LibsqlClient)
      : has('prepare')
        ? d1Driver(database as D1Database)
        : refuse(database);
  }
  return has('prepare') && has('exec') ? localDriver(database as LocalDatabase) : refuse(database);
}

function refuse(database: unknown): never {
  return fail(
    TypeError,
    'SAMEKEY_BAD_CLIENT',
    `Cannot make a SQLite store: database is ${nameOf(database)}, wanted a database of node:sqlite, bun:sqlite, better-sqlite3, libsql or Cloudflare D1, or a client of @libsql/client`,
  );
}

function localDriver(database: LocalDatabase): LocalDriver {
  const prepared = new Map<string, PreparedStatement>();
  // `libsql` ends the process when it is asked for `inTransaction` after `close`.
  const requireOpen = () => {
    if (database.open === false) throw new TypeError('The database connection is not open');
  };
  return {
    all(sql, values) {
      requireOpen();
      let statement = prepared.get(sql);
      if (statement === undefined) {
        statement = database.prepare(sql);
        prepared.set(sql, statement);
      }
      if (statement.reader !== false) return statement.all(...values);
      statement.run(...values);
      return [];
    },
    exec: (sql) => void database.exec(sql),
    hasTransaction() {
      requireOpen();
      return (database.inTransaction ?? database.isTransaction) === true;
    },
    close: () => database.close(),
  };
}

const libsqlDriver = (client: LibsqlClient): RemoteDriver => ({
  async batch(statements) {
    const results = await client.batch(
      statements.map(({ sql, values }) => ({ sql, args: values })),
      // Also for statements that only read: a replica may not have the last changes.
      'write',
    );
    return results.map(({ rows }) => rows);
  },
  afterBusy() {
    // In a connection to a file, the statement that met the lock stays in progress (0.18.0), and
    // the connection cannot commit any more.
    if (client.protocol === 'file') void client.reconnect?.();
  },
});

const d1Driver = (database: D1Database): RemoteDriver => ({
  async batch(statements) {
    const results = await database.batch(
      statements.map(({ sql, values }) => database.prepare(sql).bind(...values)),
    );
    return results.map(({ results }) => results);
  },
});
