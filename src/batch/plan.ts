import { encoder } from '../engine/utf8.js';
import { type IdentityLike, identities, randomKey } from '../index.js';
import { readOptions } from '../options/read.js';
import type { SettingsOf } from '../options/spec.js';
import { type InProgressBatch, type ItemInProgress, readInProgressBatch } from './in-progress.js';
import { batchKey, batchOwner, ItemKeys } from './item.js';
import { BatchLock } from './lock.js';
import { type PlanOptions, planOptions } from './options.js';
import { type ClaimedItem, type KeyedRequest, Planner, type PlanWriter } from './planner.js';
import { releaseItem } from './release.js';
import {
  type BatchLimits,
  type BatchProvider,
  type BatchRequest,
  FORMATS,
  lineOverheadBytes,
  readRequest,
  requireFit,
} from './request.js';
import { windowsOf } from './windows.js';

/** One request of a batch. */
export interface BatchItem {
  /** The key of the request. */
  readonly id: string;
  /** The `custom_id` of the request in the batch: its key and a suffix for this claim. */
  readonly customId: string;
  /** The body of the request, as JSON text. */
  readonly body: string;
}

/** A batch that is ready to be created with `createBatch`. */
export interface PlannedBatch {
  /** Identifies the batch: the key of `createBatch`, and OpenAI's metadata `samekey`. */
  readonly key: string;
  /** The provider that the batch is for. */
  readonly provider: BatchProvider;
  /** The path that all requests are sent to, such as `/v1/messages`. */
  readonly url: string;
  /** The requests, at least one. */
  readonly items: readonly BatchItem[];
  /** Upper bound of the size of the batch file, in bytes. */
  readonly byteCount: number;
  /** The owners of the claims of the items, in the order of `items`. */
  readonly owners: readonly string[];
  /** How long the claims last, in milliseconds. */
  readonly leaseMs: number;
  /** How long the requests are not sent again once the batch was begun, in milliseconds. */
  readonly ttlMs: number;
  /** Yields the lines of the batch file, without line feeds. */
  lines(): Generator<string>;
  /** Returns the requests as values, as the provider's SDK takes them. */
  requests(): { custom_id: string; params?: object; body?: object }[];
}

/** The result of `planBatch`. */
export interface BatchPlan {
  /** The provider that the plan is for. */
  readonly provider: BatchProvider;
  /** The batches to create. */
  readonly batches: readonly PlannedBatch[];
  /** Batches of other plans that contain requests of this one. */
  readonly inProgress: readonly InProgressBatch[];
  /** The keys of requests whose results are stored. Without `codec`, those of encrypted results are here, too. */
  readonly finished: readonly string[];
  /** The keys of requests whose stored results cannot be read, unless `onUnreadable` is `'retry'`: no batch has them. */
  readonly unreadable: readonly string[];
  /** The `custom_id`s that share each request, by its key. */
  readonly requesters: ReadonlyMap<string, readonly string[]>;
  /** The number of requests that were passed to `planBatch`, duplicates included. */
  readonly requestCount: number;
  /** Releases the requests of batches whose creation has not begun, so that another plan can claim them. */
  release(): Promise<void>;
}

/**
 * Returns the batches that are left to create for these requests, within the provider's limits. Each
 * request is in one batch once, unless its result is stored or it is in a batch of another plan.
 *
 * The requests in `batches` are claimed: no other plan gets them for `leaseMs`, or for `ttlMs` once
 * their batch is created. The `custom_id` of a request, if it has one, is stored as its requester.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` naming the request or the option;
 * `SAMEKEY_TOO_LONG` for a request that exceeds the limits of a batch; the errors of `keyOf` for a body
 * that is not JSON.
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
  const settings = readOptions(planOptions, options, 'options of planBatch');
  const { provider, identity = identities[provider], limits } = settings;
  const plan = new MemoryPlan({
    ...settings,
    identity,
    limits: toLimits(limits, FORMATS[provider]),
  });
  try {
    for await (const window of windowsOf(requests)) await plan.addRequests(window);
    return await plan.finish();
  } catch (error) {
    await plan.release().catch(() => {});
    throw error;
  }
}

type PlanLimits = SettingsOf<typeof planOptions>['limits'];

function toLimits(smaller: PlanLimits, largest: BatchLimits): BatchLimits {
  const limitOf = (name: keyof BatchLimits) =>
    Math.min(smaller[name] ?? largest[name], largest[name]);
  return { maxRequests: limitOf('maxRequests'), maxBytes: limitOf('maxBytes') };
}

type PlanSettings = Omit<SettingsOf<typeof planOptions>, 'identity' | 'limits'> & {
  readonly identity: IdentityLike;
  readonly limits: BatchLimits;
};

/** A batch while it is being planned. */
interface BatchDraft {
  readonly url: string;
  readonly items: BatchItem[];
  readonly owners: string[];
  byteCount: number;
}

/** A plan in memory. */
class MemoryPlan implements PlanWriter {
  readonly #settings: PlanSettings;
  readonly #keys: ItemKeys;
  readonly #run = randomKey();
  readonly #planner: Planner;
  readonly #drafts = new Map<number, BatchDraft>();
  readonly #requesters = new Map<string, string[]>();
  readonly #finished: string[] = [];
  readonly #unreadable: string[] = [];
  readonly #inProgress = new Map<string, ItemInProgress[]>();
  #requestCount = 0;

  constructor(settings: PlanSettings) {
    this.#settings = settings;
    this.#keys = new ItemKeys(settings.provider, settings.identity);
    this.#planner = new Planner({ ...settings, run: this.#run }, this);
  }

  addRequests(requests: readonly BatchRequest[]): Promise<void> {
    return this.#planner.add(requests.map((request) => this.#read(request)));
  }

  #read(request: BatchRequest): KeyedRequest {
    const { provider, limits } = this.#settings;
    const ordinal = this.#requestCount++;
    const label = `the request ${ordinal}`;
    const { requester, body, route } = readRequest(request, provider, label);
    const id = this.#keyOfBody(body, route.url, label);
    const text = JSON.stringify(body);
    const byteCount = lineOverheadBytes(route.url) + encoder.encode(text).length;
    requireFit(label, route, byteCount, limits);
    const requesters = this.#requesters.get(id) ?? [];
    if (requester !== undefined) requesters.push(requester);
    this.#requesters.set(id, requesters);
    return { id, ordinal, requester, route, body: text, byteCount };
  }

  #keyOfBody(body: object, url: string, label: string): string {
    try {
      return this.#keys.of(body, url);
    } catch (error) {
      // Its path alone does not tell which of many requests it is.
      if (error instanceof Error) {
        error.message = error.message.replace(
          /^Cannot (.*?): /s,
          `Cannot plan ${label}: cannot $1: `,
        );
      }
      throw error;
    }
  }

  addItem(batchNumber: number, { id, customId, body, owner, route, byteCount }: ClaimedItem): void {
    let draft = this.#drafts.get(batchNumber);
    if (draft === undefined) {
      draft = { url: route.url, items: [], owners: [], byteCount: 0 };
      this.#drafts.set(batchNumber, draft);
    }
    draft.items.push({ id, customId, body });
    draft.owners.push(owner);
    draft.byteCount += byteCount;
  }

  addFinished(id: string): void {
    this.#finished.push(id);
  }

  addUnreadable(id: string): void {
    this.#unreadable.push(id);
  }

  addInProgress(owner: string, item: ItemInProgress): void {
    const items = this.#inProgress.get(owner) ?? [];
    items.push(item);
    this.#inProgress.set(owner, items);
  }

  async finish(): Promise<BatchPlan> {
    const { store, provider } = this.#settings;
    const inProgress: InProgressBatch[] = [];
    for (const [owner, items] of this.#inProgress) {
      inProgress.push(await readInProgressBatch(store, provider, owner, items));
    }
    return {
      provider,
      batches: [...this.#drafts].map(([number, draft]) => this.#toBatch(number, draft)),
      inProgress,
      finished: this.#finished,
      unreadable: this.#unreadable,
      requesters: this.#requesters,
      requestCount: this.#requestCount,
      release: () => this.release(),
    };
  }

  #keyOf(batchNumber: number): string {
    return batchKey(batchOwner(this.#run, batchNumber));
  }

  #toBatch(number: number, { url, items, owners, byteCount }: BatchDraft): PlannedBatch {
    const { provider, leaseMs, ttlMs } = this.#settings;
    function* lines(): Generator<string> {
      for (const { customId, body } of items) yield FORMATS[provider].line(customId, url, body);
    }
    return {
      key: this.#keyOf(number),
      provider,
      url,
      items,
      owners,
      byteCount,
      leaseMs,
      ttlMs,
      lines,
      requests: () => [...lines()].map((line) => JSON.parse(line)),
    };
  }

  async release(): Promise<void> {
    const { store } = this.#settings;
    for (const [number, { items, owners }] of this.#drafts) {
      const lock = await BatchLock.acquire(store, this.#keyOf(number), { isBegun: false });
      if (lock === undefined) continue;
      try {
        for await (const window of windowsOf(items.map(({ id }, i) => ({ id, i })))) {
          await lock.renew();
          await Promise.all(window.map(({ id, i }) => releaseItem(store, id, owners[i] as string)));
        }
      } catch (error) {
        // A later release() must find the batch unlocked, or it would release nothing.
        await lock.abort();
        throw error;
      }
      await lock.deleteBatch();
    }
  }
}
