import { fail, quote } from '../errors/errors.js';
import { own } from '../options/own.js';
import { readOptions } from '../options/read.js';
import { type OptionsOf, specs, text, value } from '../options/spec.js';
import { isBoundToRequest } from '../runtime/runtime.js';
import { headEntry } from './head-entry.js';
import { fromOneLine, toOneLine } from './one-line.js';
import { type PolledKey, Polling } from './polling.js';
import { requireRecord } from './record-check.js';
import { type Connection, connectionOf } from './sqlite/connection.js';
import {
  type Driver,
  fileOf,
  isRemote,
  type Row,
  type SqliteDatabase,
  type Statement,
  toDriver,
} from './sqlite/driver.js';
import { cannotOpen, isBusy, toStoreError } from './sqlite/faults.js';
import { openFile } from './sqlite/open-file.js';
import { DEFAULT_TABLE, type Statements, statementsFor } from './sqlite/statements.js';
import { Sweep } from './sqlite/sweep.js';
import type { ClaimResult, ListOptions, Store, StoreEntry, StoreRecord } from './store.js';
import * as transition from './transition.js';

export type { SqliteDatabase } from './sqlite/driver.js';

const sqliteStoreOptions = /* @__PURE__ */ specs(() => ({
  /** The file of the database, on a disk of this machine, opened with the SQLite of Node.js (22.13 or newer), Bun or Deno. It is made if it does not exist. */
  path: value<string>('the name of a file', (given) =>
    typeof given === 'string' && given !== '' ? undefined : [TypeError],
  ),
  // `toDriver` checks the rest of it.
  /** Instead of `path`: an open database of `node:sqlite`, `bun:sqlite`, `better-sqlite3`, `libsql` or Cloudflare D1, or a client of `@libsql/client`. The program closes it. */
  database: value<SqliteDatabase>('a database of SQLite', (given) =>
    typeof given === 'object' && given !== null ? undefined : [TypeError],
  ),
  // `toTableName` checks the rest of it.
  /** The name of the table. It is made if it does not exist. */
  table: text({ default: DEFAULT_TABLE }),
}));

/** The options of `sqliteStore`. */
export interface SqliteStoreOptions extends OptionsOf<typeof sqliteStoreOptions> {}

/** A store that knows how its table is made. */
export interface SqliteStore extends Store {
  /** The SQL that creates the table, for tools that manage the schema. */
  readonly schema: string;
}

/** How often a claim is sent again when other claims of its key interfere. */
const MAX_TRIES = 10;
const LISTED_AT_A_TIME = 100;
/** A poll of a database in this process takes some 20 µs, one of a server a round trip. */
const LOCAL_PACE = { firstMs: 10, lastMs: 40 };
const REMOTE_PACE = { firstMs: 20, lastMs: 1000 };

/**
 * Returns a store in a table of SQLite: in a file that the processes of one machine share, without
 * any package to install, or in Turso or Cloudflare D1.
 *
 * Each change of a record is one statement. A file that the store opens itself is in WAL mode, and
 * an acknowledged write is on its disk. Waiting duplicates poll, with one statement for all keys.
 * The table is created at the first use; expired rows are deleted in the background.
 *
 * @throws {TypeError} `SAMEKEY_BAD_CLIENT` if `database` is not a supported one.
 * @throws {TypeError | SyntaxError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type, or an
 * invalid table name.
 * @throws {Error} `SAMEKEY_STORE` if the file cannot be opened.
 * @example
 * import Database from 'libsql'; // or from 'better-sqlite3'
 *
 * const store = sqliteStore({ database: new Database(':memory:') });
 * store.name; // 'sqlite'
 * (await store.read('key')).record; // undefined
 */
export function sqliteStore(options: SqliteStoreOptions): SqliteStore {
  const { path, database, table } = readOptions(
    sqliteStoreOptions,
    options,
    'options of sqliteStore',
  );
  const statements = statementsFor(toTableName(table));
  if ((path === undefined) === (database === undefined)) {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot make a SQLite store: ${path === undefined ? 'neither path nor database is' : 'path and database are both'} given, wanted one of them`,
    );
  }
  if (path === undefined) return new Records(toDriver(database), table, statements, undefined);
  const driver = openFile(path);
  return new Records(driver, table, statements, path);
}

/**
 * Returns the SQL that creates the table of `sqliteStore`, for tools that manage the schema.
 *
 * @throws {SyntaxError} `SAMEKEY_BAD_ARGUMENT` for an invalid table name.
 * @example
 * import { schemaOf } from 'samekey/store/sqlite';
 *
 * schemaOf('orders').includes('CREATE TABLE IF NOT EXISTS "orders"'); // true
 */
export function schemaOf(table = DEFAULT_TABLE): string {
  return `${statementsFor(toTableName(table)).schema};\n`;
}

function toTableName(table: string): string {
  if (/^[A-Za-z_]\w*$/.test(table) && !/^sqlite_/i.test(table)) return table;
  return fail(
    SyntaxError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot make a SQLite store: table is ${quote(table)}, wanted letters, digits and _, not beginning with a digit or sqlite_`,
  );
}

class Records implements SqliteStore {
  readonly name = 'sqlite';
  readonly schema: string;
  /** Where timers belong to a request, each waiting caller polls for itself. */
  readonly watch?: (key: string, notify: () => void) => Promise<() => void>;
  readonly #path: string | undefined;
  readonly #table: string;
  readonly #sql: Statements;
  readonly #driver: Driver;
  readonly #connection: Connection;
  readonly #polling: Polling;
  readonly #sweep: Sweep;
  /** Closes the file that this store has opened itself. */
  readonly #closeFile: (() => void) | undefined;
  #isReady = false;
  #preparation: Promise<void> | undefined;
  #isClosed = false;

  constructor(driver: Driver, table: string, statements: Statements, path: string | undefined) {
    this.#path = path;
    this.#table = table;
    this.#sql = statements;
    this.schema = schemaOf(table);
    this.#driver = driver;
    this.#connection = connectionOf(driver);
    const polling = new Polling(isRemote(driver) ? REMOTE_PACE : LOCAL_PACE, (keys) =>
      this.#poll(keys),
    );
    this.#polling = polling;
    this.#sweep = new Sweep(this.#connection, statements);
    if (!isBoundToRequest()) {
      this.watch = async (key, notify) => {
        this.#requireOpen('watch', key);
        return polling.watch(key, notify);
      };
    }
    if (path === undefined || isRemote(driver)) return;
    this.#closeFile = () => driver.close();
    try {
      driver.exec(statements.schema);
      this.#requireOwnTable(driver.all(statements.stored, []));
      this.#isReady = true;
    } catch (error) {
      // The first use tries again.
      if (isBusy(error)) return;
      driver.close();
      throw (error as { code?: unknown }).code === 'SAMEKEY_BAD_STATE'
        ? error
        : cannotOpen(path, error);
    }
  }

  get address(): string | undefined {
    return this.#path ?? fileOf(this.#driver);
  }

  async claim(key: string, request: Parameters<Store['claim']>[1]): Promise<ClaimResult> {
    const { owner, leaseMs, ttlMs, fingerprint, takeUnknown, takeFinished } = request;
    const values = [
      toOneLine(key),
      toOneLine(owner),
      fingerprint === undefined ? null : toOneLine(fingerprint),
      Math.round(leaseMs),
      Math.round(ttlMs),
    ];
    const finishedOwner = takeFinished ? own(request, 'finishedOwner') : undefined;
    const claim = {
      sql: this.#sql.claim(takeUnknown, takeFinished, finishedOwner !== undefined),
      values: finishedOwner === undefined ? values : [...values, toOneLine(finishedOwner)],
    };
    const read = { sql: this.#sql.read, values: values.slice(0, 1) };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      let row: Row;
      if (isRemote(this.#driver)) {
        // In one round trip.
        const [granted, [found]] = (await this.#run('claim', key, (to) =>
          to.batch([claim, read]),
        )) as [readonly Row[], [Row]];
        row = granted[0] ?? found;
      } else {
        // A refused claim, as that of every replay, takes no lock.
        [row] = (await this.#run('claim', key, (to) => to.read(read.sql, read.values))) as [Row];
        if (isClaimable(row, request)) {
          const [granted] = await this.#run('claim', key, (to) =>
            to.write(claim.sql, claim.values),
          );
          if (granted === undefined) continue;
          row = granted;
        }
      }
      const record = toRecord(row);
      // Its time has come between the two statements.
      if (record === undefined || (record.owner !== owner && isClaimable(row, request))) continue;
      const claimed = record.owner === owner && record.state === 'running';
      if (claimed) this.#sweep.afterClaim();
      return { claimed, record, nowMs: Number(row.now_ms) };
    }
    throw new Error(
      `Cannot claim ${key}: other claims came in between ${MAX_TRIES} times, wanted a moment without`,
    );
  }

  renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    const values = [toOneLine(key), toOneLine(owner), Math.round(leaseMs)];
    return this.#change('renew', key, this.#sql.renew, values, leaseMs === 0);
  }

  complete(
    key: string,
    owner: string,
    { state, codec, payload, ttlMs }: Parameters<Store['complete']>[2],
  ): Promise<boolean> {
    const values = [
      toOneLine(key),
      toOneLine(owner),
      state,
      toOneLine(codec),
      // Copied now: it is sent later.
      new Uint8Array(payload),
      Math.round(ttlMs),
    ];
    return this.#change('complete', key, this.#sql.complete, values);
  }

  release(key: string, owner: string): Promise<boolean> {
    return this.#change('release', key, this.#sql.release, [toOneLine(key), toOneLine(owner)]);
  }

  evict(key: string): Promise<boolean> {
    return this.#change('evict', key, this.#sql.evict, [toOneLine(key)]);
  }

  async read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    const [row] = (await this.#run('read', key, (to) =>
      to.read(this.#sql.read, [toOneLine(key)]),
    )) as [Row];
    const nowMs = Number(row.now_ms);
    return { record: transition.unexpired(toRecord(row), nowMs), nowMs };
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
      const rows = await this.#run('list', 'the records', (to) => to.read(sql, [last, count]));
      for (const row of rows) {
        const key = fromOneLine(row.key as string);
        const record = toRecord(row) as StoreRecord;
        yield payloads ? { key, record } : headEntry(key, record, row.payload_bytes);
      }
      if (rows.length < count) return;
      last = rows.at(-1)?.key as string;
      left -= count;
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#polling.close();
    this.#closeFile?.();
  }

  async #change(
    action: string,
    key: string,
    sql: string,
    values: readonly unknown[],
    isNotified = true,
  ): Promise<boolean> {
    const rows = await this.#run(action, key, (to) => to.write(sql, values));
    if (rows.length === 0) return false;
    if (isNotified) this.#polling.notify(key);
    return true;
  }

  async #poll(keys: readonly string[]): Promise<ReadonlyMap<string, PolledKey>> {
    const listed = JSON.stringify(keys.map(toOneLine));
    const rows = await this.#connection.read(this.#sql.poll, [listed]);
    return new Map(
      rows.map(({ key, version, is_leased }) => [
        fromOneLine(key as string),
        { version: String(version), isLeased: Number(is_leased) === 1 },
      ]),
    );
  }

  /** Runs statements on the table, which it creates before the first. */
  async #run<T>(
    action: string,
    key: string,
    send: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    this.#requireOpen(action, key);
    try {
      if (!this.#isReady) await this.#prepare();
      return await send(this.#connection);
    } catch (error) {
      if (this.#isClosed) this.#requireOpen(action, key);
      throw isOwnError(error) ? error : toStoreError(error, this.#table);
    }
  }

  #prepare(): Promise<void> {
    // Where promises belong to a request, no other request may wait for this one.
    if (isBoundToRequest()) return this.#createTable();
    this.#preparation ??= this.#createTable().finally(() => {
      this.#preparation = undefined;
    });
    return this.#preparation;
  }

  async #createTable(): Promise<void> {
    const { schema, stored } = this.#sql;
    const create: Statement = { sql: schema, values: [] };
    const find: Statement = { sql: stored, values: [] };
    let found: readonly Row[] | undefined;
    if (!isRemote(this.#driver)) {
      // Where the database is read-only, records that exist can be read.
      found = await this.#connection.read(find.sql, []);
    }
    if (!found?.length) [, found] = await this.#connection.batch([create, find]);
    this.#requireOwnTable(found ?? []);
    this.#isReady = true;
  }

  /** Another table of that name could hold two records of a key. */
  #requireOwnTable([found]: readonly Row[]): void {
    if (found !== undefined && normalized(String(found.sql)) === normalized(this.#sql.schema))
      return;
    const kind =
      found?.type === 'table'
        ? 'a table of another program or another version'
        : `a ${found?.type}`;
    fail(
      ReferenceError,
      'SAMEKEY_BAD_STATE',
      `Cannot use the table ${this.#table}: it is ${kind}, wanted one that this version of samekey made, or another name in the option table`,
    );
  }

  #requireOpen(action: string, key: string): void {
    if (this.#isClosed) {
      fail(Error, 'SAMEKEY_CLOSED', `Cannot ${action} ${key}: the SQLite store was closed`);
    }
  }
}

const isOwnError = (error: unknown) =>
  String((error as { code?: unknown } | undefined)?.code).startsWith('SAMEKEY_');

/** SQLite stores the text of the statement without `IF NOT EXISTS`. */
const normalized = (sql: string) =>
  sql
    .replace(' IF NOT EXISTS', '')
    .split(/[\s;]+/)
    .join(' ')
    .trim();

/** Whether a claim may replace the record in the row. */
function isClaimable(row: Row, request: Parameters<Store['claim']>[1]): boolean {
  const record = toRecord(row);
  const granted = transition.claimed(record, request, Number(row.now_ms));
  return granted !== undefined && granted !== record;
}

/** Returns the record in a row, expired or not. */
function toRecord(row: Row): StoreRecord | undefined {
  if (row.state === null || row.state === 'gone') return undefined;
  const state = row.state as StoreRecord['state'];
  const record = {
    state,
    owner: fromOneLine(row.owner as string),
    fencingToken: Number(row.fencing_token),
    attempt: Number(row.attempt),
    fingerprint: textIn(row.fingerprint),
    claimedAtMs: Number(row.claimed_at_ms),
    leaseEndsAtMs: Number(row.lease_ends_at_ms),
    expiresAtMs: Number(row.expires_at_ms),
    finishedAtMs: row.finished_at_ms === null ? undefined : Number(row.finished_at_ms),
    codec: textIn(row.codec),
    // A copy. Some drivers give an array of numbers, and one without any may give null.
    payload: state === 'running' ? undefined : new Uint8Array((row.payload ?? []) as ArrayBuffer),
  };
  return requireRecord(record, 'SQLite');
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? fromOneLine(value) : undefined;
}
