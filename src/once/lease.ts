import { clearTimer, monotonicMs, setTimer, type Timer } from '../runtime/runtime.js';
import type { ClaimRequest } from '../store/store.js';
import type { Alarm } from './alarms.js';
import { leaseLost } from './errors.js';
import { NoAnswerError, PAUSE_MS } from './guarded-store.js';
import { RENEWALS_PER_LEASE } from './options.js';
import type { Claim, RunTools } from './run.js';

/**
 * How many leases an owner waits for the store after its own lease has run out: for a store that
 * answers with errors, and for one that does not answer. The latter may only be late, such as a
 * connection pool whose connections are all used by the functions themselves.
 */
const FAILING_LEASES = 1;
const SILENT_LEASES = 4;

/** A failed renewal is repeated after this fraction of the lease. */
const RETRIES_PER_LEASE = 10;

/**
 * The lease of a running function. Together with the store's atomic `claim` it keeps two processes
 * from running one key: a process runs the function only while it holds the lease, and renews it
 * until `stop`. No other process can claim the key before the lease has run out.
 *
 * A lease that has run out is not lost yet: a process that was paused finds its record unchanged if
 * no other process claimed the key. The store decides. Until it answers, the owner is uncertain. If
 * the store has lost the record (it restarted without persistence, or evicted it), the owner claims
 * the key again.
 */
export class Lease {
  readonly #key: string;
  readonly #claim: ClaimRequest;
  readonly #run: RunTools;
  readonly #onLost: () => void;
  /** Most runs end before the first renewal, so they share a timer for it. */
  #first: Alarm | undefined;
  #timer: Timer | undefined;
  /** Fires when the lease runs out before a renewal is confirmed. */
  #end: Timer | undefined;
  /** The monotonic time until which no other owner can have the key. */
  #certainUntil: number;
  #isUncertain = false;
  #isOver = false;
  #isWriting = false;
  #mayArriveLate = false;
  #renewing: Promise<void> | undefined;

  /**
   * @param onLost Another owner has the key, or the store has failed for too long.
   */
  constructor(key: string, { request, sentAt }: Claim, run: RunTools, onLost: () => void) {
    this.#key = key;
    this.#claim = request;
    this.#run = run;
    this.#onLost = onLost;
    // By the store's clock the lease began later.
    this.#certainUntil = sentAt + request.leaseMs;
    if (this.#leftMs > request.leaseMs / RENEWALS_PER_LEASE) {
      this.#first = run.renewals.set(() => this.#beginRenewal());
    } else {
      this.#schedule();
    }
  }

  /** Whether the lease was uncertain at any time. */
  get wasUncertain(): boolean {
    return this.#isUncertain;
  }

  get #leftMs(): number {
    return this.#certainUntil - monotonicMs();
  }

  /** Whether no other owner can have the key now. */
  get isCertain(): boolean {
    return this.#leftMs > 0;
  }

  /** Whether a claim was sent that may reach the store later. */
  get mayArriveLate(): boolean {
    return this.#mayArriveLate;
  }

  stop(): void {
    this.#isOver = true;
    if (this.#first !== undefined) this.#run.renewals.clear(this.#first);
    if (this.#timer !== undefined) clearTimer(this.#timer);
    if (this.#end !== undefined) clearTimer(this.#end);
  }

  /** Ends the lease in the store, without an outcome, so that the next caller need not wait for its end. */
  async end(): Promise<void> {
    this.stop();
    // A renewal in progress would extend the lease again.
    await this.#renewing;
    await this.#endInStore();
  }

  /** From now on the store's answer to `complete` shows who owns the key. */
  beginWriting(): void {
    this.#isWriting = true;
  }

  /** Claims the key again if no other owner has it; returns whether this owner has it now. */
  async reclaim(): Promise<boolean> {
    // Then a missing record must not be claimed again.
    if (this.#run.isEvicted) return false;
    const askedAt = monotonicMs();
    const request = { ...this.#claim, takeUnknown: false, takeFinished: false };
    const { claimed } = await this.#run.store.claim(this.#key, request, () => {
      this.#mayArriveLate = true;
    });
    if (claimed) this.#confirm(askedAt);
    return claimed;
  }

  #endInStore(): Promise<void> {
    return this.#run.store.endLease(this.#key, this.#claim.owner);
  }

  #confirm(askedAt: number): void {
    this.#certainUntil = Math.max(this.#certainUntil, askedAt + this.#claim.leaseMs);
    if (this.#end === undefined) return;
    clearTimer(this.#end);
    this.#end = undefined;
    // The next renewal may be in progress already.
    if (!this.#isOver) this.#watchEnd();
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
    this.#run.finishLater(this.#renewing);
  }

  async #renew(): Promise<void> {
    const key = this.#key;
    const { owner, leaseMs } = this.#claim;
    const askedAt = monotonicMs();
    let isOurs: boolean | undefined;
    let isSilent = false;
    this.#watchEnd();
    try {
      isOurs = await this.#run.store.renew(key, owner, leaseMs, (late) => {
        if (!late) return;
        this.#confirm(askedAt);
        // It arrived after `stop` and has extended the lease of an ended run.
        if (this.#isOver) this.#run.finishLater(this.#endInStore());
      });
      if (isOurs) this.#confirm(askedAt);
      if (!isOurs && !this.#isOver && !this.#isWriting) isOurs = await this.reclaim();
    } catch (error) {
      isOurs = undefined;
      // The store may recover before the lease runs out.
      isSilent = (error as Error).cause instanceof NoAnswerError;
    }
    if (this.#isOver) return;
    // After `complete`, `renew` returns false for the same owner.
    if (!this.#isWriting) {
      if (isOurs === false) return this.#loseLease();
      if (isOurs === undefined && this.#leftMs <= 0) this.#handleFailure(isSilent);
    }
    if (!this.#isOver) this.#schedule(!isOurs);
  }

  #watchEnd(): void {
    if (this.#end !== undefined || this.#leftMs <= 0) return;
    this.#end = setTimer(() => {
      this.#end = undefined;
      const overMs = -this.#leftMs;
      // After a pause of the process, the answer may have arrived: the renewal in progress decides.
      const wasPaused = overMs > Math.max(PAUSE_MS, this.#claim.leaseMs / RETRIES_PER_LEASE);
      if (overMs >= 0 && !wasPaused && !this.#isWriting) this.#becomeUncertain();
    }, Math.ceil(this.#leftMs));
  }

  #becomeUncertain(): void {
    if (this.#isUncertain) return;
    this.#isUncertain = true;
    // The function should stop.
    this.#run.abort.abort(leaseLost(this.#key));
  }

  /** The lease has run out, and the store has not answered. */
  #handleFailure(isSilent: boolean): void {
    this.#becomeUncertain();
    const leases = isSilent ? SILENT_LEASES : FAILING_LEASES;
    if (this.#leftMs <= -leases * this.#claim.leaseMs) this.#loseLease();
  }

  #loseLease(): void {
    this.stop();
    this.#onLost();
  }
}
