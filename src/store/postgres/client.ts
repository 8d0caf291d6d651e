import { fail, nameOf } from '../../errors/errors.js';
import { listenerOf, type Pool } from './pool-listener.js';

/** A `Pool` of `pg`, or a PGlite. */
export interface PostgresClient {
  /** Runs one statement. */
  query(...parameters: never[]): unknown;
}

export type Row = Readonly<Record<string, unknown>>;

export interface Connection {
  /**
   * Runs a statement. One with a name is prepared once per connection, if the client can do that.
   */
  query(text: string, values?: readonly unknown[], name?: string): Promise<readonly Row[]>;
  /** `undefined` if the client cannot keep a connection for `LISTEN`. */
  readonly listener: Listener | undefined;
}

/** Delivers notifications while it has a connection for them. */
export interface Listener {
  /** Returns a function that ends the subscription. */
  subscribe(channel: string, subscriber: Subscriber): () => void;
  /** Releases the connection at once if no subscriber is left. */
  releaseUnused(): void;
}

export interface Subscriber {
  readonly onNotify: (payload: string) => void;
  /** Called with `true` when notifications start to arrive, and with `false` when they stop. */
  readonly onListening: (isListening: boolean) => void;
}

export interface Queryable {
  query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly Row[] }>;
}

/** A query of `pg` that is prepared once and then called by its name. */
interface Preparing {
  query(statement: {
    readonly name: string;
    readonly text: string;
    readonly values: readonly unknown[] | undefined;
  }): Promise<{ readonly rows: readonly Row[] }>;
}

interface Pglite extends Queryable {
  listen(channel: string, callback: (payload: string) => void): Promise<() => Promise<void>>;
}

/** Returns the address of a client's database, without its password, as far as its options name it. */
export function addressOf(pool: PostgresClient): string | undefined {
  const { options = {}, dataDir } = pool as unknown as {
    readonly options?: Readonly<Record<string, unknown>>;
    readonly dataDir?: unknown;
  };
  const { connectionString, host, port = 5432, database } = options;
  if (typeof connectionString === 'string') {
    try {
      const url = new URL(connectionString);
      return url.host + url.pathname;
    } catch {
      return undefined;
    }
  }
  if (typeof host === 'string') return `${host}:${port}/${database ?? ''}`;
  return typeof dataDir === 'string' ? dataDir : undefined;
}

/** Detects the kind of client by its methods. */
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
    listener: has('listen', 'function')
      ? new PgliteListener(client as Pglite)
      : // A single Client of pg has `connect` as well, and nothing to give away.
        has('connect', 'function') && has('totalCount', 'number')
        ? listenerOf(client as Pool)
        : undefined,
  };
}

/** A PGlite has one connection, which receives all notifications beside its queries. */
class PgliteListener implements Listener {
  readonly #client: Pglite;
  readonly #subscribers = new Set<Subscriber>();
  #listening: Promise<() => Promise<void>> | undefined;

  constructor(client: Pglite) {
    this.#client = client;
  }

  subscribe(channel: string, subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber);
    this.#listening ??= this.#client.listen(`"${channel}"`, (payload) => {
      for (const { onNotify } of [...this.#subscribers]) onNotify(payload);
    });
    this.#listening.then(
      () => {
        if (this.#subscribers.has(subscriber)) subscriber.onListening(true);
      },
      () => {
        this.#listening = undefined;
      },
    );
    return () => this.#subscribers.delete(subscriber);
  }

  releaseUnused(): void {
    this.#listening?.then((end) => end()).catch(() => {});
    this.#listening = undefined;
  }
}
