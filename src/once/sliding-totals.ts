import { RecentMap } from './recent-map.js';

/** How many accounts are counted at the same time. */
export const MAX_ACCOUNTS = 100_000;

/** The parts of the window that expire together. */
const SLICE_COUNT = 60;

/** The amounts of one account. */
interface Account {
  total: number;
  /** A slice, its amount, the next slice, its amount, …: the oldest first. Objects would take twice the memory. */
  readonly slices: number[];
}

/**
 * The sum of what each account has added within a window of time.
 *
 * An amount counts from its moment on for the window, and for the rest of its slice: at most a sixtieth
 * longer. So no window has more than the sum, whenever it begins. A bucket that refills would let twice
 * the limit through in the minute that follows a pause.
 *
 * The memory is bounded. An account takes one pair of numbers per slice in which it added something. Of
 * too many accounts, those are forgotten that have added nothing for the longest time. Whoever makes up
 * accounts to be forgotten has a new limit with each of them anyway.
 */
export class SlidingTotals {
  readonly #sliceMs: number;
  readonly #accounts: RecentMap<Account>;

  constructor(windowMs: number) {
    this.#sliceMs = windowMs / SLICE_COUNT;
    this.#accounts = new RecentMap(MAX_ACCOUNTS, windowMs + this.#sliceMs);
  }

  /** The accounts in memory. */
  get accountCount(): number {
    return this.#accounts.size;
  }

  total(name: string, nowMs: number): number {
    const account = this.#accounts.get(name);
    if (account === undefined) return 0;
    this.#expire(account, nowMs);
    return account.total;
  }

  /** Returns the slice of the amount, for `subtract`. */
  add(name: string, amount: number, nowMs: number): number {
    const slice = this.#sliceAt(nowMs);
    const account = this.#accounts.get(name);
    // An array that a `push` has made larger has room for 17 numbers more.
    if (account === undefined) {
      this.#accounts.set(name, { total: amount, slices: [slice, amount] }, nowMs);
      return slice;
    }
    this.#expire(account, nowMs);
    const { slices } = account;
    const at = slices.length - 2;
    if (slices[at] === slice) slices[at + 1] = (slices[at + 1] as number) + amount;
    else slices.push(slice, amount);
    account.total += amount;
    this.#accounts.set(name, account, nowMs);
    return slice;
  }

  /** Takes an amount back, if it still counts. */
  subtract(name: string, slice: number, amount: number): void {
    const account = this.#accounts.get(name);
    if (account === undefined) return;
    const { slices } = account;
    for (let at = 0; at < slices.length; at += 2) {
      if (slices[at] !== slice) continue;
      const taken = Math.min(amount, slices[at + 1] as number);
      slices[at + 1] = (slices[at + 1] as number) - taken;
      account.total -= taken;
    }
  }

  /** Returns how long it takes until the sum is below `limit`, if nothing is added. */
  msUntilBelow(name: string, limit: number, nowMs: number): number {
    let left = this.total(name, nowMs);
    const slices = this.#accounts.get(name)?.slices ?? [];
    for (let at = 0; left >= limit && at < slices.length; at += 2) {
      left -= slices[at + 1] as number;
      if (left < limit) return this.#endOf(slices[at] as number) - nowMs;
    }
    return 0;
  }

  #sliceAt(nowMs: number): number {
    return Math.floor(nowMs / this.#sliceMs);
  }

  /** When the amounts of a slice no longer count: a window after the end of the slice. */
  #endOf(slice: number): number {
    return (slice + 1 + SLICE_COUNT) * this.#sliceMs;
  }

  #expire(account: Account, nowMs: number): void {
    const { slices } = account;
    const oldest = this.#sliceAt(nowMs) - SLICE_COUNT;
    let expired = 0;
    while (expired < slices.length && (slices[expired] as number) < oldest) {
      account.total -= slices[expired + 1] as number;
      expired += 2;
    }
    if (expired > 0) slices.splice(0, expired);
  }
}
