import { fail } from '../errors/errors.js';
import { randomKey } from '../index.js';
import { monotonicMs } from '../runtime/runtime.js';
import type { ClaimRequest, Store } from '../store/store.js';

/** The longest time between two calls of `renew`. */
const LEASE_MS = 60_000;

/** A lock on a batch's record. No process can create the batch while another one releases its items. */
export class BatchLock {
  readonly #store: Store;
  readonly #key: string;
  readonly #owner = randomKey();
  #renewedAtMs = monotonicMs();

  private constructor(store: Store, key: string) {
    this.#store = store;
    this.#key = key;
  }

  /**
   * Locks the batch; `undefined` while it is being created. A batch that was created, or may have
   * been, is locked only with `isBegun`.
   */
  static async acquire(
    store: Store,
    key: string,
    { isBegun }: { readonly isBegun: boolean },
  ): Promise<BatchLock | undefined> {
    const lock = new BatchLock(store, key);
    try {
      const isLocked = await lock.#claim({ takeUnknown: isBegun, takeFinished: isBegun });
      return isLocked ? lock : undefined;
    } catch (error) {
      // The claim may have succeeded, and its reply was lost.
      await lock.abort();
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

  /** Renews the lease when a quarter of it has passed. */
  async renew(): Promise<void> {
    const nowMs = monotonicMs();
    if (nowMs - this.#renewedAtMs < LEASE_MS / 4) return;
    this.#renewedAtMs = nowMs;
    if (await this.#store.renew(this.#key, this.#owner, LEASE_MS)) return;
    // The lease has expired during a long pause. The batch can be locked again if it was not begun.
    if (await this.#claim({ takeUnknown: false, takeFinished: false })) return;
    this.#failAsLost();
  }

  #failAsLost(): never {
    fail(
      Error,
      'SAMEKEY_LEASE_LOST',
      `Cannot drop the batch ${this.#key}: another process has claimed it, wanted one window of its items in ${LEASE_MS} ms; try again`,
    );
  }

  /** Deletes the record of the batch, and with it the lock. */
  async deleteBatch(): Promise<void> {
    // Releasing the lock restores the record that it replaced.
    if (await this.#store.release(this.#key, this.#owner)) await this.#store.evict(this.#key);
    else if ((await this.#store.read(this.#key)).record !== undefined) this.#failAsLost();
  }

  /** Restores the record of the batch. If the store fails, the lease of the lock expires. */
  async abort(): Promise<void> {
    await this.#store.release(this.#key, this.#owner).catch(() => {});
  }
}
