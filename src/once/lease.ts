import { clearTimer, monotonicMs, setTimer, type Timer } from '../runtime/runtime.js';
import type { ClaimRequest } from '../store/store.js';
import type { Alarm, Alarms } from './alarms.js';
import { type GuardedStore, NoAnswerError } from './guarded-store.js';
import { RENEWALS_PER_LEASE } from './options.js';

/**
 * For how many leases an owner waits for the store once its own is over: for one that answers with
 * errors, and for one that is silent. A silent one may only be late, such as a pool whose connections
 * are all held by the functions themselves: then it answers when they have ended.
 */
const FAILING_LEASES = 1;
const SILENT_LEASES = 4;

/** How soon after a renewal that failed the next one is sent: so many would fit into a lease. */
const RETRIES_PER_LEASE = 10;

/** What an owner is told, and is asked. */
export interface LeaseOwner {
  /** Whether the key was evicted here: then what is gone must not be claimed again. */
  readonly isEvicted: boolean;
  /** Something is asked of the store that `close` has to wait for. */
  finishLater(work: Promise<unknown>): void;
  /** The lease has run out, and the store has not said whose the key is: stop, if that is possible. */
  onUncertain(): void;
  /** The key is another owner's; or the store has gone on failing for too long to wait for it. */
  onLost(): void;
}

/**
 * Tells the store again and again that the owner is alive, until `stop`.
 *
 * That the time is over does not mean that the lease is lost: a process that was paused finds its
 * record as it left it if nobody else wanted the key. So it is for the store to say, and while there
 * is no answer the owner is `uncertain`. If the store has forgotten the record (it restarted without
 * persistence, or evicted it) and nobody else has the key, the owner claims it again.
 */
export class Lease {
  readonly #store: GuardedStore;
  readonly #key: string;
  readonly #claim: ClaimRequest;
  readonly #holder: LeaseOwner;
  /** Most runs end before their first renewal, and so have no timer of their own. */
  readonly #renewals: Alarms;
  #first: Alarm | undefined;
  #timer: Timer | undefined;
  /** Until when it is certain to hold, by a clock that nobody sets. */
  #certainUntil: number;
  #isUncertain = false;
  #isOver = false;
  #isWriting = false;
  #mayBeClaimedLate = false;
  #renewing: Promise<void> | undefined;

  /**
   * `claim` is the request that was granted. `claimedAt` is from before it was sent: the lease began
   * later, by the store's clock.
   */
  constructor(
    store: GuardedStore,
    key: string,
    claim: ClaimRequest,
    claimedAt: number,
    renewals: Alarms,
    holder: LeaseOwner,
  ) {
    this.#store = store;
    this.#key = key;
    this.#claim = claim;
    this.#holder = holder;
    this.#certainUntil = claimedAt + claim.leaseMs;
    this.#renewals = renewals;
    if (this.#leftMs > claim.leaseMs / RENEWALS_PER_LEASE) {
      this.#first = renewals.set(() => this.#beginRenewal());
    } else {
      this.#schedule();
    }
  }

  /** Whether it was uncertain at any time that the key is still this owner's. */
  get wasUncertain(): boolean {
    return this.#isUncertain;
  }

  get #leftMs(): number {
    return this.#certainUntil - monotonicMs();
  }

  /** Whether nobody else can have the key now. */
  get isCertain(): boolean {
    return this.#leftMs > 0;
  }

  /** Whether a claim was sent that the store may not have seen yet. */
  get mayBeClaimedLate(): boolean {
    return this.#mayBeClaimedLate;
  }

  stop(): void {
    this.#isOver = true;
    if (this.#first !== undefined) this.#renewals.clear(this.#first);
    clearTimer(this.#timer);
  }

  /** Ends it now, without an outcome: whoever comes next need not wait until it has run out. */
  async end(): Promise<void> {
    this.stop();
    // A renewal that is still on its way must not begin it anew.
    await this.#renewing;
    await this.#endInStore();
  }

  /** From now on the store says by its answer to `complete` whose the key is. */
  beginWriting(): void {
    this.#isWriting = true;
  }

  /** Claims the key again if nobody has it; returns whether it is this owner's. */
  async reclaim(): Promise<boolean> {
    if (this.#holder.isEvicted) return false;
    const askedAt = monotonicMs();
    const request = { ...this.#claim, takeUnknown: false, takeFinished: false };
    const { claimed } = await this.#store.claim(this.#key, request, () => {
      this.#mayBeClaimedLate = true;
    });
    if (claimed) this.#confirm(askedAt);
    return claimed;
  }

  #endInStore(): Promise<void> {
    return this.#store.endLease(this.#key, this.#claim.owner);
  }

  #confirm(askedAt: number): void {
    this.#certainUntil = Math.max(this.#certainUntil, askedAt + this.#claim.leaseMs);
  }

  #schedule(failed = false): void {
    const { leaseMs } = this.#claim;
    const waitMs = failed
      ? leaseMs / RETRIES_PER_LEASE
      : Math.min(leaseMs / RENEWALS_PER_LEASE, Math.max(0, this.#leftMs));
    this.#timer = setTimer(() => this.#beginRenewal(), waitMs);
  }

  #beginRenewal(): void {
    this.#renewing = this.#renew();
    this.#holder.finishLater(this.#renewing);
  }

  async #renew(): Promise<void> {
    const askedAt = monotonicMs();
    let isOurs: boolean | undefined;
    let isSilent = false;
    try {
      isOurs = await this.#store.renew(
        this.#key,
        this.#claim.owner,
        this.#claim.leaseMs,
        (late) => {
          if (late) this.#confirm(askedAt);
        },
      );
      if (isOurs) this.#confirm(askedAt);
      if (!isOurs && !this.#isOver && !this.#isWriting) isOurs = await this.reclaim();
    } catch (error) {
      isOurs = undefined;
      // The store may be back before the lease ends.
      isSilent = (error as Error).cause instanceof NoAnswerError;
    }
    if (this.#isOver) return;
    // While the result is written, `false` may be an effect of that.
    if (!this.#isWriting) {
      if (isOurs === false) return this.#lose();
      if (isOurs === undefined && this.#leftMs <= 0) this.#doubt(isSilent);
    }
    if (!this.#isOver) this.#schedule(!isOurs);
  }

  /** The lease is over, and the store has not said whose the key is. */
  #doubt(isSilent: boolean): void {
    if (!this.#isUncertain) {
      this.#isUncertain = true;
      this.#holder.onUncertain();
    }
    const leases = isSilent ? SILENT_LEASES : FAILING_LEASES;
    if (this.#leftMs <= -leases * this.#claim.leaseMs) this.#lose();
  }

  #lose(): void {
    this.stop();
    this.#holder.onLost();
  }
}
