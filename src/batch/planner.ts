import { optional } from '../options/own.js';
import type { BatchRoute } from '../providers/provider.js';
import type { Store } from '../store/store.js';
import { type Candidate, type ClaimSettings, ItemClaims } from './claims.js';
import { batchCodec, type CreatedBatch, type ItemInProgress } from './in-progress.js';
import { batchKey, batchOwner } from './item.js';
import type { BatchProvider } from './request.js';

/** A request with its key, ready to be planned. */
export interface KeyedRequest {
  /** The key of the request. */
  readonly id: string;
  /** The number of the request in the input. */
  readonly ordinal: number;
  /** The `custom_id` of the request. */
  readonly requester: string | undefined;
  readonly route: BatchRoute;
  /** The body as JSON text. */
  readonly body: string;
  /** Upper bound of the bytes that the request adds to a batch. */
  readonly byteCount: number;
}

/** A request that the plan has claimed. */
export interface ClaimedItem extends KeyedRequest {
  readonly customId: string;
  /** The owner of the claim. */
  readonly owner: string;
}

/** Receives the result of planning, for example to keep it in memory or to write it to files. */
export interface PlanWriter {
  /** Adds an item to the batch with this number, from 1. */
  addItem(batchNumber: number, item: ClaimedItem): void;
  /** Receives the key of an item whose result the store has. */
  addFinished?(id: string): void;
  /** Receives the key of an item whose result cannot be read. */
  addUnreadable?(id: string): void;
  /** Receives an item that is in a batch of another plan. */
  addInProgress?(batchOwner: string, item: ItemInProgress): void;
  /** Called after each window of requests; the planner waits for it. */
  flush?(): Promise<void>;
}

export interface PlannerSettings extends ClaimSettings {
  readonly provider: BatchProvider;
}

/**
 * Plans requests window by window: claims each request once and passes it to the writer.
 *
 * It holds one window of requests at a time and one counter for each batch, so that a file of any
 * length can be planned in constant memory.
 */
export class Planner {
  /** `unchecked` ones are finished, too. */
  readonly counts = {
    toSend: 0,
    duplicates: 0,
    finished: 0,
    unchecked: 0,
    unreadable: 0,
    inProgress: 0,
  };
  readonly #settings: PlannerSettings;
  readonly #writer: PlanWriter;
  readonly #claims: ItemClaims;
  readonly #itemCounts = new Map<number, number>();

  constructor(settings: PlannerSettings, writer: PlanWriter) {
    this.#settings = settings;
    this.#writer = writer;
    this.#claims = new ItemClaims(settings);
  }

  /** Plans one window of requests. */
  async add(requests: readonly KeyedRequest[]): Promise<void> {
    const candidates = new Map<string, KeyedRequest & Candidate & { requesters: string[] }>();
    for (const request of requests) {
      const requesters = request.requester === undefined ? [] : [request.requester];
      const duplicateOf = candidates.get(request.id);
      if (duplicateOf === undefined) candidates.set(request.id, { ...request, requesters });
      else {
        duplicateOf.requesters.push(...requesters);
        this.counts.duplicates++;
      }
    }
    const list = [...candidates.values()];
    const decisions = await this.#claims.claim(list);
    for (const [i, decision] of decisions.entries()) {
      const request = list[i] as (typeof list)[number];
      const { id } = request;
      if (decision.kind === 'claimed') {
        const { batchNumber, customId, owner } = decision;
        this.counts.toSend++;
        this.#itemCounts.set(batchNumber, (this.#itemCounts.get(batchNumber) ?? 0) + 1);
        this.#writer.addItem(batchNumber, { ...request, customId, owner });
      } else if (decision.kind === 'finished') {
        this.counts.finished++;
        if (decision.isUnchecked) this.counts.unchecked++;
        optional(this.#writer, 'addFinished')?.call(this.#writer, id);
      } else if (decision.kind === 'unreadable') {
        this.counts.unreadable++;
        optional(this.#writer, 'addUnreadable')?.call(this.#writer, id);
      } else if (decision.kind === 'inProgress') {
        const { batchOwner: owner, customId, claimedAtMs } = decision;
        this.counts.inProgress++;
        optional(this.#writer, 'addInProgress')?.call(this.#writer, owner, {
          id,
          customId,
          claimedAtMs,
        });
      } else {
        this.counts.duplicates++;
      }
    }
    await optional(this.#writer, 'flush')?.call(this.#writer);
  }

  /**
   * Records every batch as created, for a plan whose batches are files that a person sends.
   *
   * Returns `false`, and records no further batch, once the plan has taken longer than `leaseMs`:
   * other plans may have claimed its items by then.
   */
  async handOver(): Promise<boolean> {
    const { store } = this.#settings;
    for (const number of [...this.#itemCounts.keys()].sort((a, b) => a - b)) {
      if (!(await this.#handOverBatch(store, number))) return false;
    }
    return true;
  }

  async #handOverBatch(store: Store, number: number): Promise<boolean> {
    const { run, provider, leaseMs, ttlMs } = this.#settings;
    const key = batchKey(batchOwner(run, number));
    const { nowMs } = await store.claim(key, {
      owner: run,
      leaseMs,
      ttlMs,
      fingerprint: undefined,
      takeUnknown: false,
      takeFinished: false,
    });
    if (nowMs >= (this.#claims.startedAtMs ?? nowMs) + leaseMs) {
      await store.release(key, run);
      return false;
    }
    const created: CreatedBatch = {
      id: null,
      provider,
      itemCount: this.#itemCounts.get(number) ?? 0,
    };
    await store.complete(key, run, {
      state: 'done',
      codec: batchCodec.name,
      payload: batchCodec.encode(created),
      ttlMs,
    });
    return true;
  }
}
