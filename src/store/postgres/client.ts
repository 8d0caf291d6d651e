import { fail, nameOf } from '../../errors/errors.js';

/** A pool of `pg`, or a PGlite. */
export interface PostgresClient {
  query(...parameters: never[]): unknown;
}

export type Row = Readonly<Record<string, unknown>>;

export interface Connection {
  /** A statement with a name is prepared once per connection, where the client can. */
  query(text: string, values?: readonly unknown[], name?: string): Promise<readonly Row[]>;
  /**
   * Runs a `LISTEN` and calls `onNotify` with each payload; `onEnd` when there will be no more.
   * Returns a function that ends it. There is none where a connection cannot be kept for that.
   */
  readonly listen:
    | ((
        statement: string,
        channel: string,
        onNotify: (payload: string) => void,
        onEnd: () => void,
      ) => Promise<() => void>)
    | undefined;
}

interface Queryable {
  query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly Row[] }>;
}

/** Of `pg` only: a statement that is sent once, and then called by its name. */
interface Preparing {
  query(statement: {
    readonly name: string;
    readonly text: string;
    readonly values: readonly unknown[] | undefined;
  }): Promise<{ readonly rows: readonly Row[] }>;
}

interface PoolClient extends Queryable {
  on(event: 'notification', listener: (message: { payload?: string }) => void): unknown;
  on(event: 'error' | 'end', listener: () => void): unknown;
  release(destroy: true): void;
}

interface Pool extends Queryable {
  connect(): Promise<PoolClient>;
}

interface Lite extends Queryable {
  listen(channel: string, callback: (payload: string) => void): Promise<() => Promise<void>>;
}

/** Tells the clients apart by what they can do. */
export function toConnection(pool: PostgresClient): Connection {
  const has = (name: string, type: string) =>
    typeof (pool as unknown as Record<string, unknown> | null)?.[name] === type;
  if (typeof pool !== 'object' || !has('query', 'function')) {
    fail(
      TypeError,
      'SAMEKEY_BAD_CLIENT',
      `Cannot make a PostgreSQL store: pool is ${nameOf(pool)}, wanted a Pool of pg or a PGlite`,
    );
  }
  const client = pool as unknown as Queryable;
  const canPrepare = has('connect', 'function') && !has('listen', 'function');
  return {
    async query(text, values, name) {
      const result =
        canPrepare && name !== undefined
          ? await (pool as unknown as Preparing).query({ name, text, values })
          : await client.query(text, values);
      if (Array.isArray(result?.rows)) return result.rows;
      return fail(
        TypeError,
        'SAMEKEY_BAD_CLIENT',
        'Cannot use this PostgreSQL client: a query gave no rows, wanted a Pool of pg or a PGlite',
      );
    },
    listen: has('listen', 'function')
      ? listenOnLite(client as Lite)
      : // A single Client of pg has `connect` as well, and nothing to give away.
        has('connect', 'function') && has('totalCount', 'number')
        ? listenOnPool(client as Pool)
        : undefined,
  };
}

function listenOnLite(client: Lite): Connection['listen'] {
  return async (_, channel, onNotify) => {
    const end = await client.listen(`"${channel}"`, onNotify);
    return () => {
      end().catch(() => {});
    };
  };
}

function listenOnPool(pool: Pool): Connection['listen'] {
  return async (statement, _, onNotify, onEnd) => {
    const client = await pool.connect();
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      // For good: another user of the connection would be sent the notifications.
      client.release(true);
      onEnd();
    };
    client.on('notification', ({ payload }) => onNotify(payload ?? ''));
    client.on('error', end);
    client.on('end', end);
    try {
      await client.query(statement);
    } catch (error) {
      end();
      throw error;
    }
    return end;
  };
}
