import type { EncryptedCodec } from '../once/index.js';
import type { BatchRoute } from '../providers/provider.js';
import type { Store, StoreRecord } from '../store/store.js';
import { batchOwner, customIdOf, itemKey, itemOwner, readOwner } from './item.js';
import { isAbandoned, releaseItem } from './release.js';
import type { BatchLimits } from './request.js';
import { addRequesters, requestersIn } from './requesters.js';
import { isUnchecked, isUnreadable, storedOutcome } from './stored-item.js';

/** An item that a plan wants to put into one of its batches. */
export interface Candidate {
  readonly id: string;
  /** The number of its first request in the input; part of the owner of the claim. */
  readonly ordinal: number;
  readonly requesters: readonly string[];
  readonly byteCount: number;
  readonly route: BatchRoute;
}

/** How the store decides on a candidate. */
export type ItemDecision =
  /** The item goes into the batch `batchNumber` of this plan, under `customId`. */
  | {
      readonly kind: 'claimed';
      readonly batchNumber: number;
      readonly customId: string;
      readonly owner: string;
    }
  /** The item is in a batch of this plan already. */
  | { readonly kind: 'duplicate' }
  /** The store has the result. Without a codec it is not known whether an encrypted one can be read. */
  | { readonly kind: 'finished'; readonly isUnchecked: boolean }
  /** The store has a result that cannot be read. */
  | { readonly kind: 'unreadable' }
  /** The item is in a batch of another plan. */
  | {
      readonly kind: 'inProgress';
      readonly batchOwner: string;
      readonly customId: string;
      readonly claimedAtMs: number;
    };

/** How an item can be claimed, for `#decide`. */
type Claimable =
  /** It has no record. */
  | { readonly kind: 'free' }
  /** An earlier, interrupted run of this plan has claimed it. */
  | { readonly kind: 'ownedByEarlierRun'; readonly owner: string }
  /** The claim has expired, and its batch was never begun. */
  | { readonly kind: 'abandoned' }
  /** Its result cannot be read, and it is to be sent again. */
  | { readonly kind: 'replaceable'; readonly owner: string };

/** Assigns items to numbered batches within the limits. */
class BatchAllocator {
  readonly #limits: BatchLimits;
  /** The batch that is being filled, by group. */
  readonly #open = new Map<string, { number: number; requestCount: number; byteCount: number }>();
  #batchCount = 0;

  constructor(limits: BatchLimits) {
    this.#limits = limits;
  }

  /** Returns the number, from 1, of the batch that takes the candidate. */
  allocate({ route: { group, weight }, byteCount }: Candidate): number {
    const { maxRequests, maxBytes } = this.#limits;
    let batch = this.#open.get(group);
    if (
      batch === undefined ||
      batch.requestCount + weight > maxRequests ||
      batch.byteCount + byteCount > maxBytes
    ) {
      batch = { number: ++this.#batchCount, requestCount: 0, byteCount: 0 };
      this.#open.set(group, batch);
    }
    batch.requestCount += weight;
    batch.byteCount += byteCount;
    return batch.number;
  }
}

export interface ClaimSettings {
  readonly store: Store;
  readonly run: string;
  /** Interrupted runs of the same plan: this run takes over their claims. */
  readonly earlierRuns?: ReadonlySet<string>;
  readonly limits: BatchLimits;
  readonly leaseMs: number;
  readonly ttlMs: number;
  readonly codec?: EncryptedCodec | undefined;
  readonly onUnreadable: 'hold' | 'retry';
}

/**
 * Claims items for the batches of one run.
 *
 * The batch has to be created before the lease of the claim expires. An item whose lease has expired
 * can be claimed again only if its batch was never begun: every batch that was begun has a record.
 */
export class ItemClaims {
  readonly #settings: ClaimSettings;
  readonly #allocator: BatchAllocator;
  #startedAtMs: number | undefined;

  constructor(settings: ClaimSettings) {
    this.#settings = settings;
    this.#allocator = new BatchAllocator(settings.limits);
  }

  /** The store's time before the first claim; `undefined` before `claim` was called. */
  get startedAtMs(): number | undefined {
    return this.#startedAtMs;
  }

  /** Claims the candidates, whose ids must all differ, and returns one decision for each. */
  async claim(candidates: readonly Candidate[]): Promise<ItemDecision[]> {
    // All reads come first: only items that turn out to need a claim take up room in a batch.
    const found = await Promise.all(
      candidates.map(({ id }) => this.#settings.store.read(itemKey(id))),
    );
    this.#startedAtMs ??= found[0]?.nowMs;
    const attempts = new Map<string, string>();
    const decisions = await Promise.allSettled(
      candidates.map((candidate, i) => {
        const { record, nowMs } = found[i] as (typeof found)[number];
        return this.#claim(candidate, record, nowMs, attempts);
      }),
    );
    const failed = decisions.find((each) => each.status === 'rejected');
    if (failed === undefined) {
      return decisions.map((each) => (each as PromiseFulfilledResult<ItemDecision>).value);
    }
    // No batch will be created of these, including the claims whose reply was lost.
    const { store } = this.#settings;
    await Promise.allSettled([...attempts].map(([id, owner]) => releaseItem(store, id, owner)));
    throw failed.reason;
  }

  async #claim(
    candidate: Candidate,
    found: StoreRecord | undefined,
    foundAtMs: number,
    attempts: Map<string, string>,
  ): Promise<ItemDecision> {
    const { store, run, leaseMs, ttlMs } = this.#settings;
    const { id, ordinal, requesters } = candidate;
    const key = itemKey(id);
    let record = found;
    let nowMs = foundAtMs;
    let batchNumber: number | undefined;
    for (;;) {
      const decision = await this.#decide(candidate, record, nowMs);
      const recorded = requestersIn(record);
      if (
        decision.kind === 'duplicate' ||
        decision.kind === 'finished' ||
        decision.kind === 'unreadable' ||
        decision.kind === 'inProgress'
      ) {
        if (decision.kind !== 'finished') {
          await addRequesters(store, id, requesters, recorded, ttlMs);
        }
        return decision;
      }
      batchNumber ??= this.#allocator.allocate(candidate);
      const owner = itemOwner(batchOwner(run, batchNumber), ordinal, requesters);
      // The requesters in the record that this claim replaces.
      await addRequesters(store, id, recorded, requesters, ttlMs);
      const isOfEarlierRun = decision.kind === 'ownedByEarlierRun';
      if (isOfEarlierRun) await store.release(key, decision.owner);
      attempts.set(id, owner);
      const isReplaceable = decision.kind === 'replaceable';
      const result = await store.claim(key, {
        owner,
        leaseMs,
        ttlMs,
        fingerprint: undefined,
        // The release leaves a record if that claim had taken over another one: transition.ts, `restored`.
        takeUnknown: isOfEarlierRun || decision.kind === 'abandoned',
        takeFinished: isReplaceable,
        finishedOwner: isReplaceable ? decision.owner : undefined,
      });
      if (result.claimed) {
        return { kind: 'claimed', batchNumber, customId: customIdOf(id, result.record), owner };
      }
      ({ record, nowMs } = result);
    }
  }

  async #decide(
    { id }: Candidate,
    record: StoreRecord | undefined,
    nowMs: number,
  ): Promise<Exclude<ItemDecision, { kind: 'claimed' }> | Claimable> {
    if (record === undefined) return { kind: 'free' };
    const { run, earlierRuns, codec, onUnreadable } = this.#settings;
    if (record.state !== 'running') {
      if (isUnchecked(record, codec)) return { kind: 'finished', isUnchecked: true };
      const stored = await storedOutcome(itemKey(id), record, codec);
      if (!isUnreadable(stored)) return { kind: 'finished', isUnchecked: false };
      return onUnreadable === 'hold'
        ? { kind: 'unreadable' }
        : { kind: 'replaceable', owner: record.owner };
    }
    const owner = readOwner(record.owner);
    if (owner?.run === run) return { kind: 'duplicate' };
    if (owner !== undefined && earlierRuns?.has(owner.run)) {
      return { kind: 'ownedByEarlierRun', owner: record.owner };
    }
    if (await isAbandoned(this.#settings.store, record, nowMs)) return { kind: 'abandoned' };
    return {
      kind: 'inProgress',
      batchOwner: owner?.batch ?? record.owner,
      customId: customIdOf(id, record),
      claimedAtMs: record.claimedAtMs,
    };
  }
}
