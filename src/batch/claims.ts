import type { Store, StoreRecord } from '../store/store.js';
import { isUnknown } from '../store/transition.js';
import { batchKey, batchOwner, customIdOf, itemKey, itemOwner, readOwner } from './item.js';
import type { BatchLimits, Route } from './request.js';
import { addRequesters, requestersIn } from './wants.js';

/** An item that a plan would like to have in one of its batches. */
export interface Candidate {
  readonly id: string;
  /** Of its first request, from 0. */
  readonly ordinal: number;
  readonly requesters: readonly string[];
  readonly byteCount: number;
  readonly route: Route;
}

/** What came of it. */
export type Standing =
  /** It goes into the batch with this number, under this id. */
  | { readonly kind: 'claimed'; readonly customId: string; readonly batch: number }
  /** It is in a batch of this plan already. */
  | { readonly kind: 'duplicate' }
  /** Its result is there. */
  | { readonly kind: 'finished' }
  /** It is in a batch of another plan, whose owner this is. */
  | {
      readonly kind: 'underway';
      readonly batch: string;
      readonly customId: string;
      readonly claimedAtMs: number;
    };

/** Deals candidates out to batches, none of which becomes too large. */
export class Places {
  readonly #limits: BatchLimits;
  readonly #open = new Map<string, { number: number; count: number; byteCount: number }>();
  #count = 0;

  constructor(limits: BatchLimits) {
    this.#limits = limits;
  }

  /** The number of the batch, from 1, that has room for it. */
  take({ route: { group, weight }, byteCount }: Candidate): number {
    let place = this.#open.get(group);
    if (
      place === undefined ||
      place.count + weight > this.#limits.maxRequests ||
      place.byteCount + byteCount > this.#limits.maxBytes
    ) {
      place = { number: ++this.#count, count: 0, byteCount: 0 };
      this.#open.set(group, place);
    }
    place.count += weight;
    place.byteCount += byteCount;
    return place.number;
  }
}

export interface ClaimSettings {
  readonly store: Store;
  readonly run: string;
  /** Runs that were broken off, and whose claims this one may have. */
  readonly earlierRuns?: ReadonlySet<string>;
  readonly limits: BatchLimits;
  readonly leaseMs: number;
  readonly ttlMs: number;
}

/**
 * Claims items for the batches of one run.
 *
 * The lease of a claim is the time there is to create the batch. An item whose lease has run out is
 * free again only if its batch was never begun: there is a record of every batch that was.
 */
export class ItemClaims {
  readonly #settings: ClaimSettings;
  readonly #places: Places;

  constructor(settings: ClaimSettings) {
    this.#settings = settings;
    this.#places = new Places(settings.limits);
  }

  /** What comes of the candidates, whose ids are all different. */
  async settle(candidates: readonly Candidate[]): Promise<Standing[]> {
    // Asked first, so that places are for those only that will need one.
    const found = await Promise.all(
      candidates.map(({ id }) => this.#settings.store.read(itemKey(id))),
    );
    const attempts = new Map<string, string>();
    const standings = await Promise.allSettled(
      candidates.map((candidate, i) => {
        const { record, nowMs } = found[i] as (typeof found)[number];
        return this.#settle(candidate, record, nowMs, attempts);
      }),
    );
    const failed = standings.find((each) => each.status === 'rejected');
    if (failed === undefined) {
      return standings.map((each) => (each as PromiseFulfilledResult<Standing>).value);
    }
    // Nobody will ever create a batch of these, also where the reply to a claim was lost.
    const { store } = this.#settings;
    await Promise.allSettled([...attempts].map(([key, owner]) => store.release(key, owner)));
    throw failed.reason;
  }

  async #settle(
    candidate: Candidate,
    found: StoreRecord | undefined,
    foundAtMs: number,
    attempts: Map<string, string>,
  ): Promise<Standing> {
    const { store, run, leaseMs, ttlMs } = this.#settings;
    const { id, ordinal, requesters } = candidate;
    const key = itemKey(id);
    let record = found;
    let nowMs = foundAtMs;
    let batch: number | undefined;
    for (;;) {
      const standing = await this.#standing(candidate, record, nowMs);
      const owned = requestersIn(record);
      if (typeof standing === 'object') {
        if (standing.kind !== 'finished') await addRequesters(store, id, requesters, owned, ttlMs);
        return standing;
      }
      batch ??= this.#places.take(candidate);
      const owner = itemOwner(batchOwner(run, batch), ordinal, requesters);
      // Whoever wanted it from the plan that had it.
      await addRequesters(store, id, owned, requesters, ttlMs);
      if (standing === 'own' && record !== undefined) await store.release(key, record.owner);
      attempts.set(key, owner);
      const request = { owner, leaseMs, ttlMs, fingerprint: undefined, takeFinished: false };
      const result = await store.claim(key, { ...request, takeUnknown: standing === 'abandoned' });
      if (result.claimed)
        return { kind: 'claimed', customId: customIdOf(id, result.record), batch };
      ({ record, nowMs } = result);
    }
  }

  /** What stands in the way of a claim, or how it may be made. */
  async #standing(
    { id }: Candidate,
    record: StoreRecord | undefined,
    nowMs: number,
  ): Promise<Standing | 'free' | 'own' | 'abandoned'> {
    if (record === undefined) return 'free';
    if (record.state !== 'running') return { kind: 'finished' };
    const owner = readOwner(record.owner);
    const { run, earlierRuns } = this.#settings;
    if (owner?.run === run) return { kind: 'duplicate' };
    if (owner !== undefined && earlierRuns?.has(owner.run)) return 'own';
    if (isUnknown(record, nowMs)) {
      const batch = owner && (await this.#settings.store.read(batchKey(owner.batch))).record;
      if (batch === undefined) return 'abandoned';
    }
    return {
      kind: 'underway',
      batch: owner?.batch ?? record.owner,
      customId: customIdOf(id, record),
      claimedAtMs: record.claimedAtMs,
    };
  }
}
