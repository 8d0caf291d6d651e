import { encoder } from '../engine/utf8.js';
import { requireMembers } from '../errors/errors.js';
import { type IdentityLike, identities, randomKey } from '../index.js';
import type { Store } from '../store/store.js';
import { type Candidate, ItemClaims } from './claims.js';
import { BatchHold } from './hold.js';
import { lookAtBatch, type UnderwayBatch, type UnderwayItem } from './in-progress.js';
import { batchKey, batchOwner, ItemKeys, itemKey, itemOwner } from './item.js';
import {
  DEFAULT_LEASE_MS,
  DEFAULT_TTL_MS,
  refuse,
  requireStore,
  wholeFrom1,
  windowsOf,
} from './options.js';
import {
  type BatchLimits,
  type BatchProvider,
  type BatchRequest,
  LIMITS,
  lineOverheadBytes,
  readRequest,
  requestLine,
  requireFit,
} from './request.js';

export interface PlanOptions {
  readonly store: Store;
  readonly provider: BatchProvider;
  /** What of a request is its identity; the preset of the provider unless given. */
  readonly identity?: IdentityLike;
  /** How long there is to create the batches before others may plan their items; an hour unless given. */
  readonly leaseMs?: number;
  /** How long results are kept, and what was sent is not sent again; 30 days unless given. */
  readonly ttlMs?: number;
  /** Smaller limits than the provider's. */
  readonly limits?: Partial<BatchLimits>;
}

/** One request of a batch. */
export interface BatchItem {
  /** The key of the request. */
  readonly id: string;
  /** What it is called in the batch: the key, and which claim of it that is. */
  readonly customId: string;
  /** The body as JSON text. */
  readonly body: string;
}

/** A batch to be created. */
export interface PlannedBatch {
  /** The same for every attempt to create it, for `once` and for the provider's metadata. */
  readonly key: string;
  readonly provider: BatchProvider;
  /** Where all its requests go. */
  readonly url: string;
  readonly items: readonly BatchItem[];
  readonly byteCount: number;
  /** Whose the claims of its items are. */
  readonly owners: readonly string[];
  readonly leaseMs: number;
  /** The lines of a batch file, without line feeds. */
  lines(): Generator<string>;
  /** The requests as values, for an SDK. */
  requests(): { custom_id: string; params?: object; body?: object }[];
}

export interface BatchPlan {
  readonly provider: BatchProvider;
  /** To be created. */
  readonly batches: readonly PlannedBatch[];
  /** What is in batches of others. */
  readonly underway: readonly UnderwayBatch[];
  /** Keys of items whose results are there. */
  readonly finished: readonly string[];
  /** Who wants what, by the key of the item. */
  readonly requesters: ReadonlyMap<string, readonly string[]>;
  /** Requests that were given. */
  readonly requestCount: number;
  /** Gives the items of batches that were never begun back to whoever plans next. */
  release(): Promise<void>;
}

const MEMBERS = ['store', 'provider', 'identity', 'leaseMs', 'ttlMs', 'limits'];

/**
 * Returns what is left to be sent of some requests, in batches that the provider takes: each request
 * once, without those whose result is there and those that are in a batch of another plan. What it
 * gives is claimed: for `leaseMs` nobody else gets it, and once its batch is created, for `ttlMs`.
 *
 * The `custom_id` of a request, if it has one, is who wants its result. That is kept, too.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` naming the request or the option;
 * `SAMEKEY_TOO_LONG` for a request that no batch would take; as `keyOf` for a body that is not JSON.
 * @example
 * const store = memoryStore();
 * const ask = (content) => ({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content }] });
 * const plan = await planBatch(
 *   [
 *     { custom_id: 'anna', params: ask('Why is the sky blue?') },
 *     { custom_id: 'ben', params: ask('Why is the sky blue?') },
 *   ],
 *   { store, provider: 'anthropic' },
 * );
 * plan.batches[0].items.length; // 1
 * plan.requesters.get(plan.batches[0].items[0].id); // ['anna', 'ben']
 */
export async function planBatch(
  requests: Iterable<BatchRequest> | AsyncIterable<BatchRequest>,
  options: PlanOptions,
): Promise<BatchPlan> {
  requireMembers(options, MEMBERS, 'options of the plan');
  const { provider } = options;
  if (!Object.hasOwn(LIMITS, provider ?? '')) {
    refuse('plan the batch', 'provider is not "anthropic" or "openai"', RangeError);
  }
  const { limits = {} } = options;
  requireMembers(limits, ['maxRequests', 'maxBytes'], 'limits of the plan');
  const planner = new Planner(provider, {
    store: requireStore(options.store, 'plan the batch'),
    identity: options.identity ?? identities[provider],
    leaseMs: wholeFrom1('leaseMs', options.leaseMs, DEFAULT_LEASE_MS, 'plan the batch'),
    ttlMs: wholeFrom1('ttlMs', options.ttlMs, DEFAULT_TTL_MS, 'plan the batch'),
    limits: toLimits(limits, LIMITS[provider]),
  });
  try {
    for await (const window of windowsOf(requests)) await planner.take(window);
  } catch (error) {
    await planner.release().catch(() => {});
    throw error;
  }
  return planner.finish();
}

function toLimits(smaller: Partial<BatchLimits>, largest: BatchLimits): BatchLimits {
  const limitOf = (name: keyof BatchLimits) =>
    Math.min(wholeFrom1(name, smaller[name], largest[name], 'plan the batch'), largest[name]);
  return { maxRequests: limitOf('maxRequests'), maxBytes: limitOf('maxBytes') };
}

interface Building {
  readonly url: string;
  readonly items: BatchItem[];
  readonly owners: string[];
  byteCount: number;
}

class Planner {
  readonly #provider: BatchProvider;
  readonly #settings: Required<Omit<PlanOptions, 'provider' | 'limits'>> & { limits: BatchLimits };
  readonly #keys: ItemKeys;
  readonly #run = randomKey();
  readonly #claims: ItemClaims;
  readonly #batches = new Map<number, Building>();
  readonly #requesters = new Map<string, string[]>();
  readonly #finished: string[] = [];
  readonly #underway = new Map<string, UnderwayItem[]>();
  #requestCount = 0;

  constructor(
    provider: BatchProvider,
    settings: Required<Omit<PlanOptions, 'provider' | 'limits'>> & { limits: BatchLimits },
  ) {
    this.#provider = provider;
    this.#settings = settings;
    this.#keys = new ItemKeys(provider, settings.identity);
    this.#claims = new ItemClaims({ ...settings, run: this.#run });
  }

  async take(requests: readonly BatchRequest[]): Promise<void> {
    const candidates = new Map<string, Candidate & { requesters: string[]; body: string }>();
    for (const request of requests) {
      const ordinal = this.#requestCount++;
      const what = `the request ${ordinal}`;
      const { requester, body, route } = readRequest(request, this.#provider, what);
      const id = this.#keys.of(body, route.url);
      const requesters = requester === undefined ? [] : [requester];
      const all = this.#requesters.get(id);
      if (all === undefined) this.#requesters.set(id, [...requesters]);
      else all.push(...requesters);
      const twin = candidates.get(id);
      if (twin !== undefined) {
        twin.requesters.push(...requesters);
        continue;
      }
      const text = JSON.stringify(body);
      const byteCount = lineOverheadBytes(route.url) + encoder.encode(text).length;
      requireFit(what, route, byteCount, this.#settings.limits);
      candidates.set(id, { id, ordinal, requesters, byteCount, route, body: text });
    }
    const list = [...candidates.values()];
    const standings = await this.#claims.settle(list);
    standings.forEach((standing, i) => {
      const { id, ordinal, requesters, body, byteCount, route } = list[i] as (typeof list)[number];
      if (standing.kind === 'finished') this.#finished.push(id);
      if (standing.kind === 'underway') {
        const { batch, customId, claimedAtMs } = standing;
        const others = this.#underway.get(batch) ?? [];
        others.push({ id, customId, claimedAtMs });
        this.#underway.set(batch, others);
      }
      if (standing.kind !== 'claimed') return;
      const { batch: number, customId } = standing;
      const batch = this.#batches.get(number) ?? {
        url: route.url,
        items: [],
        owners: [],
        byteCount: 0,
      };
      batch.items.push({ id, customId, body });
      batch.owners.push(itemOwner(batchOwner(this.#run, number), ordinal, requesters));
      batch.byteCount += byteCount;
      this.#batches.set(number, batch);
    });
  }

  async finish(): Promise<BatchPlan> {
    const { store } = this.#settings;
    const underway: UnderwayBatch[] = [];
    for (const [owner, items] of this.#underway) {
      underway.push(await lookAtBatch(store, this.#provider, owner, items));
    }
    return {
      provider: this.#provider,
      batches: [...this.#batches].map(([number, batch]) => this.#planned(number, batch)),
      underway,
      finished: this.#finished,
      requesters: this.#requesters,
      requestCount: this.#requestCount,
      release: () => this.release(),
    };
  }

  #planned(number: number, { url, items, owners, byteCount }: Building): PlannedBatch {
    const provider = this.#provider;
    function* lines(): Generator<string> {
      for (const { customId, body } of items) yield requestLine(provider, customId, url, body);
    }
    return {
      key: batchKey(batchOwner(this.#run, number)),
      provider,
      url,
      items,
      owners,
      byteCount,
      leaseMs: this.#settings.leaseMs,
      lines,
      requests: () => [...lines()].map((line) => JSON.parse(line)),
    };
  }

  async release(): Promise<void> {
    const { store } = this.#settings;
    for (const [number, { items, owners }] of this.#batches) {
      const key = batchKey(batchOwner(this.#run, number));
      const hold = await BatchHold.on(store, key, { isBegun: false });
      if (hold === undefined) continue;
      try {
        for await (const window of windowsOf(items.map(({ id }, i) => ({ id, i })))) {
          await hold.prolong();
          await Promise.all(
            window.map(({ id, i }) => store.release(itemKey(id), owners[i] as string)),
          );
        }
      } catch (error) {
        // Or the next attempt would find it in use, and give nothing back.
        await hold.giveBack();
        throw error;
      }
      await hold.end();
    }
  }
}
