import { fail } from '../../errors/errors.js';
import { randomKey } from '../../index.js';
import { monotonicMs } from '../../runtime/runtime.js';
import type { Store } from '../../store/store.js';

/** How long its owner may be silent. */
const LEASE_MS = 60_000;

/** A claim of a batch's record by somebody who does not create it: meanwhile nobody else does. */
export class BatchHold {
  readonly #store: Store;
  readonly #key: string;
  readonly #owner = randomKey();
  #heldAtMs = monotonicMs();

  private constructor(store: Store, key: string) {
    this.#store = store;
    this.#key = key;
  }

  /** `undefined` if it is being created; also if it was begun at all, unless `isBegun`. */
  static async on(
    store: Store,
    key: string,
    { isBegun }: { readonly isBegun: boolean },
  ): Promise<BatchHold | undefined> {
    const hold = new BatchHold(store, key);
    const { claimed } = await store.claim(key, {
      owner: hold.#owner,
      leaseMs: LEASE_MS,
      ttlMs: LEASE_MS,
      fingerprint: undefined,
      takeUnknown: isBegun,
      takeFinished: isBegun,
    });
    return claimed ? hold : undefined;
  }

  /** To be called more often than the lease ends. */
  async prolong(): Promise<void> {
    const nowMs = monotonicMs();
    if (nowMs - this.#heldAtMs < LEASE_MS / 4) return;
    this.#heldAtMs = nowMs;
    if (await this.#store.renew(this.#key, this.#owner, LEASE_MS)) return;
    fail(
      Error,
      'SAMEKEY_LEASE_LOST',
      `Cannot drop the batch ${this.#key}: somebody else has it by now, wanted one window of its items in ${LEASE_MS} ms; try again`,
    );
  }

  /** Leaves nothing of the batch. */
  async end(): Promise<void> {
    // What was there before it is there again.
    if (await this.#store.release(this.#key, this.#owner)) await this.#store.evict(this.#key);
  }
}
