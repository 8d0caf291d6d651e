import { fail, nameOf } from '../errors/errors.js';
import { createOnce, type Once, type OnceContext, type Reconciliation } from '../once/index.js';
import { optional } from '../options/own.js';
import { readOptions } from '../options/read.js';
import type { SettingsOf } from '../options/spec.js';
import { sleep } from '../runtime/runtime.js';
import type { Store, StoreRecord } from '../store/store.js';
import { isUnknown } from '../store/transition.js';
import { batchCodec, type CreatedBatch, type InProgressBatch } from './in-progress.js';
import { itemKey } from './item.js';
import { type CreateOptions, createOptions } from './options.js';
import type { BatchItem, PlannedBatch } from './plan.js';
import { releaseItem } from './release.js';
import type { BatchProvider } from './request.js';
import { windowsOf } from './windows.js';

/** Describes a batch for `BatchApi.find`. */
export interface BatchTrace {
  /** The key of the batch. */
  readonly key: string;
  /** `custom_id`s of requests in the batch. */
  readonly customIds: readonly string[];
  /** The number of requests in the batch, if `customIds` lists all of them. */
  readonly itemCount: number | undefined;
  /** The earliest time, by the store's clock, at which it may have been created. In milliseconds since 1970. */
  readonly sinceMs: number;
}

/** How `createBatch` talks to a provider. `anthropicBatches` and `openaiBatches` wrap an SDK's client. */
export interface BatchApi {
  /** Prepares the creation, free of charge, for example by uploading a file. */
  prepare?(batch: PlannedBatch, context: { readonly signal: AbortSignal }): Promise<unknown>;
  /** Sends one request, without retries, and returns the provider's id of the batch. */
  create(
    batch: PlannedBatch,
    context: { readonly signal: AbortSignal; readonly prepared: unknown },
  ): Promise<{ readonly id: string }>;
  /** Looks for a batch whose creation was interrupted. Returns `undefined` if it does not exist, `'unknown'` while that is undecided. */
  find?(trace: BatchTrace): Promise<{ readonly id: string } | 'unknown' | undefined>;
}

/** A batch that exists at the provider. */
export interface Created {
  /** The provider's id of the batch. */
  readonly id: string;
  /** `found` means that an interrupted attempt had created it. The others are the outcomes of `once`. */
  readonly outcome: 'executed' | 'joined' | 'replayed' | 'found';
}

/** Statuses of a response that rules out that the batch was created. 408, 409 and 5xx do not. */
const REFUSALS: ReadonlySet<unknown> = new Set([400, 401, 402, 403, 404, 413, 415, 422]);
/** The request itself may have been accepted and have used up the limit. */
const LIMITED = 429;

/**
 * Creates a batch at most once across all processes that share the store. Every further call returns
 * the id of the existing batch.
 *
 * A create that fails may have reached the provider. Unless the provider refused it, the next call
 * looks for the batch with `find`, and creates it again only if it does not appear within `settleMs`.
 * While the outcome is unknown, the call rejects with `SAMEKEY_UNKNOWN_OUTCOME`.
 *
 * @throws {Error} `SAMEKEY_UNKNOWN_OUTCOME`; `SAMEKEY_LEASE_LOST` if the claims of the plan have
 * expired; the errors of `create`.
 * @example
 * const store = memoryStore();
 * const requests = [{ params: { model: 'm', max_tokens: 9, messages: [] } }];
 * const plan = await planBatch(requests, { store, provider: 'anthropic' });
 * let billed = 0;
 * const api = { create: async (batch) => ({ id: `batch_${++billed}` }) };
 * await createBatch(plan.batches[0], api, { store }); // { id: 'batch_1', outcome: 'executed' }
 * await createBatch(plan.batches[0], api, { store }); // { id: 'batch_1', outcome: 'replayed' }
 */
export async function createBatch(
  batch: PlannedBatch,
  api: BatchApi,
  options: CreateOptions,
): Promise<Created> {
  if (typeof api?.create !== 'function') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot create the batch: its api has no create(), it is ${nameOf(api)}`,
    );
  }
  const { key, items } = batch;
  const customIds = items.map(({ customId }) => customId);
  const trace = { key, customIds, itemCount: items.length };
  const settings = readOptions(createOptions, options, 'options of createBatch');
  // The record of the batch must not expire before those of its items, whose leases may be renewed below.
  const keptMs = Math.min(Math.max(batch.ttlMs, 2 * batch.leaseMs), Number.MAX_SAFE_INTEGER);
  const creation = new Creation(trace, batch.provider, api, settings, keptMs);
  return creation.run(async ({ signal }) => {
    const sinceMs = await requireClaims(creation.store, batch);
    const prepared = await optional(api, 'prepare')?.call(api, batch, { signal });
    try {
      return requireId(await api.create(batch, { signal, prepared }));
    } catch (error) {
      const { status } = (error ?? {}) as { readonly status?: unknown };
      if (REFUSALS.has(status)) throw error;
      const found = await creation.find(sinceMs).catch(() => 'unknown' as const);
      if (typeof found === 'object') return found;
      creation.isInDoubt = status !== LIMITED || found === 'unknown';
      throw error;
    }
  });
}

/**
 * Finds out whether a batch of another plan, whose creation was interrupted, exists: it was `created`,
 * it is `absent`, or that is still `unknown`. The next plan contains the requests of an absent batch.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for an api without `find`.
 * @example
 * const store = memoryStore();
 * const requests = [{ params: { model: 'm', max_tokens: 9, messages: [] } }];
 * const plan = () => planBatch(requests, { store, provider: 'anthropic' });
 * const [batch] = (await plan()).batches;
 * await createBatch(batch, { create: async () => ({ id: 'batch_1' }) }, { store });
 * const [other] = (await plan()).inProgress;
 * const api = { create: async () => ({ id: 'batch_2' }), find: async () => undefined };
 * await settleBatch(other, api, { store }); // { state: 'created', id: 'batch_1' }
 */
export async function settleBatch(
  batch: InProgressBatch,
  api: BatchApi,
  options: CreateOptions,
): Promise<{ readonly state: 'created' | 'absent' | 'unknown'; readonly id?: string }> {
  if (typeof api?.find !== 'function') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      'Cannot settle the batch: its api has no find(), wanted { create, find }',
    );
  }
  if (batch.batchId !== undefined) return { state: 'created', id: batch.batchId };
  if (batch.state !== 'unknown') return { state: 'unknown' };
  const absent = new Error('The batch was never created.');
  const { key, customIds, provider } = batch;
  const trace = { key, customIds, itemCount: undefined };
  const settings = readOptions(createOptions, options, 'options of settleBatch');
  const { record, nowMs } = await settings.store.read(key);
  const keptMs = record === undefined ? 0 : record.expiresAtMs - nowMs;
  const creation = new Creation(trace, provider, api, settings, keptMs);
  try {
    const { id } = await creation.run(() => {
      throw absent;
    });
    return { state: 'created', id };
  } catch (error) {
    if (error === absent) {
      await creation.forgetUnknown();
      return { state: 'absent' };
    }
    if ((error as { code?: unknown }).code === 'SAMEKEY_UNKNOWN_OUTCOME') {
      return { state: 'unknown' };
    }
    throw error;
  }
}

/** Creates one batch, with `once` on its key. */
class Creation {
  readonly store: Store;
  /** Whether the batch may have been created: the next attempt has to look for it first. */
  isInDoubt = false;
  readonly #once: Once<true>;
  readonly #trace: Omit<BatchTrace, 'sinceMs'>;
  readonly #provider: BatchProvider;
  readonly #api: BatchApi;
  #isFound = false;

  constructor(
    trace: Omit<BatchTrace, 'sinceMs'>,
    provider: BatchProvider,
    api: BatchApi,
    { store, leaseMs, settleMs, ttlMs, onEvent }: SettingsOf<typeof createOptions>,
    /** How long the record of the batch stays at least. Without it, its items would be sent again. */
    keptMs: number,
  ) {
    this.store = store;
    this.#trace = trace;
    this.#provider = provider;
    this.#api = api;
    this.#once = createOnce({
      store,
      codec: batchCodec,
      cache: false,
      leaseMs,
      ttlMs: Math.max(ttlMs, keptMs),
      ...(onEvent && { onEvent }),
      unknownErrors: () => this.isInDoubt,
      onUnknown: (record) => this.#reconcile(record, settleMs),
    });
  }

  async run(create: (context: OnceContext) => Promise<{ readonly id: string }>): Promise<Created> {
    const { value, outcome } = await this.#once.detailed(this.#trace.key, async (context) =>
      this.#created(await create(context)),
    );
    return { id: value.id as string, outcome: this.#isFound ? 'found' : outcome };
  }

  /** Deletes the record of unknown outcome, which the failed takeover has restored. */
  async forgetUnknown(): Promise<void> {
    const { key } = this.#trace;
    const { record, nowMs } = await this.store.read(key);
    if (record !== undefined && isUnknown(record, nowMs)) await this.store.evict(key);
  }

  async find(sinceMs: number): Promise<{ readonly id: string } | 'unknown' | undefined> {
    const found = await optional(this.#api, 'find')?.call(this.#api, { ...this.#trace, sinceMs });
    if (typeof found === 'object') this.#isFound = true;
    return found;
  }

  async #reconcile(
    { claimedAtMs, leaseEndsAtMs }: StoreRecord,
    settleMs: number,
  ): Promise<Reconciliation> {
    if (optional(this.#api, 'find') === undefined) return 'hold';
    for (;;) {
      const { nowMs } = await this.store.read(this.#trace.key);
      const found = await this.find(claimedAtMs);
      if (typeof found === 'object') return { value: this.#created(found) };
      if (found === 'unknown') return 'hold';
      const leftMs = leaseEndsAtMs + settleMs - nowMs;
      if (leftMs <= 0) return 'retry';
      await sleep(leftMs);
    }
  }

  #created({ id }: { readonly id: string }): CreatedBatch {
    return { id, provider: this.#provider, itemCount: this.#trace.customIds.length };
  }
}

/**
 * Checks that the plan still owns the claims of its items, and renews those that end soon. The plan may
 * be hours old, for example after the machine was suspended. Returns the time of the earliest claim.
 * If a claim is lost, the others are released.
 */
async function requireClaims(
  store: Store,
  { key, items, owners, leaseMs }: PlannedBatch,
): Promise<number> {
  const owned: number[] = [];
  let sinceMs = Number.POSITIVE_INFINITY;
  for await (const window of windowsOf(items.map(({ id }, i) => ({ id, i })))) {
    await Promise.all(
      window.map(async ({ id, i }) => {
        const owner = owners[i] as string;
        const { record, nowMs } = await store.read(itemKey(id));
        sinceMs = Math.min(sinceMs, record?.claimedAtMs ?? nowMs);
        const isOwned = record?.owner === owner && record.state === 'running';
        const isFresh = isOwned && record.leaseEndsAtMs - nowMs > leaseMs / 2;
        if (isFresh || (isOwned && (await store.renew(itemKey(id), owner, leaseMs)))) owned.push(i);
      }),
    );
  }
  const lostCount = items.length - owned.length;
  if (lostCount === 0) return sinceMs;
  // This batch will never be created. The next plan contains what is left of it.
  for await (const window of windowsOf(owned)) {
    const released = window.map((i) =>
      releaseItem(store, (items[i] as BatchItem).id, owners[i] as string),
    );
    // If the store fails, the claims expire.
    await Promise.allSettled(released);
  }
  return fail(
    Error,
    'SAMEKEY_LEASE_LOST',
    `Cannot create the batch ${key}: ${lostCount} of its ${items.length} items are no longer the plan's, wanted createBatch within ${leaseMs} ms (leaseMs); plan again`,
  );
}

function requireId(created: unknown): { readonly id: string } {
  const { id } = (created ?? {}) as { readonly id?: unknown };
  if (typeof id === 'string' && id !== '') return { id };
  // The batch was created, but without its id its results cannot be found.
  return fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot record the batch: create() returned the id ${nameOf(id)}, wanted the provider's id as text`,
  );
}
