/**
 * The record that a store keeps for one key. Only the owner of a claim changes it.
 *
 *     absent ─ claim ─▶ running ─ complete ─▶ done | failed ─ ttlMs ─▶ absent
 *                        │  ▲ renew
 *                        │  └─ claim, once the lease has expired: attempt + 1
 *                        └─ release ─▶ the record that the claim replaced, or absent
 */
export interface StoreRecord {
  /** `running` until the run completes, then `done` with a result or `failed` with an error. */
  readonly state: 'running' | 'done' | 'failed';
  /** Unique text of the claim that made the record. */
  readonly owner: string;
  /**
   * Grows with every claim of this key. A downstream service can refuse a call with an older token.
   */
  readonly fencingToken: number;
  /** 1 for the first run. Each takeover of an abandoned run adds 1. */
  readonly attempt: number;
  /** Fingerprint of the payload that the key stands for, if the claim gave one. */
  readonly fingerprint: string | undefined;
  /**
   * When the claim was granted, in milliseconds since 1970. All times here use the store's clock.
   */
  readonly claimedAtMs: number;
  /** When the lease of a running record ends. The owner renews it while it is alive. */
  readonly leaseEndsAtMs: number;
  /** When the record expires. From then on the store behaves as if the key had no record. */
  readonly expiresAtMs: number;
  /** When the run finished; `undefined` for a running record. */
  readonly finishedAtMs: number | undefined;
  /** Name of the codec that wrote `payload`; `undefined` for a running record. */
  readonly codec: string | undefined;
  /** The encoded result or error; `undefined` for a running record. */
  readonly payload: Uint8Array | undefined;
}

/** The arguments of `Store.claim`. */
export interface ClaimRequest {
  /**
   * Unique text of this claim. If a reply is lost, the same claim can be sent again: the store
   * grants it again while its run is in progress, and refuses it after the run has ended.
   */
  readonly owner: string;
  /** Duration of the lease: without a renewal the claim may be taken over after it. */
  readonly leaseMs: number;
  /** Time to live of an unfinished record. Until it expires, a crashed run is still visible. */
  readonly ttlMs: number;
  /** Fingerprint of the payload. A record with another fingerprint is never replaced. */
  readonly fingerprint: string | undefined;
  /** Whether the claim may take over a running record whose lease has expired. */
  readonly takeUnknown: boolean;
  /** Whether the claim may replace a finished record. */
  readonly takeFinished: boolean;
  /** If given, `takeFinished` is for the finished record of this owner only. */
  readonly finishedOwner?: string | undefined;
}

/** The reply of `Store.claim`. */
export interface ClaimResult {
  /** Whether the store granted the claim. */
  readonly claimed: boolean;
  /** The current record of the key: the new one if the claim was granted. */
  readonly record: StoreRecord;
  /** The time of the store's clock at the decision. */
  readonly nowMs: number;
}

/** How a run ended. */
export interface Completion {
  /** `done` for a result, `failed` for an error. */
  readonly state: 'done' | 'failed';
  /** Name of the codec that wrote `payload`. */
  readonly codec: string;
  /** The encoded result or error. */
  readonly payload: Uint8Array;
  /** How long the finished record stays, from now on. */
  readonly ttlMs: number;
}

/** A key and its record. */
export interface StoreEntry {
  /** The key. */
  readonly key: string;
  /** Its current record. */
  readonly record: StoreRecord;
  /** How many bytes the payload has, if the list left it out. */
  readonly payloadBytes?: number | undefined;
}

/** What to list. */
export interface ListOptions {
  /** The most records to list. */
  readonly limit?: number;
  /**
   * `false` for records without their payloads, to list many records at less cost. A store may ignore
   * this; one that does not says how many bytes each payload has.
   */
  readonly payloads?: boolean;
}

/**
 * Keeps one record per key. Every change is one atomic compare-and-set step, so no record is
 * overwritten blindly. A call rejects if the store cannot be reached; a refusal is a normal reply.
 *
 * `samekey/store/conformance` tests any implementation.
 */
export interface Store {
  /** Name for messages and events, such as `memory`, `lmdb`, `redis` or `postgres`. */
  readonly name: string;
  /** Where the records are, for messages: a path, or a host and a port, without a password. */
  readonly address?: string | undefined;
  /**
   * Creates a `running` record for a new owner if the key has no record or an expired one. With
   * `takeUnknown` it also takes over a running record whose lease has expired, with `takeFinished`
   * a finished one, of `finishedOwner` if that is given. It never replaces a record with a different fingerprint. `attempt` is 1, or one
   * more than that of a running record it took over.
   *
   * The store keeps the replaced record behind the new one, for `release`. `read` and `list` do not
   * show it; `complete` and `evict` delete it. A store keeps at most two replaced records: the
   * newest one that was taken over, and the finished one behind it. The new record does not expire
   * before them.
   */
  claim(key: string, request: ClaimRequest): Promise<ClaimResult>;
  /**
   * Sets the end of the lease to `leaseMs` from now. Returns `false` if the record does not belong
   * to `owner` or is not running. With `leaseMs` 0 the lease ends at once: the outcome of the run
   * is unknown, and watchers are notified.
   */
  renew(key: string, owner: string, leaseMs: number): Promise<boolean>;
  /**
   * Writes the outcome. Returns `false` if the record does not belong to `owner`. Sending the same
   * outcome twice returns `true` twice. The store copies `payload`, so that the caller can reuse
   * its memory. If the payload can never fit, the call rejects with the code `SAMEKEY_STORE_FULL`
   * and changes nothing.
   */
  complete(key: string, owner: string, completion: Completion): Promise<boolean>;
  /**
   * Undoes the claim of `owner`: restores the record that the claim replaced, if it has not expired
   * since. Only the fencing token stays that of `owner`. Returns `false` if `owner` has no running
   * record.
   *
   * The restored record may itself have an unknown outcome; its owner can still complete it. If a
   * later takeover has dropped the record that the claim of `owner` took over, the record of
   * `owner` stays and its lease ends: the store must not forget that the outcome is unknown.
   */
  release(key: string, owner: string): Promise<boolean>;
  /** Returns the record, if it has not expired, and the time of the store's clock. */
  read(key: string): Promise<{ readonly record: StoreRecord | undefined; readonly nowMs: number }>;
  /**
   * Deletes the record unless it is running under a valid lease. Returns whether it deleted one.
   */
  evict(key: string): Promise<boolean>;
  /**
   * Calls `notify` soon after `complete`, `release`, `evict` or a `renew` for 0 ms has changed the
   * record of `key`, in any process. It may call it more often. A store may skip the notification
   * if it has not refused a claim on this key since the run started: no caller can be waiting.
   * Returns a function that ends the subscription. Without this function the caller polls.
   */
  watch?(key: string, notify: () => void): Promise<() => void>;
  /** Lists the records that have not expired, in any order. It is meant for people and tools. */
  list?(options?: ListOptions): AsyncIterable<StoreEntry>;
  /**
   * Closes the connections that the store opened itself. A client that the caller passed in stays
   * open.
   */
  close(): Promise<void>;
}
