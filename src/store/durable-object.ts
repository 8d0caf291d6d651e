import { fail, nameOf, type SamekeyErrorCode } from '../errors/errors.js';
import { readOptions } from '../options/read.js';
import { type OptionsOf, required, specs, text, value, wholeNumber } from '../options/spec.js';
import { sleep } from '../runtime/runtime.js';
import {
  CONTENT_TYPE,
  fromFrame,
  fromHead,
  type RecordHead,
  toFrame,
  VERSION,
} from './durable-object/frame.js';
import type { Answer } from './durable-object/object.js';
import type { ObjectNamespace } from './durable-object/platform.js';
import type {
  ClaimRequest,
  ClaimResult,
  Completion,
  Store,
  StoreEntry,
  StoreRecord,
} from './store.js';
import { watchesInRequest } from './watch-in-request.js';

export { SamekeyObject } from './durable-object/object.js';
export type { ObjectNamespace, ObjectState, ObjectStub } from './durable-object/platform.js';

const CONFIGURATION =
  '"durable_objects": {"bindings": [{"name": "SAMEKEY", "class_name": "SamekeyObject"}]}, "migrations": [{"tag": "v1", "new_sqlite_classes": ["SamekeyObject"]}]';

const durableObjectStoreOptions = /* @__PURE__ */ specs(() => ({
  /** The binding of the class `SamekeyObject`, such as `env.SAMEKEY`. */
  namespace: required(
    value<ObjectNamespace>('the binding of a Durable Object class', (given) => {
      if (given === undefined || given === null) {
        return [
          TypeError,
          `is ${given}: the Worker has no such binding; wrangler.jsonc needs ${CONFIGURATION}, and the Worker exports SamekeyObject`,
        ];
      }
      // A binding of a service seems to have every method.
      if (nameOf(given) === 'a Fetcher') return [TypeError];
      const missing = (['idFromName', 'get'] as const).find(
        (name) => typeof (given as ObjectNamespace)[name] !== 'function',
      );
      return missing && [TypeError, `has no ${missing}()`];
    }),
  ),
  /** How many objects share the keys. Another number moves most keys to other objects, which do not know them. */
  shards: wholeNumber({ default: 16, min: 1 }),
  /** What the names of the objects begin with. */
  prefix: text({ default: 'samekey:' }),
}));

/** The options of `durableObjectStore`. */
export interface DurableObjectStoreOptions extends OptionsOf<typeof durableObjectStoreOptions> {}

/**
 * Returns a store in Cloudflare's Durable Objects with SQLite, for every Worker that is bound to the
 * class `SamekeyObject`. It holds no connection, so it may be made at module level.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size, such as
 * a binding that the Worker does not have.
 * @example
 * // In a Worker: import { env } from 'cloudflare:workers', and namespace: env.SAMEKEY.
 * const namespace = {
 *   idFromName: (name) => name,
 *   get: (id) => ({ fetch: () => Promise.reject(new Error(`this is no Worker: ${id}`)) }),
 * };
 * const store = durableObjectStore({ namespace, shards: 4 });
 * store.name; // 'durable-object'
 */
export function durableObjectStore(options: DurableObjectStoreOptions): Store {
  const { namespace, shards, prefix } = readOptions(
    durableObjectStoreOptions,
    options,
    'options of durableObjectStore',
  );
  return new DurableObjectStore(namespace, shards, prefix);
}

/**
 * The wait before a watcher asks again after a change: most callers have left by then, and their
 * request is saved. It misses no change, because it compares versions.
 */
const WAIT_AFTER_CHANGE_MS = 100;
/** The same after a failure: at first, and at most. */
const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 5000;

const NO_PAYLOAD = /* @__PURE__ */ new Uint8Array();
/** Only the host of this address is made up: a stub sends any address to its object. */
const URL_OF_OBJECT = 'https://samekey.invalid/';

class DurableObjectStore implements Store {
  readonly name = 'durable-object';
  readonly address: string;
  readonly #namespace: ObjectNamespace;
  readonly #shards: number;
  readonly #prefix: string;
  readonly #watches = new Set<AbortController>();

  constructor(namespace: ObjectNamespace, shards: number, prefix: string) {
    this.#namespace = namespace;
    this.#shards = shards;
    this.#prefix = prefix;
    const last = shards - 1;
    this.address = last === 0 ? `${prefix}0` : `${prefix}0 to ${prefix}${last}`;
  }

  static {
    watchesInRequest(DurableObjectStore.prototype.watch);
  }

  async claim(key: string, request: ClaimRequest): Promise<ClaimResult> {
    const { answer, payload } = await this.#ask(key, ['claim', key, request]);
    const [nowMs, head, claimed] = answer as [number, RecordHead, boolean];
    return { claimed, record: fromHead(head, payload), nowMs };
  }

  async renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    return this.#decide(key, ['renew', key, owner, leaseMs]);
  }

  async complete(key: string, owner: string, completion: Completion): Promise<boolean> {
    const { payload, ...rest } = completion;
    return this.#decide(key, ['complete', key, owner, rest], payload);
  }

  async release(key: string, owner: string): Promise<boolean> {
    return this.#decide(key, ['release', key, owner]);
  }

  async evict(key: string): Promise<boolean> {
    return this.#decide(key, ['evict', key]);
  }

  async read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    const { answer, payload } = await this.#ask(key, ['read', key]);
    const [nowMs, head] = answer as [number, RecordHead | null];
    return { record: head === null ? undefined : fromHead(head, payload), nowMs };
  }

  /** The object holds a request until the record changes, so nothing polls. */
  async watch(key: string, notify: () => void): Promise<() => void> {
    const known = await this.#versionOf(key, null);
    const abort = new AbortController();
    this.#watches.add(abort);
    this.#follow(key, known, notify, abort.signal);
    return () => {
      this.#watches.delete(abort);
      abort.abort();
    };
  }

  async *list({ limit = Number.POSITIVE_INFINITY } = {}): AsyncGenerator<StoreEntry> {
    let count = 0;
    for (let shard = 0; shard < this.#shards; shard++) {
      let after: string | null = null;
      do {
        const { answer, payload } = await this.#askShard(shard, ['list', '', after]);
        const [entries, next] = answer as [[string, RecordHead, number][], string | null];
        let at = 0;
        for (const [key, head, byteCount] of entries) {
          if (count++ >= limit) return;
          yield { key, record: fromHead(head, payload.slice(at, at + byteCount)) };
          at += byteCount;
        }
        after = next;
      } while (after !== null);
    }
  }

  async close(): Promise<void> {
    for (const abort of this.#watches) abort.abort();
    this.#watches.clear();
  }

  async #follow(
    key: string,
    first: string,
    notify: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    let known = first;
    let waitMs = FIRST_WAIT_MS;
    while (!signal.aborted) {
      try {
        const version = await this.#versionOf(key, known, signal);
        waitMs = FIRST_WAIT_MS;
        if (version === known || signal.aborted) continue;
        known = version;
        notify();
        await sleep(WAIT_AFTER_CHANGE_MS);
      } catch {
        // An object that was evicted or is overloaded. Its records are the same when it is back.
        await sleep(signal.aborted ? 0 : waitMs);
        waitMs = Math.min(2 * waitMs, MAX_WAIT_MS);
      }
    }
  }

  async #versionOf(key: string, known: string | null, signal?: AbortSignal): Promise<string> {
    const shard = shardOf(key, this.#shards);
    const { answer } = await this.#askShard(shard, ['watch', key, known], NO_PAYLOAD, signal);
    return String(answer[0]);
  }

  async #decide(key: string, call: Call, payload?: Uint8Array): Promise<boolean> {
    const { answer } = await this.#ask(key, call, payload);
    return answer[0] === true;
  }

  #ask(key: string, call: Call, payload?: Uint8Array) {
    return this.#askShard(shardOf(key, this.#shards), call, payload);
  }

  async #askShard(
    shard: number,
    call: Call,
    payload: Uint8Array = NO_PAYLOAD,
    signal?: AbortSignal,
  ): Promise<{ answer: readonly unknown[]; payload: Uint8Array }> {
    const name = `${this.#prefix}${shard}`;
    const [method] = call;
    // Made now: the caller may reuse the memory of `payload`.
    const body = toFrame([VERSION, ...call], [payload]);
    let frame: ArrayBuffer;
    try {
      frame = await this.#send(name, body, signal);
    } catch (error) {
      if (!isRetryable(error) || !REPEATABLE.includes(method)) throw failure(name, method, error);
      frame = await this.#send(name, body, signal).catch((again) => {
        throw failure(name, method, again);
      });
    }
    const { head, payload: received } = fromFrame(frame);
    const [type, ...answer] = head as unknown as Answer;
    if (type === 'ok') return { answer, payload: received };
    const [className, code, message] = answer as [string, SamekeyErrorCode | null, string];
    if (code === null) throw failure(name, method, new Error(message));
    return fail(CLASSES[className] ?? Error, code, message);
  }

  async #send(
    name: string,
    body: Uint8Array<ArrayBuffer>,
    signal?: AbortSignal,
  ): Promise<ArrayBuffer> {
    // A stub per call: after an exception a stub may stay broken, and it belongs to its request.
    const stub = this.#namespace.get(this.#namespace.idFromName(name));
    const response = await stub.fetch(URL_OF_OBJECT, {
      method: 'POST',
      body,
      ...(signal && { signal }),
    });
    const frame = await response.arrayBuffer();
    if (response.headers.get('content-type') !== CONTENT_TYPE) {
      fail(
        TypeError,
        'SAMEKEY_BAD_CLIENT',
        `Cannot use the Durable Object ${name}: it answers with status ${response.status} and not as samekey does, wanted the class SamekeyObject in the binding`,
      );
    }
    return frame;
  }
}

type Call = readonly [method: string, key: string, ...args: unknown[]];

/** These calls can be sent twice: if the first took effect, the second has the same answer. */
const REPEATABLE: readonly string[] = ['claim', 'renew', 'complete', 'read', 'list', 'watch'];

/** The classes of errors that an object answers with. */
const CLASSES: Readonly<Record<string, new (message: string) => Error>> = {
  TypeError,
  RangeError,
  SyntaxError,
};

/** The platform marks errors after which the same request may succeed: the object has moved, or its code is new. */
function isRetryable(error: unknown): boolean {
  const { retryable, overloaded } = (error ?? {}) as { retryable?: unknown; overloaded?: unknown };
  return retryable === true && overloaded !== true;
}

/** An error without a code of samekey, because the call may have taken effect. */
function failure(name: string, method: string, error: unknown): unknown {
  const { code, message = error } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string' && code.startsWith('SAMEKEY_')) return error;
  const isFull = String(message).includes('SQLITE_FULL');
  const why = isFull ? `its storage is full (${message}), wanted more shards` : message;
  const failed = new Error(`Cannot ask the Durable Object ${name}: ${why}`, { cause: error });
  // The platform resets the object, and with it the calls of others, of which some took effect. A
  // result without an answer goes to its callers; a claim without an answer has to be released.
  return isFull && method === 'complete'
    ? Object.assign(failed, { code: 'SAMEKEY_STORE_FULL' satisfies SamekeyErrorCode })
    : failed;
}

/** FNV-1a, which spreads any texts. Every Worker must compute the same shard. */
function shardOf(key: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 0) % shards;
}
