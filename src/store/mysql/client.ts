import { fail, nameOf } from '../../errors/errors.js';

/** A pool of `mysql2`, as `mysql2/promise` or `mysql2` makes it. */
export interface MysqlClient {
  /** Runs a prepared statement. */
  execute(...parameters: never[]): unknown;
  /** Runs a statement without parameters. */
  query(...parameters: never[]): unknown;
  /** Only a pool has it. A single connection may be inside a transaction of the program. */
  getConnection(...parameters: never[]): unknown;
}

export type Row = Readonly<Record<string, unknown>>;
export type Value = Uint8Array | number | null;

/** What a statement that writes has done. */
export interface Written {
  readonly affectedRows: number;
  /** The value of `LAST_INSERT_ID(…)` in the statement, or 0 if no row was written. */
  readonly insertId: number;
}

export interface Connection {
  /** Runs a prepared statement that reads. */
  read(sql: string, values: readonly Value[]): Promise<readonly Row[]>;
  /** Runs a prepared statement that writes. */
  write(sql: string, values: readonly Value[]): Promise<Written>;
  /** Runs a statement without parameters. It returns rows if the statement reads. */
  run(sql: string): Promise<unknown>;
}

interface Promising {
  execute(query: object): Promise<readonly unknown[]>;
  query(query: object): Promise<readonly unknown[]>;
}

/** The `Buffer` class of Node.js, which `mysql2` needs: it would send a `Uint8Array` as text. */
interface BufferClass {
  from(content: string | Uint8Array): Uint8Array;
}
const bufferClass = () => (globalThis as unknown as { Buffer: BufferClass }).Buffer;

/** Returns a copy that `mysql2` sends as bytes. */
export const toBuffer = (content: string | Uint8Array): Uint8Array => bufferClass().from(content);

/** A pool may be set to return rows in another form, or bytes as text. */
const AS_ROWS = { typeCast: true, rowsAsArray: false, nestTables: false };

/**
 * Returns the address of a pool's database, without its password, as far as the pool names it. Its
 * `config` is not public, checked with mysql2 3.24.
 */
export function addressOf(pool: MysqlClient): string | undefined {
  interface Place {
    readonly host?: unknown;
    readonly port?: unknown;
    readonly socketPath?: unknown;
    readonly database?: unknown;
  }
  interface WithConfig {
    readonly config?: { readonly connectionConfig?: Place };
  }
  const { pool: inner = pool } = pool as { readonly pool?: unknown };
  const { host, port, socketPath, database } = (inner as WithConfig).config?.connectionConfig ?? {};
  const server = socketPath ?? (typeof host === 'string' ? `${host}:${port}` : undefined);
  return typeof server === 'string' ? `${server}/${database ?? ''}` : undefined;
}

export function toConnection(pool: MysqlClient): Connection {
  const has = (name: string) =>
    typeof (pool as unknown as Record<string, unknown> | null)?.[name] === 'function';
  if (
    (typeof pool !== 'object' && typeof pool !== 'function') ||
    !['execute', 'query', 'getConnection'].every(has)
  ) {
    fail(
      TypeError,
      'SAMEKEY_BAD_CLIENT',
      `Cannot make a MySQL store: pool is ${nameOf(pool)}, wanted a pool of mysql2`,
    );
  }
  // The pool of `mysql2` without promises has the same pool with promises.
  const client = (
    has('promise') ? (pool as unknown as { promise(): unknown }).promise() : pool
  ) as Promising;
  const execute = async (sql: string, values: readonly Value[]) => {
    const reply = await client.execute({ sql, values, ...AS_ROWS });
    if (Array.isArray(reply)) return reply[0] as unknown;
    return refuse(reply);
  };
  return {
    async read(sql, values) {
      const rows = await execute(sql, values);
      return Array.isArray(rows) ? rows : refuse(rows);
    },
    async write(sql, values) {
      const header = (await execute(sql, values)) as Partial<Written> | undefined;
      const [affectedRows, insertId] = [Number(header?.affectedRows), Number(header?.insertId)];
      if (Number.isNaN(affectedRows) || Number.isNaN(insertId)) refuse(header);
      return { affectedRows, insertId };
    },
    async run(sql) {
      const reply = await client.query({ sql, ...AS_ROWS });
      return Array.isArray(reply) ? reply[0] : refuse(reply);
    },
  };
}

function refuse(reply: unknown): never {
  return fail(
    TypeError,
    'SAMEKEY_BAD_CLIENT',
    `Cannot use this MySQL client: a statement gave ${nameOf(reply)}, wanted a pool of mysql2`,
  );
}
