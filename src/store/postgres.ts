import { fail, quote } from '../errors/errors.js';
import { own } from '../options/own.js';
import { readOptions } from '../options/read.js';
import { flag, type OptionsOf, required, specs, text, value } from '../options/spec.js';
import { monotonicMs } from '../runtime/runtime.js';
import { headEntry } from './head-entry.js';
import { fromOneLine, toOneLine } from './one-line.js';
import type { PolledKey } from './polling.js';
import {
  addressOf,
  type Connection,
  type PostgresClient,
  type Row,
  toConnection,
} from './postgres/client.js';
import { Notifications } from './postgres/notifications.js';
import { payloadIn } from './postgres/payload.js';
import {
  DEFAULT_TABLE,
  type Statements,
  type Steps,
  statementsFor,
} from './postgres/statements.js';
import { type Call, Turns } from './postgres/turns.js';
import { requireRecord } from './record-check.js';
import type { ClaimResult, ListOptions, Store, StoreEntry, StoreRecord } from './store.js';
import { sha1Hex } from './text-digest.js';

export type { PostgresClient } from './postgres/client.js';

const postgresStoreOptions = /* @__PURE__ */ specs(() => ({
  // `toConnection` checks it.
  /** A `Pool` of `pg`, or a PGlite. The program listens for its errors and ends it. */
  pool: required(value<PostgresClient>('a Pool of pg or a PGlite')),
  // `toTableName` checks the rest of it.
  /** The name of the table, with or without a schema before a dot. */
  table: text({ default: DEFAULT_TABLE }),
  /** Whether statements are prepared, once per connection, which takes a server half the time. Behind a pooler that loses prepared statements (PgBouncer before 1.21) the store stops preparing after the first that is lost; `false` saves these attempts. */
  prepare: flag(true),
}));

/** The options of `postgresStore`. */
export interface PostgresStoreOptions extends OptionsOf<typeof postgresStoreOptions> {}

/** A store that can also create its table. */
export interface PostgresStore extends Store {
  /** The SQL that creates the table, for tools that manage the schema. */
  readonly schema: string;
  /** Creates the table unless it exists. */
  migrate(): Promise<void>;
}

/** How often a claim is sent again when other claims of its key interfere. */
const MAX_TRIES = 10;
/** How often the store deletes expired rows, and how many at a time. */
const SWEEP_EVERY_MS = 30_000;
const SWEPT_AT_A_TIME = 1000;
/** Of 8 KB each. */
const SWEPT_BLOCKS = 1024;
const LISTED_AT_A_TIME = 100;

/** The steps of a run. Calls of these that are made at the same time share a statement. */
const STEPS = ['claim', 'renew', 'complete', 'release'] as const;

const SERIALIZATION_FAILURE = '40001';
const UNDEFINED_TABLE = '42P01';
/** An unknown column, one that must not be NULL, and one of another type. */
const OTHER_COLUMNS: ReadonlySet<unknown> = new Set(['42703', '23502', '42804']);
const READ_ONLY = '25006';
/** SQLSTATE of a prepared statement that does not exist, and of one that exists already. */
const FORGOTTEN_STATEMENT: ReadonlySet<unknown> = new Set(['26000', '42P05']);

/**
 * Returns a store in a table of PostgreSQL (12 or newer, or PGlite), for all processes that can
 * reach the server.
 *
 * A claim takes one round trip, and so does every other step. While duplicates wait, all stores on
 * a pool share one connection for `LISTEN`. If the pool cannot spare one (it has fewer than three
 * connections, or all are busy), or if a pooler such as PgBouncer is in front of the server, the
 * store polls instead: every 20 ms to 1 s, with one query for all keys. Expired rows are deleted in
 * the background. If the table does not exist, calls reject with `SAMEKEY_NO_TABLE`.
 *
 * @throws {TypeError} `SAMEKEY_BAD_CLIENT` if `pool` is not a supported client.
 * @throws {TypeError | SyntaxError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type, or an
 * invalid table name.
 * @example
 * import pg from 'pg';
 *
 * const pool = new pg.Pool({ connectionString: 'postgres://localhost/app' });
 * const store = postgresStore({ pool, table: 'orders' });
 * store.name; // 'postgres'
 * store.schema.includes('CREATE TABLE'); // true
 */
export function postgresStore(options: PostgresStoreOptions): PostgresStore {
  const { pool, table, prepare } = readOptions(
    postgresStoreOptions,
    options,
    'options of postgresStore',
  );
  return new Records(pool, toConnection(pool), toTableName(table), prepare);
}

/**
 * Returns the SQL that creates the table of that name; see `postgresStore`.
 *
 * @throws {TypeError | SyntaxError} `SAMEKEY_BAD_ARGUMENT` for an invalid table name.
 * @example
 * import { schemaOf } from 'samekey/store/postgres';
 *
 * schemaOf('orders').includes('CREATE TABLE IF NOT EXISTS "orders"'); // true
 */
export function schemaOf(table = DEFAULT_TABLE): string {
  return statementsFor(toTableName(table)).schema;
}

/** PostgreSQL truncates longer names, so that two tables, or two channels, could become one. */
const LONGEST_NAME = 55;

function toTableName(table: string): string {
  if (/^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?$/.test(table) && table.length <= LONGEST_NAME) return table;
  return fail(
    SyntaxError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot make a PostgreSQL store: table is ${quote(table)}, wanted letters, digits and _, with or without a schema before a dot, at most ${LONGEST_NAME} characters`,
  );
}

class Records implements PostgresStore {
  readonly name = 'postgres';
  readonly schema: string;
  readonly watch: (key: string, notify: () => void) => Promise<() => void>;
  readonly #pool: PostgresClient;
  readonly #table: string;
  readonly #connection: Connection;
  readonly #sql: Statements;
  readonly #notifications: Notifications;
  #isPreparing: boolean;
  /** The names of the prepared statements, by their text. */
  #names: Promise<ReadonlyMap<string, string>> | undefined;
  /** The calls of this turn, by step and by the parameters that all calls of a statement share. */
  readonly #turns = new Map<string, Turns>();
  #sweepAt = monotonicMs() + SWEEP_EVERY_MS;

  constructor(pool: PostgresClient, connection: Connection, table: string, isPreparing: boolean) {
    this.#pool = pool;
    this.#table = table;
    this.#connection = connection;
    this.#sql = statementsFor(table);
    this.schema = this.#sql.schema;
    this.#isPreparing = isPreparing;
    const notifications = new Notifications(connection.listener, table, (keys) => this.#poll(keys));
    this.#notifications = notifications;
    this.watch = async (key, notify) => notifications.watch(key, notify);
  }

  get address(): string | undefined {
    return addressOf(this.#pool);
  }

  async migrate(): Promise<void> {
    await this.#connection.query(this.#sql.migrate);
  }

  async claim(key: string, request: Parameters<Store['claim']>[1]): Promise<ClaimResult> {
    const { owner, leaseMs, ttlMs, fingerprint, takeUnknown, takeFinished } = request;
    const finishedOwner = own(request, 'finishedOwner');
    const values = [
      key,
      toOneLine(owner),
      fingerprint === undefined ? null : toOneLine(fingerprint),
      Math.round(leaseMs),
      Math.round(ttlMs),
      takeUnknown,
      takeFinished,
      finishedOwner === undefined ? null : toOneLine(finishedOwner),
    ];
    this.#sweepNowAndThen();
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      let row: Row | undefined;
      try {
        row = await this.#call('claim', values, CLAIM_COLUMNS);
      } catch (error) {
        // Happens only if the default transaction isolation is stricter than `read committed`.
        if (codeOf(error) !== SERIALIZATION_FAILURE) throw error;
      }
      if (row === undefined) continue;
      return {
        claimed: Number(row.claimed) === 1,
        record: toRecord(row),
        nowMs: Number(row.now_ms),
      };
    }
    throw new Error(
      `Cannot claim ${key}: other claims came in between ${MAX_TRIES} times, wanted a moment without`,
    );
  }

  async renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    const row = await this.#call('renew', [key, toOneLine(owner), Math.round(leaseMs)]);
    return row !== undefined;
  }

  async complete(
    key: string,
    owner: string,
    { state, codec, payload, ttlMs }: Parameters<Store['complete']>[2],
  ): Promise<boolean> {
    const values = [
      key,
      toOneLine(owner),
      state,
      toOneLine(codec),
      // Copied now: it is sent later.
      new Uint8Array(payload),
      Math.round(ttlMs),
      this.#notifications.isWatched(key),
    ];
    return (await this.#call('complete', values)) !== undefined;
  }

  async release(key: string, owner: string): Promise<boolean> {
    const values = [key, toOneLine(owner), this.#notifications.isWatched(key)];
    return (await this.#call('release', values)) !== undefined;
  }

  async read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    const [row] = (await this.#query(this.#sql.read, [key])) as [Row];
    return { record: row.state === null ? undefined : toRecord(row), nowMs: Number(row.now_ms) };
  }

  async evict(key: string): Promise<boolean> {
    return (await this.#query(this.#sql.evict, [key])).length > 0;
  }

  async *list({
    limit = Number.POSITIVE_INFINITY,
    payloads = true,
  }: ListOptions = {}): AsyncGenerator<StoreEntry> {
    const sql = payloads ? this.#sql.list : this.#sql.listHeads;
    let last = '';
    let left = limit;
    while (left > 0) {
      const count = Math.min(left, LISTED_AT_A_TIME);
      const rows = await this.#query(sql, [last, count]);
      for (const row of rows) {
        const key = row.key as string;
        const record = toRecord(row);
        yield payloads ? { key, record } : headEntry(key, record, row.payload_bytes);
      }
      if (rows.length < count) return;
      last = rows.at(-1)?.key as string;
      left -= count;
    }
  }

  async close(): Promise<void> {
    this.#notifications.close();
  }

  async #poll(keys: readonly string[]): Promise<ReadonlyMap<string, PolledKey>> {
    const rows = await this.#connection.query(this.#sql.poll, [keys]);
    const toPolledKey = (row: Row) => ({
      version: String(row.version),
      isLeased: Number(row.is_leased) === 1,
    });
    return new Map(rows.map((row) => [row.key as string, toPolledKey(row)]));
  }

  /** Returns the row of a call, if it succeeded. The first `columnCount` values are its own. */
  #call(
    step: keyof Steps,
    values: readonly unknown[],
    columnCount = values.length,
  ): Promise<Row | undefined> {
    const shared = values.slice(columnCount);
    // Its statement is of no use to other calls.
    if (shared.some((value) => typeof value === 'string')) return this.#callAlone(step, values);
    const name = [step, ...shared].join(' ');
    let turns = this.#turns.get(name);
    if (turns === undefined) {
      const { many } = this.#sql;
      turns = new Turns(
        ({ values }) => this.#callAlone(step, values),
        async (calls) => {
          const columns = toColumns(calls, columnCount);
          const rows = await this.#query(many[step], [...columns, ...shared]);
          const byIndex: (Row | undefined)[] = [];
          for (const row of rows) byIndex[Number(row.n) - 1] = row;
          return byIndex;
        },
      );
      this.#turns.set(name, turns);
    }
    const payload = values[PAYLOAD];
    const byteCount = payload instanceof Uint8Array ? payload.length : 0;
    return turns.send({ key: values[0] as string, values }, byteCount);
  }

  async #callAlone(step: keyof Steps, values: readonly unknown[]): Promise<Row | undefined> {
    return (await this.#query(this.#sql.one[step], values))[0];
  }

  async #query(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    try {
      return await this.#send(text, values);
    } catch (error) {
      if (codeOf(error) === READ_ONLY) {
        // The server calls every statement that begins with WITH a SELECT in its own message.
        const message = `Cannot write to the table ${this.#table}: the server is read-only, as a standby is, wanted the primary`;
        throw Object.assign(new Error(message, { cause: error }), { code: READ_ONLY });
      }
      if (OTHER_COLUMNS.has(codeOf(error))) {
        fail(
          ReferenceError,
          'SAMEKEY_BAD_STATE',
          `Cannot use the table ${this.#table}: its columns are not those of a store (${(error as Error).message}), wanted another table`,
        );
      }
      if (codeOf(error) !== UNDEFINED_TABLE) throw error;
      return fail(
        ReferenceError,
        'SAMEKEY_NO_TABLE',
        `Cannot use the table ${this.#table}: it is not there, wanted migrate(), or what "samekey store sql" prints`,
      );
    }
  }

  async #send(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    if (this.#isPreparing) {
      this.#names ??= namesOf(this.#sql);
      try {
        return await this.#connection.query(text, values, (await this.#names).get(text));
      } catch (error) {
        if (!FORGOTTEN_STATEMENT.has(codeOf(error))) throw error;
        // A pooler sent it to another server connection, which refused it before running it.
        this.#isPreparing = false;
      }
    }
    return this.#connection.query(text, values);
  }

  /** Deletes expired rows beside a claim, which does not wait for it. */
  #sweepNowAndThen(): void {
    if (monotonicMs() < this.#sweepAt) return;
    this.#sweepAt = monotonicMs() + SWEEP_EVERY_MS;
    this.#connection.query(this.#sql.sweep, [SWEPT_BLOCKS, SWEPT_AT_A_TIME]).then(
      (rows) => {
        // There may be more expired rows.
        if (rows.length === SWEPT_AT_A_TIME) this.#sweepAt = 0;
      },
      // The caller's own statement reports a failing server.
      () => {},
    );
  }
}

/** Names statements by their text, because other tables and versions may share the connection. */
async function namesOf({ one, many, read }: Statements): Promise<ReadonlyMap<string, string>> {
  const texts = [
    ['read', read] as const,
    ...STEPS.flatMap((step) => [[step, one[step]] as const, [`${step}s`, many[step]] as const]),
  ];
  const named = texts.map(
    async ([step, text]) => [text, `samekey_${step}_${await sha1Hex(text)}`] as const,
  );
  return new Map(await Promise.all(named));
}

/** Where a completion has its payload, and how many values of a claim are its own. */
const PAYLOAD = 4;
const CLAIM_COLUMNS = 5;

/** Returns the parameters of many calls: an array for each column, and all payloads in one. */
function toColumns(calls: readonly Call[], columnCount: number): unknown[] {
  const columns: unknown[] = Array.from({ length: columnCount }, (_, column) =>
    calls.map(({ values }) => values[column]),
  );
  const payloads = columns[PAYLOAD] as readonly unknown[] | undefined;
  if (!payloads?.every((payload) => payload instanceof Uint8Array)) return columns;
  const ends: number[] = [];
  let byteCount = 0;
  for (const { length } of payloads) {
    byteCount += length;
    ends.push(byteCount);
  }
  const bytes = new Uint8Array(byteCount);
  const starts = payloads.map(({ length }, index) => (ends[index] as number) - length);
  for (const [index, payload] of payloads.entries()) bytes.set(payload, starts[index]);
  columns[PAYLOAD] = bytes;
  const lengths = payloads.map(({ length }) => length);
  return [...columns, starts.map((start) => start + 1), lengths];
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}

function toRecord(row: Row): StoreRecord {
  const record = {
    state: row.state as StoreRecord['state'],
    owner: fromOneLine(row.owner as string),
    fencingToken: Number(row.fencing_token),
    attempt: Number(row.attempt),
    fingerprint: textIn(row.fingerprint),
    claimedAtMs: Number(row.claimed_at_ms),
    leaseEndsAtMs: Number(row.lease_ends_at_ms),
    expiresAtMs: Number(row.expires_at_ms),
    finishedAtMs: row.finished_at_ms === null ? undefined : Number(row.finished_at_ms),
    codec: textIn(row.codec),
    payload: payloadIn(row.payload),
  };
  return requireRecord(record, 'PostgreSQL');
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? fromOneLine(value) : undefined;
}
