import { fail, nameOf } from '../../errors/errors.js';
import { own } from '../../options/own.js';
import { toFilledLine, toOneLine } from '../one-line.js';
import type {
  ClaimRequest,
  ClaimResult,
  Completion,
  ListOptions,
  Store,
  StoreEntry,
  StoreRecord,
} from '../store.js';
import type { Argument, Connection } from './client.js';
import { lengthOfLines, toRecord } from './record-text.js';
import { ScriptRunner } from './script-runner.js';
import type { ScriptName } from './scripts.js';
import type { Subscriptions } from './subscriptions.js';
import { Turns } from './turns.js';

/** How many keys one `SCAN` asks for. */
const SCAN_COUNT = '250';

export interface Verified {
  /** The prefix as the server sees it. */
  readonly serverPrefix: string;
  /** Whether one command may be about several keys. */
  readonly isSharing: boolean;
}

interface Setting {
  /** The name of the store. */
  readonly name: string;
  readonly connection: Connection;
  readonly prefix: string;
  /** Returns where the server is, without a password. */
  readonly address?: () => string | undefined;
  /** Checks the client before its first use. */
  readonly verify?: () => Promise<Verified>;
  /** For a client that is not checked. */
  readonly isSharing?: boolean;
  readonly subscriptions?: Subscriptions | undefined;
}

/** A store of records as `record-text.ts` describes them, over any connection to Redis. */
export class RecordStore implements Store {
  readonly name: string;
  readonly watch?: (key: string, notify: () => void) => Promise<() => void>;
  readonly #connection: Connection;
  readonly #scripts: ScriptRunner;
  /** Sends the claims and completions. */
  readonly #turns: Turns;
  readonly #prefix: string;
  readonly #addressOf: Setting['address'];
  readonly #verifyClient: Setting['verify'];
  readonly #subscriptions: Setting['subscriptions'];
  /** The prefix as the server sees it, known after the self-check. */
  #serverPrefix: Promise<string> | undefined;
  #isVerified: boolean;
  /** Of the last claim. The fingerprints of a program mostly have one length. */
  #fingerprintLength = 0;

  constructor(setting: Setting) {
    const { name, connection, prefix, address, isSharing = false, verify, subscriptions } = setting;
    this.name = name;
    this.#addressOf = address;
    this.#connection = connection;
    this.#scripts = new ScriptRunner(connection);
    this.#turns = new Turns(this.#scripts, this.#repliesIn);
    this.#turns.isSharing = isSharing;
    this.#prefix = prefix;
    this.#verifyClient = verify;
    this.#isVerified = verify === undefined;
    if (subscriptions !== undefined) {
      this.#subscriptions = subscriptions;
      this.watch = async (key, notify) =>
        subscriptions.watch((await this.#verifiedPrefix()) + key, notify);
    }
  }

  get address(): string | undefined {
    return this.#addressOf?.();
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

  async *list({
    limit = Number.POSITIVE_INFINITY,
    payloads = true,
  }: ListOptions = {}): AsyncGenerator<StoreEntry> {
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
        const found = await Promise.all(
          keys.map((key) => (payloads ? this.#readEntry(key) : this.#readHead(key))),
        );
        for (const [at, key] of keys.entries()) {
          const entry = found[at];
          seen.add(key);
          if (entry === undefined) continue;
          if (limit-- <= 0) return;
          yield entry;
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
      read: (reply, timeUs) => {
        const nowMs = Math.floor(timeUs / 1000);
        if (isOne(reply)) return { claimed: true, record: newRecord(request, timeUs), nowMs };
        const [claimed, value] = this.#listOf(reply, 2);
        return { claimed: Number(claimed) === 1, record: this.#recordIn(value), nowMs };
      },
    });
  }

  #complete(
    key: string,
    owner: string,
    { state, codec, payload, ttlMs }: Completion,
  ): Promise<boolean> {
    const ownerLine = toOneLine(owner);
    const codecLine = toFilledLine(codec);
    const { wire } = this.#connection;
    // Copied now: the client may send it later, after it has reconnected.
    const { room, text } = wire.pack(payload, () =>
      lengthOfLines(state, ownerLine, this.#fingerprintLength, codecLine),
    );
    const call = {
      script: 'complete',
      key: this.#prefix + key,
      common: [state, codecLine, String(ttlMs), room],
      own: [ownerLine, text],
      read: isOne,
    } as const;
    const completed = this.#turns.send(call, text.length);
    if (text.length < wire.leastLimit) return completed;
    return completed.catch(async (error) => {
      const limit = await wire.exceededLimit(this.#connection, error, call.key, text.length);
      if (limit === undefined) throw error;
      return fail(
        RangeError,
        'SAMEKEY_STORE_FULL',
        `Cannot store a result in Redis: it takes ${payload.length} bytes, wanted at most ${limit}`,
      );
    });
  }

  async #read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    const [nowMs, value] = this.#listOf(await this.#run('read', key, []), 1);
    return {
      record: value === undefined ? undefined : this.#recordIn(value),
      nowMs: Number(nowMs),
    };
  }

  async #readEntry(key: string): Promise<StoreEntry | undefined> {
    const { record } = await this.#read(key);
    return record && { key, record };
  }

  async #readHead(key: string): Promise<StoreEntry | undefined> {
    const [, lines, byteCount] = this.#listOf(await this.#run('readHead', key, []), 1);
    if (lines === undefined) return undefined;
    const record = { ...this.#recordIn(lines), payload: undefined };
    return { key, record, ...(Number(byteCount) >= 0 && { payloadBytes: Number(byteCount) }) };
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
    const verified = await this.#verifyClient?.();
    if (verified === undefined) return this.#prefix;
    this.#turns.isSharing = verified.isSharing;
    this.#isVerified = true;
    return verified.serverPrefix;
  }

  /** The reply to a claim or a completion of `count` keys begins with the time. */
  readonly #repliesIn = (reply: unknown, count: number) => this.#listOf(reply, 1 + count);

  #listOf(reply: unknown, length: number): unknown[] {
    if (Array.isArray(reply) && reply.length >= length) return reply;
    return this.#connection.wire.refuse(`it gave ${nameOf(reply)} for a list`);
  }

  #recordIn(value: unknown): StoreRecord {
    return value instanceof Uint8Array
      ? toRecord(value)
      : this.#connection.wire.refuse(`it gave ${nameOf(value)} for bytes`);
  }
}

/** The arguments of a claim that many claims have in common. */
const termsOf = (request: ClaimRequest): string[] => [
  String(request.leaseMs),
  String(request.ttlMs),
  request.takeUnknown ? '1' : '0',
  takenBy(request),
];

function takenBy(request: ClaimRequest): string {
  if (!request.takeFinished) return '0';
  const finishedOwner = own(request, 'finishedOwner');
  return finishedOwner === undefined ? '1' : `=${toOneLine(finishedOwner)}`;
}

/** The arguments of a claim for its key. */
const claimantOf = ({ owner, fingerprint }: ClaimRequest): [string, string] => [
  toOneLine(owner),
  fingerprint === undefined ? '' : toFilledLine(fingerprint),
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

/** A client may be set to give numbers as text. */
const isOne = (reply: unknown) => !Array.isArray(reply) && Number(reply) === 1;
