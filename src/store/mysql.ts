import { fail, nameOf, quote } from '../errors/errors.js';
import { readOptions } from '../options/read.js';
import { type OptionsOf, required, specs, text, value } from '../options/spec.js';
import { monotonicMs } from '../runtime/runtime.js';
import { headEntry } from './head-entry.js';
import {
  addressOf,
  type Connection,
  type MysqlClient,
  type Row,
  toBuffer,
  toConnection,
} from './mysql/client.js';
import { ServerErrors } from './mysql/errors.js';
import { formerJson, isState, parseFormer, refuseRecord } from './mysql/former.js';
import {
  DEFAULT_TABLE,
  LISTED_AT_A_TIME,
  LONGEST,
  literalOf,
  type Statements,
  SWEPT_AT_A_TIME,
  statementsFor,
} from './mysql/statements.js';
import { fromOneLine, toOneLine } from './one-line.js';
import { Notifications, type PolledKey } from './postgres/notifications.js';
import type {
  ClaimRequest,
  ClaimResult,
  Completion,
  ListOptions,
  Store,
  StoreEntry,
  StoreRecord,
} from './store.js';
import {
  claimed,
  formerFinished,
  formerOf,
  isReleasable,
  restored,
  type StoredRecord,
  unexpired,
  withoutFormer,
} from './transition.js';

export type { MysqlClient } from './mysql/client.js';

const mysqlStoreOptions = /* @__PURE__ */ specs(() => ({
  // `toConnection` checks it.
  /** A pool of `mysql2`, with or without promises. The program ends it. */
  pool: required(value<MysqlClient>('a pool of mysql2')),
  // `toTableName` checks the rest of it.
  /** The name of the table, with or without a database before a dot. */
  table: text({ default: DEFAULT_TABLE }),
}));

/** The options of `mysqlStore`. */
export interface MysqlStoreOptions extends OptionsOf<typeof mysqlStoreOptions> {}

/** A store that can also create its table. */
export interface MysqlStore extends Store {
  /** The SQL that creates the table, for tools that manage the schema. */
  readonly schema: string;
  /** Creates the table unless it exists. */
  migrate(): Promise<void>;
}

/** How often a claim or a release is decided again because another call has changed the record. */
const MAX_TRIES = 10;
/** How often the store deletes expired rows. */
const SWEEP_EVERY_MS = 30_000;
const POLLED_AT_A_TIME = 500;
/** The bytes of a statement and its texts beside the payload, and some to spare. */
const LONGEST_REST = 8192;

/**
 * Returns a store in a table of MariaDB or MySQL (InnoDB), for all processes that can reach the
 * server.
 *
 * A replay and a refused claim take one round trip, a granted claim two, every other step one.
 * Every decision is a compare-and-set on the server, by the clock of the server. Waiting duplicates
 * poll: every 20 ms to 1 s, with one query for all keys. Expired rows are deleted in the background.
 * If the table does not exist, calls reject with `SAMEKEY_NO_TABLE`.
 *
 * @throws {TypeError} `SAMEKEY_BAD_CLIENT` if `pool` is not a pool of `mysql2`.
 * @throws {TypeError | SyntaxError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type, or an
 * invalid table name.
 * @example
 * import { createPool } from 'mysql2/promise';
 *
 * const pool = createPool('mysql://localhost/app');
 * const store = mysqlStore({ pool, table: 'orders' });
 * store.name; // 'mysql'
 * store.schema.includes('CREATE TABLE'); // true
 */
export function mysqlStore(options: MysqlStoreOptions): MysqlStore {
  const { pool, table } = readOptions(mysqlStoreOptions, options, 'options of mysqlStore');
  return new Records(toConnection(pool), toTableName(table), addressOf(pool));
}

/**
 * Returns the SQL that creates the table of `mysqlStore`, for tools that manage the schema.
 *
 * @throws {SyntaxError} `SAMEKEY_BAD_ARGUMENT` for an invalid table name.
 * @example
 * import { schemaOf } from 'samekey/store/mysql';
 *
 * schemaOf('orders').includes('CREATE TABLE IF NOT EXISTS `orders`'); // true
 */
export function schemaOf(table = DEFAULT_TABLE): string {
  return statementsFor(toTableName(table)).schema;
}

function toTableName(table: string): string {
  if (/^[A-Za-z_]\w{0,63}(?:\.[A-Za-z_]\w{0,63})?$/.test(table)) return table;
  return fail(
    SyntaxError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot make a MySQL store: table is ${quote(table)}, wanted letters, digits and _, with or without a database before a dot, at most 64 characters each`,
  );
}

class Records implements MysqlStore {
  readonly name = 'mysql';
  readonly address: string | undefined;
  readonly schema: string;
  readonly watch: (key: string, notify: () => void) => Promise<() => void>;
  readonly #connection: Connection;
  readonly #sql: Statements;
  readonly #errors: ServerErrors;
  readonly #notifications: Notifications;
  /** `max_allowed_packet` of the server, once it is known. */
  #longestPacket: number | undefined;
  #sweepAt = monotonicMs() + SWEEP_EVERY_MS;

  constructor(connection: Connection, table: string, address: string | undefined) {
    this.address = address;
    this.#connection = connection;
    this.#sql = statementsFor(table);
    this.schema = this.#sql.schema;
    this.#errors = new ServerErrors(table);
    const notifications = new Notifications(undefined, table, (keys) => this.#poll(keys));
    this.#notifications = notifications;
    this.watch = async (key, notify) => notifications.watch(key, notify);
  }

  async migrate(): Promise<void> {
    await this.#connection.run(this.schema);
  }

  async claim(key: string, request: ClaimRequest): Promise<ClaimResult> {
    this.#sweepNowAndThen();
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { record: old, nowMs } = await this.#readStored(key);
      const next = claimed(old, request, nowMs);
      if (old !== undefined && (next === undefined || next === old)) {
        return { claimed: next === old, record: withoutFormer(old), nowMs };
      }
      const us = await this.#write(key, request, old, next as StoredRecord);
      if (us === 0) continue;
      return { claimed: true, ...writtenAt(us, request, old, next as StoredRecord) };
    }
    return tooBusy(`claim ${key}`);
  }

  async renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    const ms = Math.round(leaseMs);
    const values = [ms, ms, keyBytes(key), ownerBytes(owner)];
    return (await this.#change(this.#sql.renew, values)).insertId !== 0;
  }

  async complete(
    key: string,
    owner: string,
    { state, codec, payload, ttlMs }: Completion,
  ): Promise<boolean> {
    const values = [
      Math.round(ttlMs),
      toBuffer(state),
      bytesOf('codec', codec),
      // Copied now: it is sent later.
      toBuffer(payload),
      keyBytes(key),
      ownerBytes(owner),
    ];
    const byteCount = payload.length;
    // A claim has asked, unless another process made it.
    if (this.#longestPacket === undefined) await this.#readStored(key);
    if (byteCount + LONGEST_REST > (this.#longestPacket as number)) this.#refuseSize(byteCount);
    const { insertId } = await this.#change(this.#sql.complete, values).catch((error) => {
      if (this.#errors.isTooLarge(error)) this.#refuseSize(byteCount);
      throw error;
    });
    if (insertId !== 0) return true;
    // The same outcome may have been sent before.
    const { record } = await this.read(key);
    return record?.owner === owner && record.state !== 'running';
  }

  async release(key: string, owner: string): Promise<boolean> {
    const own = [keyBytes(key), ownerBytes(owner)];
    if ((await this.#change(this.#sql.discard, own)).affectedRows > 0) return true;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { record: old, nowMs } = await this.#readStored(key);
      if (old === undefined || !isReleasable(old, owner, nowMs)) return false;
      const next = restored(old, nowMs);
      const { affectedRows, insertId } =
        next === undefined
          ? await this.#change(this.#sql.drop, sameAs(key, old))
          : await this.#change(this.#sql.restore, [
              ...descriptionOf(next),
              next.claimedAtMs,
              next.leaseEndsAtMs,
              next.expiresAtMs,
              toBuffer(next.state),
              ...sameAs(key, old),
            ]);
      if (affectedRows > 0 || insertId !== 0) return true;
    }
    return tooBusy(`release ${key}`);
  }

  async read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    const { record, nowMs } = await this.#readStored(key);
    const current = unexpired(record, nowMs);
    return { record: current && withoutFormer(current), nowMs };
  }

  async evict(key: string): Promise<boolean> {
    return (await this.#change(this.#sql.evict, [keyBytes(key)])).affectedRows > 0;
  }

  async *list({
    limit = Number.POSITIVE_INFINITY,
    payloads = true,
  }: ListOptions = {}): AsyncGenerator<StoreEntry> {
    const sql = payloads ? this.#sql.list : this.#sql.listHeads;
    let last: Uint8Array = toBuffer('');
    let left = limit;
    while (left > 0) {
      const rows = await this.#errors.around(() => this.#connection.read(sql, [last]));
      for (const row of rows) {
        if (left-- <= 0) return;
        const key = textIn(row.key);
        const record = withoutFormer(toStored(row));
        yield payloads ? { key, record } : headEntry(key, record, row.payload_bytes);
      }
      if (rows.length < LISTED_AT_A_TIME) return;
      last = toBuffer(rows.at(-1)?.key as Uint8Array);
    }
  }

  async close(): Promise<void> {
    this.#notifications.close();
  }

  /** Writes the record of a granted claim. Returns when, or 0 if the old one has changed. */
  async #write(
    key: string,
    { owner, leaseMs, ttlMs, fingerprint }: ClaimRequest,
    old: StoredRecord | undefined,
    next: StoredRecord,
  ): Promise<number> {
    const times = [Math.round(leaseMs), Math.round(Math.max(leaseMs, ttlMs))];
    if (old !== undefined) {
      const { insertId } = await this.#change(this.#sql.take, [
        ...descriptionOf(next),
        ...times,
        formerOf(next)?.expiresAtMs ?? 0,
        ...sameAs(key, old),
      ]);
      return insertId;
    }
    const values = [keyBytes(key), ownerBytes(owner), fingerprintBytes(fingerprint), ...times];
    try {
      return (await this.#change(this.#sql.insert, values)).insertId;
    } catch (error) {
      if (this.#errors.isDuplicate(error)) return 0;
      throw error;
    }
  }

  async #readStored(key: string): Promise<{ record: StoredRecord | undefined; nowMs: number }> {
    const bytes = keyBytes(key);
    const rows = await this.#errors.around(() => this.#connection.read(this.#sql.read, [bytes]));
    const [row] = rows;
    if (rows.length > 1 || row === undefined) refuseRecord(`is one of ${rows.length}`);
    this.#longestPacket = Number(row.longest_packet);
    if (Number(row.is_committing) !== 1) {
      fail(
        TypeError,
        'SAMEKEY_BAD_CLIENT',
        'Cannot use this pool: its connections do not commit each statement, wanted autocommit = 1',
      );
    }
    const nowMs = Math.floor(Number(row.now_us) / 1000);
    if (row.key === null) return { record: undefined, nowMs };
    if (textIn(row.key) !== key)
      refuseRecord('has another key, as a column with a collation finds');
    return { record: toStored(row), nowMs };
  }

  #change(sql: string, values: readonly (Uint8Array | number | null)[]) {
    return this.#errors.around(() => this.#connection.write(sql, values));
  }

  async #poll(keys: readonly string[]): Promise<ReadonlyMap<string, PolledKey>> {
    const polled = new Map<string, PolledKey>();
    for (let start = 0; start < keys.length; start += POLLED_AT_A_TIME) {
      const some = keys
        .slice(start, start + POLLED_AT_A_TIME)
        .map((key) => literalOf(keyBytes(key)));
      const rows = (await this.#connection.run(this.#sql.poll(some))) as readonly Row[];
      for (const row of rows) {
        const isLeased = Number(row.is_leased) === 1;
        const version = [textIn(row.state), isLeased, textIn(row.owner)].join(' ');
        polled.set(textIn(row.key), { version, isLeased });
      }
    }
    return polled;
  }

  #refuseSize(byteCount: number): never {
    return fail(
      RangeError,
      'SAMEKEY_STORE_FULL',
      `Cannot store a result in MySQL: it takes ${byteCount} bytes, wanted less than the server's max_allowed_packet of ${this.#longestPacket} bytes`,
    );
  }

  /** Deletes expired rows beside a claim, which does not wait for it. */
  #sweepNowAndThen(): void {
    if (monotonicMs() < this.#sweepAt) return;
    this.#sweepAt = monotonicMs() + SWEEP_EVERY_MS;
    this.#sweep().then(
      (count) => {
        // There may be more expired rows.
        if (count === SWEPT_AT_A_TIME) this.#sweepAt = 0;
      },
      // The caller's own statement reports a failing server.
      () => {},
    );
  }

  async #sweep(): Promise<number> {
    const rows = await this.#connection.read(this.#sql.expired, []);
    const keys = rows.map((row) => literalOf(row.key as Uint8Array));
    if (keys.length > 0) await this.#connection.run(this.#sql.sweep(keys));
    return keys.length;
  }
}

function tooBusy(what: string): never {
  throw new Error(
    `Cannot ${what}: other calls came in between ${MAX_TRIES} times, wanted a moment without`,
  );
}

/** The record of a granted claim, with the times of its write. */
function writtenAt(
  us: number,
  { leaseMs, ttlMs }: ClaimRequest,
  old: StoredRecord | undefined,
  next: StoredRecord,
): { record: StoreRecord; nowMs: number } {
  const nowMs = Math.floor(us / 1000);
  const record = {
    ...withoutFormer(next),
    fencingToken: Math.max(us, (old?.fencingToken ?? 0) + 1),
    claimedAtMs: nowMs,
    leaseEndsAtMs: nowMs + Math.round(leaseMs),
    expiresAtMs: Math.max(
      nowMs + Math.round(Math.max(leaseMs, ttlMs)),
      formerOf(next)?.expiresAtMs ?? 0,
    ),
  };
  return { record, nowMs };
}

/** Returns a text as bytes. Cut-off keys could be the same, and a server may cut them off. */
function bytesOf(column: keyof typeof LONGEST, content: string): Uint8Array {
  const bytes = toBuffer(toOneLine(content));
  if (bytes.length <= LONGEST[column]) return bytes;
  return fail(
    RangeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot store the ${column} ${quote(content)} in MySQL: it takes ${bytes.length} bytes, wanted at most ${LONGEST[column]}`,
  );
}
const keyBytes = (key: string) => bytesOf('key', key);
const ownerBytes = (owner: string) => bytesOf('owner', owner);
const fingerprintBytes = (fingerprint: string | undefined) =>
  fingerprint === undefined ? null : bytesOf('fingerprint', fingerprint);

/** The parameters that identify the record that was read. */
const sameAs = (key: string, old: StoredRecord) => [
  keyBytes(key),
  ownerBytes(old.owner),
  toBuffer(old.state),
  old.fencingToken,
  old.leaseEndsAtMs,
  old.expiresAtMs,
];

/** The parameters of a written record beside its times. */
function descriptionOf(record: StoredRecord) {
  const { owner, attempt, fingerprint, state } = record;
  const text = formerJson(formerOf(record));
  const hasResult = state !== 'running' || formerFinished(record) !== undefined ? 1 : 0;
  return [
    ownerBytes(owner),
    attempt,
    fingerprintBytes(fingerprint),
    text === undefined ? null : toBuffer(text),
    ...[hasResult, hasResult, hasResult],
  ];
}

function toStored(row: Row): StoredRecord {
  const state = textIn(row.state);
  if (!isState(state)) return refuseRecord(`has the state ${quote(state)}`);
  const isRunning = state === 'running';
  const fencingToken = Number(row.fencing_token);
  const record = {
    state,
    owner: textIn(row.owner),
    fencingToken,
    attempt: Number(row.attempt),
    fingerprint: row.fingerprint === null ? undefined : textIn(row.fingerprint),
    claimedAtMs: Number(row.claimed_at_ms),
    leaseEndsAtMs: Number(row.lease_ends_at_ms),
    expiresAtMs: Number(row.expires_at_ms),
    finishedAtMs: isRunning ? undefined : Number(row.finished_at_ms),
    codec: isRunning ? undefined : textIn(row.codec),
    // A copy, because the client's buffer may be a slice of a much larger one.
    payload: isRunning ? undefined : new Uint8Array(bytesIn(row.payload)),
  };
  if (row.former === null) return record;
  return { ...record, former: parseFormer(decoder.decode(bytesIn(row.former)), fencingToken) };
}

const decoder = /* @__PURE__ */ new TextDecoder('utf-8', { ignoreBOM: true });

const textIn = (value: unknown): string => fromOneLine(decoder.decode(bytesIn(value)));

function bytesIn(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return refuseRecord(`has ${nameOf(value)} for bytes`);
}
