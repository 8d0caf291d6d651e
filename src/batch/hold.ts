import { fail } from '../errors/errors.js';
import { randomKey } from '../index.js';
import { monotonicMs } from '../runtime/runtime.js';
import type { ClaimRequest, Store } from '../store/store.js';

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
    try {
      return (await hold.#claim({ takeUnknown: isBegun, takeFinished: isBegun }))
        ? hold
        : undefined;
    } catch (error) {
      // Its reply may have been lost.
      await hold.giveBack();
      throw error;
    }
  }

  async #claim(taken: Pick<ClaimRequest, 'takeUnknown' | 'takeFinished'>): Promise<boolean> {
    const { claimed } = await this.#store.claim(this.#key, {
      owner: this.#owner,
      leaseMs: LEASE_MS,
      ttlMs: LEASE_MS,
      fingerprint: undefined,
      ...taken,
    });
    return claimed;
  }

  /** To be called more often than the lease ends. */
  async prolong(): Promise<void> {
    const nowMs = monotonicMs();
    if (nowMs - this.#heldAtMs < LEASE_MS / 4) return;
    this.#heldAtMs = nowMs;
    if (await this.#store.renew(this.#key, this.#owner, LEASE_MS)) return;
    // After a long pause it is gone, which is no matter if nobody else has begun.
    if (await this.#claim({ takeUnknown: false, takeFinished: false })) return;
    this.#lose();
  }

  #lose(): never {
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
    else if ((await this.#store.read(this.#key)).record !== undefined) this.#lose();
  }

  /** Leaves the batch as it was. A store that fails lets the lease run out. */
  async giveBack(): Promise<void> {
    await this.#store.release(this.#key, this.#owner).catch(() => {});
  }
}
