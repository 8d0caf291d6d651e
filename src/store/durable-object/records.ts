import { fail } from '../../errors/errors.js';
import { toOneLine } from '../one-line.js';
import type { StoredRecord } from '../transition.js';
import { formerOf } from '../transition.js';
import { fromHead, toHead } from './frame.js';
import type { ObjectState, SqlValue } from './platform.js';

/**
 * A new record is one row written without a rowid and two with it, and Durable Objects bill most for
 * rows written. There is no index on `kept_until` for the same reason: the alarm reads
 * the whole table instead.
 */
const CREATE = `
CREATE TABLE IF NOT EXISTS samekey_records (
  key TEXT NOT NULL PRIMARY KEY,
  head TEXT NOT NULL,
  kept_until INTEGER NOT NULL,
  parts INTEGER NOT NULL DEFAULT 0,
  payload BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samekey_parts (
  key TEXT NOT NULL,
  part INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (key, part)
) WITHOUT ROWID`;

/**
 * A row of a Durable Object has at most 2 MB. The rest of a larger payload is in `samekey_parts`.
 */
const PART_BYTES = 1.5 * 1024 * 1024;
/** The whole object has 128 MB of memory, and holds a payload twice while it answers. */
const MAX_PAYLOAD_BYTES = 32 * 1024 * 1024;

/** How long an expired record keeps its fencing token, in case the clock is set back. */
const TOKEN_KEPT_MS = 60 * 60 * 1000;
/** How many rows one alarm deletes. */
const SWEPT_PER_ALARM = 1000;

/** The records of one object. Every step is synchronous, so that no other request comes between. */
export class Records {
  readonly #storage: ObjectState['storage'];
  #isOpen = false;

  constructor(storage: ObjectState['storage']) {
    this.#storage = storage;
  }

  /** Returns the stored record without its payload, expired or not. */
  get(key: string): StoredRecord | undefined {
    const [row] = this.#run('SELECT head FROM samekey_records WHERE key = ?', toOneLine(key));
    return row && toRecord(row.head);
  }

  payloadOf(key: string): Uint8Array {
    const textKey = toOneLine(key);
    const [row] = this.#run('SELECT parts, payload FROM samekey_records WHERE key = ?', textKey);
    const first = toBytes(row?.payload);
    if (!row?.parts) return first;
    const rest = this.#run('SELECT bytes FROM samekey_parts WHERE key = ? ORDER BY part', textKey);
    const parts = [first, ...rest.map(({ bytes }) => toBytes(bytes))];
    const payload = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      payload.set(part, at);
      at += part.length;
    }
    return payload;
  }

  /** Writes a record. `payload` is that of a record which has just finished. */
  set(key: string, isNew: boolean, record: StoredRecord, payload?: Uint8Array): void {
    const head = JSON.stringify(toHead(record));
    const keptUntilMs = record.expiresAtMs + TOKEN_KEPT_MS;
    const textKey = toOneLine(key);
    if (isNew) {
      this.#run(
        'INSERT INTO samekey_records (key, head, kept_until) VALUES (?, ?, ?)',
        textKey,
        head,
        keptUntilMs,
      );
    } else if (payload === undefined && hasFinished(record)) {
      this.#run(
        'UPDATE samekey_records SET head = ?, kept_until = ? WHERE key = ?',
        head,
        keptUntilMs,
        textKey,
      );
    } else {
      this.#setPayload(textKey, head, keptUntilMs, payload);
    }
  }

  /** Replaces a record by what remains of a deleted one: its fencing token. */
  delete(key: string, record: StoredRecord, nowMs: number): void {
    const { former: _, ...visible } = record;
    const head = JSON.stringify(toHead({ ...visible, finishedAtMs: nowMs, expiresAtMs: 0 }));
    this.#setPayload(toOneLine(key), head, nowMs + TOKEN_KEPT_MS, undefined);
  }

  /** Returns the heads after a key, in the order of the keys. */
  page(after: string | null, limit: number): { textKey: string; record: StoredRecord }[] {
    const rows =
      after === null
        ? this.#run('SELECT key, head FROM samekey_records ORDER BY key LIMIT ?', limit)
        : this.#run(
            'SELECT key, head FROM samekey_records WHERE key > ? ORDER BY key LIMIT ?',
            after,
            limit,
          );
    return rows.map(({ key, head }) => ({ textKey: String(key), record: toRecord(head) }));
  }

  /** Deletes rows that are not needed. Returns when the next row can be deleted, if any is left. */
  sweep(nowMs: number): number | undefined {
    return this.#storage.transactionSync(() => {
      const deleted = this.#run(
        'DELETE FROM samekey_records WHERE key IN (SELECT key FROM samekey_records WHERE kept_until <= ? LIMIT ?) RETURNING key, parts',
        nowMs,
        SWEPT_PER_ALARM,
      );
      for (const { key, parts } of deleted) {
        if (parts) this.#run('DELETE FROM samekey_parts WHERE key = ?', key);
      }
      const [row] = this.#run('SELECT MIN(kept_until) AS first FROM samekey_records');
      return typeof row?.first === 'number' ? row.first : undefined;
    });
  }

  #setPayload(
    textKey: string,
    head: string,
    keptUntilMs: number,
    payload: Uint8Array | undefined,
  ): void {
    const byteCount = payload?.length ?? 0;
    if (byteCount > MAX_PAYLOAD_BYTES) {
      fail(
        RangeError,
        'SAMEKEY_STORE_FULL',
        `Cannot store a result in a Durable Object: it takes ${byteCount} bytes, wanted at most ${MAX_PAYLOAD_BYTES}`,
      );
    }
    this.#storage.transactionSync(() => {
      this.#run('DELETE FROM samekey_parts WHERE key = ?', textKey);
      const partCount = Math.max(0, Math.ceil(byteCount / PART_BYTES) - 1);
      this.#run(
        'UPDATE samekey_records SET head = ?, kept_until = ?, parts = ?, payload = ? WHERE key = ?',
        head,
        keptUntilMs,
        partCount,
        payload?.subarray(0, PART_BYTES) ?? null,
        textKey,
      );
      for (let part = 1; part <= partCount; part++) {
        this.#run(
          'INSERT INTO samekey_parts (key, part, bytes) VALUES (?, ?, ?)',
          textKey,
          part,
          payload?.subarray(part * PART_BYTES, (part + 1) * PART_BYTES),
        );
      }
    });
  }

  #run(query: string, ...bindings: readonly unknown[]): Record<string, SqlValue>[] {
    try {
      const { sql } = this.#storage;
      if (!this.#isOpen) {
        sql.exec(CREATE);
        this.#isOpen = true;
      }
      return sql.exec(query, ...bindings).toArray();
    } catch (error) {
      return refuse(error);
    }
  }
}

/** Whether the record or one behind it is finished: the column `payload` has its result. */
function hasFinished(record: StoredRecord | undefined): boolean {
  return record !== undefined && (record.state !== 'running' || hasFinished(formerOf(record)));
}

function toRecord(head: SqlValue | undefined): StoredRecord {
  let value: unknown;
  try {
    value = JSON.parse(String(head));
  } catch {
    // `fromHead` refuses it.
  }
  return fromHead(value);
}

const toBytes = (value: SqlValue | undefined) =>
  value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array();

/** Explains an error of SQLite that a caller can do something about. */
function refuse(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  if (/SQLITE_(FULL|TOOBIG)/.test(message)) {
    fail(
      RangeError,
      'SAMEKEY_STORE_FULL',
      `Cannot write to the Durable Object: its storage is full (${message}), wanted a smaller result or more shards`,
    );
  }
  if (/SQL is not enabled/.test(message)) {
    fail(
      TypeError,
      'SAMEKEY_BAD_CLIENT',
      'Cannot use the Durable Object: its class has no SQLite, wanted "new_sqlite_classes" with its name in "migrations" of wrangler.jsonc',
    );
  }
  if (/no such column|has no column/.test(message)) {
    fail(
      TypeError,
      'SAMEKEY_BAD_STATE',
      `Cannot use the table samekey_records: it is not that of samekey (${message}), wanted a class without other tables of this name`,
    );
  }
  throw error;
}
