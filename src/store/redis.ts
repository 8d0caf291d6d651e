import { fail, nameOf } from '../errors/errors.js';
import { readOptions } from '../options/read.js';
import { type OptionsOf, required, specs, text, value } from '../options/spec.js';
import { toOneLine } from './one-line.js';
import {
  type Argument,
  addressOf,
  type Connection,
  copyBehind,
  type RedisClient,
  toConnection,
} from './redis/client.js';
import { isOneServer } from './redis/one-server.js';
import { DEFAULT_PREFIX, lengthOfLines, toRecord } from './redis/record-text.js';
import { ScriptRunner } from './redis/script-runner.js';
import type { ScriptName } from './redis/scripts.js';
import { verifyClient, withTimeLimit } from './redis/self-check.js';
import { Subscriptions } from './redis/subscriptions.js';
import { Turns } from './redis/turns.js';
import type {
  ClaimRequest,
  ClaimResult,
  Completion,
  Store,
  StoreEntry,
  StoreRecord,
} from './store.js';

export type { RedisClient } from './redis/client.js';

const redisStoreOptions = /* @__PURE__ */ specs(() => ({
  // `toConnection` checks it.
  /** A client of `redis` (4 to 6) or `ioredis` (5 or 6), of one server or of a cluster. The program listens for its errors and closes it. */
  client: required(value<RedisClient>('a client of redis or ioredis')),
  /** What the names of keys and channels begin with. */
  prefix: text({ default: DEFAULT_PREFIX }),
}));

/** The options of `redisStore`. */
export interface RedisStoreOptions extends OptionsOf<typeof redisStoreOptions> {}

/** How many keys one `SCAN` asks for. */
const SCAN_COUNT = '250';

/**
 * Returns a store in Redis, Valkey, or a cluster of either, for all processes that can reach it.
 *
 * A claim takes one round trip, and so does every other step. Waiting duplicates are notified over
 * Pub/Sub. The store opens one more connection for it, with the client's `duplicate()`, when the
 * first duplicate waits. Before its first use the client must pass a self-check; a client that
 * fails it is rejected with the `TypeError` `SAMEKEY_BAD_CLIENT`. A server that evicts keys
 * (`maxmemory-policy`) loses records.
 *
 * @throws {TypeError} `SAMEKEY_BAD_CLIENT` if `client` is not a supported client.
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type.
 * @example
 * import { createClient } from 'redis';
 *
 * const client = createClient({ url: 'redis://localhost:6379' });
 * const store = redisStore({ client, prefix: 'orders:' });
 * store.name; // 'redis'
 */
export function redisStore(options: RedisStoreOptions): Store {
  const { client, prefix } = readOptions(redisStoreOptions, options, 'options of redisStore');
  return new RedisStore(client, toConnection(client), prefix);
}

/** For a smaller payload, a room for the lines saves no time. */
const LEAST_WITH_ROOM = 2048;

/** The smallest `proto-max-bulk-len` that a server accepts. */
const LEAST_BULK_LIMIT = 1024 * 1024;

/**
 * Whether the error is the reply to a too long command, after which the server closes the
 * connection.
 */
function isTooLong(error: unknown): boolean {
  return error instanceof Error && error.message.includes('Protocol error: invalid bulk length');
}

/** The number in a reply to `CONFIG GET`: a list, or a map in RESP3. */
function limitIn(reply: unknown): number {
  const values = reply instanceof Map ? [...reply.values()] : Object.values(reply ?? {});
  return values.map(Number).find((limit) => limit > 0) ?? Number.POSITIVE_INFINITY;
}

class RedisStore implements Store {
  readonly name = 'redis';
  readonly watch?: (key: string, notify: () => void) => Promise<() => void>;
  readonly #client: RedisClient;
  readonly #connection: Connection;
  readonly #scripts: ScriptRunner;
  /** Sends the claims and completions. */
  readonly #turns: Turns;
  readonly #prefix: string;
  readonly #subscriptions: Subscriptions | undefined;
  /** The prefix as the server sees it, known after the self-check. */
  #serverPrefix: Promise<string> | undefined;
  #isVerified = false;
  /** Of the last claim. The fingerprints of a program mostly have one length. */
  #fingerprintLength = 0;

  constructor(client: RedisClient, connection: Connection, prefix: string) {
    this.#client = client;
    this.#connection = connection;
    this.#scripts = new ScriptRunner(connection);
    this.#turns = new Turns(this.#scripts, repliesIn);
    this.#prefix = prefix;
    const { openSubscriber } = connection;
    if (openSubscriber !== undefined) {
      const subscriptions = new Subscriptions(openSubscriber);
      this.#subscriptions = subscriptions;
      this.watch = async (key, notify) =>
        subscriptions.watch((await this.#verifiedPrefix()) + key, notify);
    }
  }

  get address(): string | undefined {
    return addressOf(this.#client);
  }

  claim(key: string, request: ClaimRequest): Promise<ClaimResult> {
    return this.#whenVerified(() => this.#claim(key, request));
  }

  async renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    if (!this.#isVerified) await this.#verifiedPrefix();
    return this.#decide('renew', key, [toOneLine(owner), String(leaseMs)]);
  }

  complete(key: string, owner: string, completion: Completion): Promise<boolean> {
    // The program may change the payload before the client has passed the self-check.
    const kept = this.#isVerified
      ? completion
      : { ...completion, payload: new Uint8Array(completion.payload) };
    return this.#whenVerified(() => this.#complete(key, owner, kept));
  }

  async release(key: string, owner: string): Promise<boolean> {
    if (!this.#isVerified) await this.#verifiedPrefix();
    return this.#decide('release', key, [toOneLine(owner)]);
  }

  async read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    if (!this.#isVerified) await this.#verifiedPrefix();
    return this.#read(key);
  }

  async evict(key: string): Promise<boolean> {
    if (!this.#isVerified) await this.#verifiedPrefix();
    return this.#decide('evict', key, []);
  }

  async *list({ limit = Number.POSITIVE_INFINITY } = {}): AsyncGenerator<StoreEntry> {
    const prefix = await this.#verifiedPrefix();
    const pattern = `${prefix.replaceAll(/[\\*?[\]]/g, '\\$&')}*`;
    // A scan may return a key more than once.
    const seen = new Set<string>();
    for (const send of await this.#connection.masters()) {
      let cursor = '0';
      do {
        const reply = await send(['SCAN', cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT]);
        const [next, names] = reply as [unknown, unknown[]];
        cursor = String(next);
        const keys = names
          .map((name) => String(name).slice(prefix.length))
          .filter((key) => !seen.has(key));
        const found = await Promise.all(keys.map((key) => this.#read(key)));
        for (const [at, key] of keys.entries()) {
          const record = found[at]?.record;
          seen.add(key);
          if (record === undefined) continue;
          if (limit-- <= 0) return;
          yield { key, record };
        }
      } while (cursor !== '0');
    }
  }

  async close(): Promise<void> {
    this.#subscriptions?.close();
  }

  /** Almost every step finds a verified client, and then makes no promise of its own. */
  #whenVerified<T>(step: () => Promise<T>): Promise<T> {
    if (!this.#isVerified) return this.#verifiedPrefix().then(step);
    try {
      return step();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #claim(key: string, request: ClaimRequest): Promise<ClaimResult> {
    const own = claimantOf(request);
    this.#fingerprintLength = own[1].length;
    return this.#turns.send({
      script: 'claim',
      key: this.#prefix + key,
      common: termsOf(request),
      own,
      read(reply, timeUs) {
        const nowMs = Math.floor(timeUs / 1000);
        if (isOne(reply)) return { claimed: true, record: newRecord(request, timeUs), nowMs };
        const [claimed, value] = listOf(reply, 2);
        return { claimed: Number(claimed) === 1, record: recordIn(value), nowMs };
      },
    });
  }

  #complete(
    key: string,
    owner: string,
    { state, codec, payload, ttlMs }: Completion,
  ): Promise<boolean> {
    const ownerLine = toOneLine(owner);
    const codecLine = toLine(codec);
    const room =
      payload.length < LEAST_WITH_ROOM
        ? 0
        : lengthOfLines(state, ownerLine, this.#fingerprintLength, codecLine);
    // Copied now: the client may send it later, after it has reconnected.
    const text = copyBehind(room, payload);
    const call = {
      script: 'complete',
      key: this.#prefix + key,
      common: [state, codecLine, String(ttlMs), String(room)],
      own: [ownerLine, text],
      read: isOne,
    } as const;
    const completed = this.#turns.send(call, text.length);
    if (text.length < LEAST_BULK_LIMIT) return completed;
    return completed.catch(async (error) => {
      if (!isTooLong(error) && !(await this.#isOverLimit(key, text.length))) throw error;
      return fail(
        RangeError,
        'SAMEKEY_STORE_FULL',
        `Cannot store a result in Redis: it takes ${payload.length} bytes, wanted at most the server's proto-max-bulk-len`,
      );
    });
  }

  /**
   * Whether the server refuses a value of this length. The client often fails to send the rest of
   * a too long command before it reads the reply: it reports a lost connection. Without the
   * permission to ask, the answer is no.
   */
  async #isOverLimit(key: string, byteCount: number): Promise<boolean> {
    try {
      const command = ['CONFIG', 'GET', 'proto-max-bulk-len'];
      return byteCount > limitIn(await this.#connection.send(this.#prefix + key, command));
    } catch {
      return false;
    }
  }

  async #read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    const [nowMs, value] = listOf(await this.#run('read', key, []), 1);
    return { record: value === undefined ? undefined : recordIn(value), nowMs: Number(nowMs) };
  }

  async #decide(script: ScriptName, key: string, args: readonly Argument[]): Promise<boolean> {
    return isOne(await this.#run(script, key, args));
  }

  #run(script: ScriptName, key: string, args: readonly Argument[]): Promise<unknown> {
    const redisKey = this.#prefix + key;
    this.#turns.sendEarlier(redisKey);
    return this.#scripts.run(script, [redisKey], args);
  }

  #verifiedPrefix(): Promise<string> {
    if (this.#serverPrefix === undefined) {
      this.#serverPrefix = this.#verify();
      this.#serverPrefix.catch((error) => {
        // Any other failure, such as a lost connection, may be over at the next use.
        if (error?.code !== 'SAMEKEY_BAD_CLIENT') this.#serverPrefix = undefined;
      });
    }
    return this.#serverPrefix;
  }

  async #verify(): Promise<string> {
    const store = {
      claim: this.#claim.bind(this),
      complete: this.#complete.bind(this),
      read: this.#read.bind(this),
      evict: (key: string) => this.#decide('evict', key, []),
    };
    const scratchKey = await verifyClient((key) => this.#prefix + key, store, this.#connection);
    const name = String(await withTimeLimit(this.#run('name', scratchKey, [])));
    const steps = {
      claimTogether: this.#claimTogether.bind(this),
      release: (key: string) => this.#decide('release', key, [PROBE.owner]),
    };
    this.#turns.isSharing = await withTimeLimit(isOneServer(this.#connection, steps));
    this.#isVerified = true;
    return name.slice(0, name.length - scratchKey.length);
  }

  async #claimTogether(keys: readonly [string, ...string[]]): Promise<boolean> {
    const redisKeys = keys.map((key) => this.#prefix + key) as [string, ...string[]];
    const own = keys.flatMap(() => claimantOf(PROBE));
    const reply = await this.#scripts.run('claim', redisKeys, [...termsOf(PROBE), ...own]);
    return repliesIn(reply, keys.length).slice(1).every(isOne);
  }
}

/** The claim of keys that nobody else uses. */
const PROBE = {
  owner: 'one-server',
  leaseMs: 10_000,
  ttlMs: 10_000,
  fingerprint: undefined,
  takeUnknown: false,
  takeFinished: false,
};

/** The arguments of a claim that many claims have in common. */
const termsOf = ({ leaseMs, ttlMs, takeUnknown, takeFinished }: ClaimRequest): string[] => [
  String(leaseMs),
  String(ttlMs),
  takeUnknown ? '1' : '0',
  takeFinished ? '1' : '0',
];

/** The arguments of a claim for its key. */
const claimantOf = ({ owner, fingerprint }: ClaimRequest): [string, string] => [
  toOneLine(owner),
  fingerprint === undefined ? '' : toLine(fingerprint),
];

/** Returns the record that the script has written for a key without one. */
function newRecord(request: ClaimRequest, timeUs: number): StoreRecord {
  const { owner, leaseMs, ttlMs, fingerprint } = request;
  const nowMs = Math.floor(timeUs / 1000);
  return {
    state: 'running',
    owner,
    fencingToken: timeUs,
    attempt: 1,
    fingerprint,
    claimedAtMs: nowMs,
    leaseEndsAtMs: nowMs + leaseMs,
    expiresAtMs: nowMs + Math.max(leaseMs, ttlMs),
    finishedAtMs: undefined,
    codec: undefined,
    payload: undefined,
  };
}

/** The reply to a claim or a completion of `count` keys begins with the time. */
const repliesIn = (reply: unknown, count: number) => listOf(reply, 1 + count);

/** A client may be set to give numbers as text. */
const isOne = (reply: unknown) => !Array.isArray(reply) && Number(reply) === 1;

/** An empty line stands for `undefined`. */
function toLine(text: string): string {
  return text === '' ? '""' : toOneLine(text);
}

function listOf(reply: unknown, length: number): unknown[] {
  if (Array.isArray(reply) && reply.length >= length) return reply;
  return refuse(`gave ${nameOf(reply)} for a list`);
}

function recordIn(value: unknown): StoreRecord {
  return value instanceof Uint8Array ? toRecord(value) : refuse(`gave ${nameOf(value)} for bytes`);
}

function refuse(what: string): never {
  return fail(
    TypeError,
    'SAMEKEY_BAD_CLIENT',
    `Cannot use this Redis client: it ${what}, wanted redis (node-redis) 4 to 6 or ioredis 5 or 6`,
  );
}
