import { clearTimer, monotonicMs, setTimer, type Timer } from '../runtime/runtime.js';
import type { Alarm, Alarms } from './alarms.js';
import type { GuardedStore } from './guarded-store.js';

/** How often a lease is renewed before it runs out. */
export const RENEWALS_PER_LEASE = 3;

/**
 * Says that the owner is alive, again and again, until `stop`. The lease is lost when the store says
 * that the record is somebody else's, and when no renewal came through for as long as it lasts.
 */
export class Lease {
  readonly #store: GuardedStore;
  readonly #key: string;
  readonly #owner: string;
  readonly #leaseMs: number;
  readonly #onLost: () => void;
  /** Most runs end before their first renewal, and so have no timer of their own. */
  readonly #renewals: Alarms;
  #first: Alarm | undefined;
  #timer: Timer | undefined;
  /** Until when it is certain to hold, by a clock that nobody sets. */
  #certainUntil: number;
  #isOver = false;
  #renewing: Promise<void> | undefined;

  /** `claimedAt` is from before the claim was sent: the store's lease began later. */
  constructor(
    store: GuardedStore,
    key: string,
    owner: string,
    leaseMs: number,
    renewals: Alarms,
    claimedAt: number,
    onLost: () => void,
  ) {
    this.#store = store;
    this.#key = key;
    this.#owner = owner;
    this.#leaseMs = leaseMs;
    this.#onLost = onLost;
    this.#certainUntil = claimedAt + leaseMs;
    this.#renewals = renewals;
    if (this.leftMs > leaseMs / RENEWALS_PER_LEASE) {
      this.#first = renewals.set(() => this.#beginRenewal());
    } else {
      this.#schedule();
    }
  }

  /** How long it is still certain to hold. */
  get leftMs(): number {
    return this.#certainUntil - monotonicMs();
  }

  stop(): void {
    this.#isOver = true;
    if (this.#first !== undefined) this.#renewals.clear(this.#first);
    if (this.#timer !== undefined) clearTimer(this.#timer);
  }

  /** Ends it now, without an outcome: whoever comes next need not wait until it has run out. */
  async end(): Promise<void> {
    this.stop();
    // One that is under way must not begin it anew.
    await this.#renewing;
    // A store that fails will let it run out.
    await this.#store.renew(this.#key, this.#owner, 0).catch(() => {});
  }

  #lose(): void {
    if (this.#isOver) return;
    this.stop();
    this.#onLost();
  }

  #schedule(): void {
    const waitMs = Math.min(this.#leaseMs / RENEWALS_PER_LEASE, Math.max(0, this.leftMs));
    this.#timer = setTimer(() => this.#beginRenewal(), waitMs);
  }

  #beginRenewal(): void {
    this.#renewing = this.#renew();
  }

  async #renew(): Promise<void> {
    const askedAt = monotonicMs();
    // A store that does not answer must not make the lease look longer than it is.
    const expiry = setTimer(() => this.#lose(), Math.max(0, this.leftMs));
    let isOwned: boolean | undefined;
    try {
      isOwned = await this.#store.renew(this.#key, this.#owner, this.#leaseMs);
    } catch {
      // The store may be back before the lease ends.
    }
    clearTimer(expiry);
    if (this.#isOver) return;
    if (isOwned) this.#certainUntil = askedAt + this.#leaseMs;
    if (isOwned === false || this.leftMs <= 0) {
      this.#lose();
    } else {
      this.#schedule();
    }
  }
}
