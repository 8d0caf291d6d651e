import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { fail, nameOf, quote } from '../errors/errors.js';
import { readOptions } from '../options/read.js';
import { func, instance, type OptionsOf, required, specs, text, value } from '../options/spec.js';
import { randomUuid } from '../runtime/runtime.js';
import {
  ATTRIBUTES,
  byteCountOf,
  type KeptRecord,
  toAttributes,
  type Versioned,
} from './dynamodb/item.js';
import { ServerClock } from './dynamodb/server-clock.js';
import { Table } from './dynamodb/table.js';
import type {
  ClaimRequest,
  ClaimResult,
  Completion,
  Store,
  StoreEntry,
  StoreRecord,
} from './store.js';
import * as transition from './transition.js';
import { formerOf } from './transition.js';

/** A `DynamoDBClient` of `@aws-sdk/client-dynamodb`. */
export interface DynamoDbClient {
  /** Sends one command. */
  send(...parameters: never[]): unknown;
  /** The settings of the client. */
  readonly config: object;
}

/** Where results are kept that are too large for an item, such as a bucket of S3. */
export interface ResultSpill {
  /** Keeps the bytes under a name. If it is called again with the name, the bytes are the same. */
  write(name: string, payload: Uint8Array): Promise<unknown>;
  /** Returns the bytes of that name. */
  read(name: string): Promise<Uint8Array>;
}

const dynamoDbStoreOptions = /* @__PURE__ */ specs(() => ({
  // `dynamoDbStore` checks it.
  /** A `DynamoDBClient` of `@aws-sdk/client-dynamodb` 3. The program closes it. */
  client: required(value<DynamoDbClient>('a DynamoDBClient')),
  /** The name or the ARN of the table. */
  table: text({ default: 'samekey_records' }),
  /** What the keys of items begin with, in a table that other programs use. */
  prefix: text({ default: '' }),
  /** The partition key of the table, of type S. */
  keyAttribute: text({ default: 'key' }),
  /** The attribute that DynamoDB's time to live reads, in seconds. */
  ttlAttribute: text({ default: 'ttl' }),
  /** Where results are kept that do not fit into an item of 400 KB. Without it they are refused. */
  spill: instance<ResultSpill>('an object with write and read', 'write', 'read'),
  /**
   * Returns milliseconds since 1970.
   * @defaultValue the system clock, corrected by the `Date` header of the server's responses
   */
  clock: func<() => number>(),
}));

/** The options of `dynamoDbStore`. */
export interface DynamoDbStoreOptions extends OptionsOf<typeof dynamoDbStoreOptions> {}

/** A store that also describes its table. */
export interface DynamoDbStore extends Store {
  /** The input of `CreateTableCommand`, with on-demand billing. */
  readonly schema: {
    readonly TableName: string;
    readonly AttributeDefinitions: { AttributeName: string; AttributeType: 'S' }[];
    readonly KeySchema: { AttributeName: string; KeyType: 'HASH' }[];
    readonly BillingMode: 'PAY_PER_REQUEST';
  };
  /** The input of `UpdateTimeToLiveCommand`, for a table that exists. */
  readonly timeToLive: {
    readonly TableName: string;
    readonly TimeToLiveSpecification: {
      readonly AttributeName: string;
      readonly Enabled: true;
    };
  };
}

/** How often a change is tried again when other changes of its key interfere. */
const MAX_TRIES = 20;
/** The limit of DynamoDB, without what a later claim puts in front of a result. */
const MAX_ITEM_BYTES = 400 * 1024 - 8 * 1024;
/** How many keys a store remembers of its own running records, and of refused claims. */
const MAX_REMEMBERED = 10_000;

/**
 * Returns a store in a table of Amazon DynamoDB, for all processes that can reach it.
 *
 * Every write has a condition on the version of the record that it replaces, and every read that
 * decides is consistent. A claim of a new key takes one request, and so does its result. DynamoDB
 * decides nothing by a clock, so the processes do: see docs/stores.md. A result that does not fit
 * into an item of 400 KB is refused with the `RangeError` `SAMEKEY_STORE_FULL`, or kept by `spill`.
 * If the table does not exist, calls reject with `SAMEKEY_NO_TABLE`.
 *
 * @throws {TypeError} `SAMEKEY_BAD_CLIENT` if `client` is not a supported client.
 * @throws {TypeError | SyntaxError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type, or an
 * attribute that the store uses itself.
 * @example
 * import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
 *
 * const client = new DynamoDBClient({ region: 'eu-west-1' });
 * const store = dynamoDbStore({ client, table: 'orders' });
 * store.name; // 'dynamodb'
 * store.schema.KeySchema; // [{ AttributeName: 'key', KeyType: 'HASH' }]
 */
export function dynamoDbStore(options: DynamoDbStoreOptions): DynamoDbStore {
  const { client, ...settings } = readOptions(
    dynamoDbStoreOptions,
    options,
    'options of dynamoDbStore',
  );
  const given = client as Partial<DynamoDbClient> | null;
  if (typeof given?.send !== 'function' || typeof given.config !== 'object') {
    fail(
      TypeError,
      'SAMEKEY_BAD_CLIENT',
      `Cannot make a DynamoDB store: client is ${nameOf(client)}, wanted a DynamoDBClient of @aws-sdk/client-dynamodb`,
    );
  }
  const { keyAttribute, ttlAttribute } = settings;
  requireFreeName('keyAttribute', keyAttribute, ATTRIBUTES);
  requireFreeName('ttlAttribute', ttlAttribute, [...ATTRIBUTES, keyAttribute]);
  return new Records(client as unknown as DynamoDBClient, settings);
}

function requireFreeName(option: string, name: string, taken: readonly string[]): void {
  if (name !== '' && !taken.includes(name)) return;
  fail(
    SyntaxError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot make a DynamoDB store: ${option} is ${quote(name)}, wanted a name other than ${taken.join(', ')}`,
  );
}

type Settings = Omit<ReturnType<typeof readOptions<typeof dynamoDbStoreOptions>>, 'client'>;

/** What a step replies, and the record to store; `undefined` deletes the record. */
interface Decision<T> {
  readonly answer: T;
  readonly record: KeptRecord | undefined;
}

type Decide<T> = (old: KeptRecord | undefined, nowMs: number) => Decision<T>;

class Records implements DynamoDbStore {
  readonly name = 'dynamodb';
  readonly schema: DynamoDbStore['schema'];
  readonly timeToLive: DynamoDbStore['timeToLive'];
  readonly #table: Table;
  readonly #spill: ResultSpill | undefined;
  readonly #clock: () => number;
  /** `undefined` if the program has passed a clock. */
  readonly #serverClock: ServerClock | undefined;
  /** The running records that this store wrote, which nobody else changes under a valid lease. */
  readonly #own = new Map<string, Versioned>();
  /** Keys whose last claim was refused. The next one reads first: a write costs five times as much. */
  readonly #refused = new Set<string>();

  constructor(client: DynamoDBClient, { spill, clock, ...names }: Settings) {
    const { table, keyAttribute, ttlAttribute } = names;
    this.schema = {
      TableName: table,
      AttributeDefinitions: [{ AttributeName: keyAttribute, AttributeType: 'S' }],
      KeySchema: [{ AttributeName: keyAttribute, KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    };
    this.timeToLive = {
      TableName: table,
      TimeToLiveSpecification: { AttributeName: ttlAttribute, Enabled: true },
    };
    const serverClock = new ServerClock();
    this.#serverClock = clock === undefined ? serverClock : undefined;
    this.#clock = clock ?? (() => serverClock.nowMs());
    this.#spill = spill;
    this.#table = new Table(client, names, (date, sentAt) => serverClock.observe(date, sentAt));
  }

  get address(): string | undefined {
    return this.#table.address;
  }

  async claim(key: string, request: ClaimRequest): Promise<ClaimResult> {
    const guess = this.#refused.has(key) ? 'unknown' : 'absent';
    const result = await this.#change<ClaimResult>('claim', key, guess, (old, nowMs) => {
      const record = transition.claimed(old, request, nowMs);
      return record === undefined
        ? { answer: { claimed: false, record: old as KeptRecord, nowMs }, record: old }
        : { answer: { claimed: true, record, nowMs }, record };
    });
    this.#refused.delete(key);
    if (!result.claimed) remember(this.#refused, key);
    return { ...result, record: await this.#shown(key, result.record) };
  }

  renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    return this.#change('renew', key, 'own', (old, nowMs) => {
      const record = transition.renewed(old, owner, leaseMs, nowMs);
      return { answer: record !== undefined, record: record ?? old };
    });
  }

  async complete(key: string, owner: string, completion: Completion): Promise<boolean> {
    // Copied now: it is sent later.
    const kept = { ...completion, payload: new Uint8Array(completion.payload) };
    let spilledAs: string | undefined;
    return this.#change(
      'complete',
      key,
      'own',
      (old, nowMs) => {
        const record = transition.completed(old, owner, kept, nowMs);
        return { answer: record !== undefined, record: record ?? old };
      },
      async (record) => {
        if (byteCountOf(toAttributes(record)) <= MAX_ITEM_BYTES) return record;
        // No other claim has this token, so a late owner cannot replace the result of its successor.
        spilledAs ??= await this.#spillAs(`${key}/${record.fencingToken}`, kept.payload);
        return { ...record, payload: undefined, spilledAs };
      },
    );
  }

  release(key: string, owner: string): Promise<boolean> {
    return this.#change('release', key, 'own', (old, nowMs) =>
      old !== undefined && transition.isReleasable(old, owner, nowMs)
        ? { answer: true, record: transition.restored(old, nowMs) }
        : { answer: false, record: old },
    );
  }

  async read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    const found = await this.#table.get(key);
    const nowMs = this.#clock();
    const record = transition.unexpired(found?.record, nowMs);
    return { record: record && (await this.#shown(key, record)), nowMs };
  }

  evict(key: string): Promise<boolean> {
    return this.#change('evict', key, 'unknown', (old, nowMs) =>
      transition.isEvictable(old, nowMs)
        ? { answer: true, record: undefined }
        : { answer: false, record: old },
    );
  }

  async *list({ limit = Number.POSITIVE_INFINITY } = {}): AsyncGenerator<StoreEntry> {
    let left = limit;
    if (left <= 0) return;
    for await (const { key, record } of this.#table.scan(this.#clock())) {
      // Without the results that are kept elsewhere: a list may have many.
      yield { key, record: withoutSpill(record)[0] };
      if (--left <= 0) return;
    }
  }

  async close(): Promise<void> {
    this.#own.clear();
    this.#refused.clear();
  }

  /**
   * One step: writes the decided record if the table still has the record that was decided about.
   * It begins with a guess of that record, without reading it. An answer that writes nothing is
   * given only about a record that was read.
   */
  async #change<T>(
    action: string,
    key: string,
    guess: 'absent' | 'own' | 'unknown',
    decide: Decide<T>,
    prepare?: (record: KeptRecord) => Promise<KeptRecord>,
  ): Promise<T> {
    let seen = guess === 'own' ? this.#own.get(key) : undefined;
    // The first response also sets the clock.
    const isTimed = this.#serverClock?.isChecked ?? true;
    let isRead = guess === 'unknown' || (guess === 'own' && seen === undefined) || !isTimed;
    if (isRead) seen = await this.#table.get(key);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const nowMs = this.#clock();
      const { answer, record } = decide(seen?.record, nowMs);
      if (record === seen?.record) {
        if (isRead) return answer;
        seen = await this.#table.get(key);
        isRead = true;
        continue;
      }
      const decided = record ?? deleted(seen?.record as KeptRecord);
      const next = (await prepare?.(decided)) ?? decided;
      const version = randomUuid();
      const expected = seen ?? { nowMs, fencingToken: next.fencingToken };
      const refusal = await this.#table.put(key, next, version, expected, nowMs);
      this.#own.delete(key);
      if (refusal !== undefined) {
        seen = refusal.found ?? (await this.#table.get(key));
        isRead = true;
        // The SDK has sent it twice, because the first reply was lost.
        if (seen?.version !== version) continue;
      }
      // Only small records: a result behind a running one may have 400 KB.
      if (next.state === 'running' && formerOf(next) === undefined) {
        remember(this.#own, key, { record: next, version });
      }
      return answer;
    }
    throw new Error(
      `Cannot ${action} ${key}: other changes came in between ${MAX_TRIES} times, wanted a moment without`,
    );
  }

  async #spillAs(name: string, payload: Uint8Array): Promise<string> {
    if (this.#spill === undefined) {
      return fail(
        RangeError,
        'SAMEKEY_STORE_FULL',
        `Cannot store a result in DynamoDB: it takes ${payload.length} bytes, and an item 400 KB with all its attributes, wanted a smaller result or the option spill`,
      );
    }
    await this.#spill.write(name, payload);
    return name;
  }

  /** Returns a record as callers see it, with its payload. */
  async #shown(key: string, kept: KeptRecord): Promise<StoreRecord> {
    const [record, spilledAs] = withoutSpill(kept);
    if (spilledAs === undefined) return record;
    const payload = await this.#spill?.read(spilledAs);
    if (payload instanceof Uint8Array) return { ...record, payload };
    return fail(
      Error,
      'SAMEKEY_STORE',
      this.#spill === undefined
        ? `Cannot read the result of ${key}: it is kept outside of DynamoDB as ${quote(spilledAs)}, wanted the option spill that wrote it`
        : `Cannot read the result of ${key}: spill.read(${quote(spilledAs)}) gave ${nameOf(payload)}, wanted its bytes, or evict(key) to run it again`,
    );
  }
}

/** Returns a record without its former ones, and the name of its payload if that is elsewhere. */
function withoutSpill(kept: KeptRecord): [StoreRecord, string | undefined] {
  const { spilledAs, ...record } = transition.withoutFormer(kept) as KeptRecord;
  return [record, spilledAs];
}

/**
 * Returns the item that takes the place of a deleted record until DynamoDB removes it: the next
 * fencing token must be larger, also for a machine whose clock is behind.
 */
function deleted({ owner, fencingToken, claimedAtMs, leaseEndsAtMs }: KeptRecord): KeptRecord {
  return {
    state: 'running',
    owner,
    fencingToken,
    attempt: 1,
    fingerprint: undefined,
    claimedAtMs,
    leaseEndsAtMs,
    expiresAtMs: 0,
    finishedAtMs: undefined,
    codec: undefined,
    payload: undefined,
  };
}

/** Adds an entry, in place of the oldest if there are too many. */
function remember<V>(entries: Map<string, V>, key: string, value: V): void;
function remember(entries: Set<string>, key: string): void;
function remember<V>(entries: Map<string, V> | Set<string>, key: string, value?: V): void {
  if (entries instanceof Map) entries.set(key, value as V);
  else entries.add(key);
  if (entries.size <= MAX_REMEMBERED) return;
  for (const oldest of entries.keys()) {
    entries.delete(oldest);
    return;
  }
}
