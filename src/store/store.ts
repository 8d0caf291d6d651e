/**
 * A record per key, changed only by its owner: what a store keeps for `samekey/once`.
 *
 *     absent ─ claim ─▶ running ─ complete ─▶ done | failed ─ ttlMs ─▶ absent
 *                        │  ▲ renew
 *                        │  └─ claim, once the lease has run out: attempt + 1
 *                        └─ release ─▶ what was there before the claim
 */
export interface StoreRecord {
  readonly state: 'running' | 'done' | 'failed';
  /** Whose claim it is or was: a text that no other claim ever has. */
  readonly owner: string;
  /** Grows with every claim of this key, so that whoever is written to can refuse an older one. */
  readonly fencingToken: number;
  /** 1 for the first run; one more for each that took over from an owner who never came back. */
  readonly attempt: number;
  /** Of the payload that the key stands for, if the claim gave one. */
  readonly fingerprint: string | undefined;
  /** Milliseconds since 1970 by the store's clock, as are all times here. */
  readonly claimedAtMs: number;
  /** Until when the owner of a running record has said it is alive. */
  readonly leaseEndsAtMs: number;
  /** When the record is as if it had never been. */
  readonly expiresAtMs: number;
  /** Of a finished one: when that was. */
  readonly finishedAtMs: number | undefined;
  /** Of a finished one: the result, or the error, and the name of the codec that can read it. */
  readonly codec: string | undefined;
  readonly payload: Uint8Array | undefined;
}

/** What a claim asks for. */
export interface ClaimRequest {
  /**
   * A text no other claim has. The same claim sent again, after a reply was lost, is granted again;
   * once its run has ended it is refused.
   */
  readonly owner: string;
  readonly leaseMs: number;
  /** How long an unfinished record is kept at most, so that a crash can be told from nothing. */
  readonly ttlMs: number;
  readonly fingerprint: string | undefined;
  /** Whether a running record whose lease has run out may be taken over. */
  readonly takeUnknown: boolean;
  /** Whether a finished record may be run again. */
  readonly takeFinished: boolean;
}

/** What came of a claim. */
export interface ClaimResult {
  /** Whether `record` is the claimer's own. */
  readonly claimed: boolean;
  /** What stands in the store now. */
  readonly record: StoreRecord;
  /** The store's clock when it decided. */
  readonly nowMs: number;
}

/** How a run ended. */
export interface Completion {
  readonly state: 'done' | 'failed';
  readonly codec: string;
  readonly payload: Uint8Array;
  readonly ttlMs: number;
}

/** A key and its record. */
export interface StoreEntry {
  readonly key: string;
  readonly record: StoreRecord;
}

/**
 * Where records are. Every change is one atomic step that compares first: nothing is overwritten
 * blindly. A call whose store cannot be reached rejects; one that was refused answers.
 *
 * `samekey/store/conformance` tests any implementation.
 */
export interface Store {
  /** For messages and events: `memory`, `lmdb`, `redis`, `postgres`. */
  readonly name: string;
  /**
   * Makes the record `running` under a new owner if there is none or it has expired, and if
   * `takeUnknown` or `takeFinished` allow it. A record whose fingerprint is another one is never
   * claimed. `attempt` is one more than that of the unknown record taken over, else 1.
   *
   * The record that a claim replaces stays behind the new one, for `release`: nobody sees it, and
   * `complete` and `evict` delete it. At most two records are kept: the newest one that was taken
   * over, and the finished one behind it. The new record does not expire before them.
   */
  claim(key: string, request: ClaimRequest): Promise<ClaimResult>;
  /**
   * Moves the end of the lease to `leaseMs` from now; `false` if the record is not `owner`'s, or not
   * running. 0 ends the lease: its outcome is unknown, and who waits for it is told.
   */
  renew(key: string, owner: string, leaseMs: number): Promise<boolean>;
  /**
   * Writes the outcome; `false` if the record is not `owner`'s. The same outcome twice is `true`
   * twice. `payload` is kept as it is now, whatever becomes of the memory it is in. A store that
   * will never have room for it rejects with the code `SAMEKEY_STORE_FULL`, and changes nothing.
   */
  complete(key: string, owner: string, completion: Completion): Promise<boolean>;
  /**
   * Gives the claim of `owner` back: what the claim replaced is there again, exactly as it was but
   * for the fencing token, which stays that of `owner`. What has expired since is left out. Returns
   * `false` if `owner` has no running record.
   *
   * A record of unknown outcome is there again, too: its owner may still complete it. If another
   * takeover has since dropped the record that the claim of `owner` took over, the record of
   * `owner` stays and its lease ends: that the outcome is unknown must not be forgotten.
   */
  release(key: string, owner: string): Promise<boolean>;
  /** The record, if there is one that has not expired, and the store's clock. */
  read(key: string): Promise<{ readonly record: StoreRecord | undefined; readonly nowMs: number }>;
  /** Takes away a record that is not running under a valid lease; `false` if there was none to take. */
  evict(key: string): Promise<boolean>;
  /**
   * Calls `notify` soon after the record of `key` has changed by `complete`, `release`, `evict` or a
   * `renew` for 0 ms, in any process; may call it more often. Of a
   * record for which no claim has been refused as yet it need not tell: who waits was refused. Returns a function that ends this. A store that cannot
   * tell has no such function, and is asked again from time to time.
   */
  watch?(key: string, notify: () => void): Promise<() => void>;
  /** Records that have not expired, in any order; for people, who look at some of them. */
  list?(options?: { readonly limit?: number }): AsyncIterable<StoreEntry>;
  /** Lets go of what it opened itself; a client that was handed in stays open. */
  close(): Promise<void>;
}
