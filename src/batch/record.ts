import { randomKey } from '../index.js';
import type { EncryptedCodec } from '../once/index.js';
import { ask } from '../options/callbacks.js';
import { readOptions } from '../options/read.js';
import type { Store, StoreRecord } from '../store/store.js';
import { itemKey, readCustomId } from './item.js';
import { type RecordOptions, recordOptions } from './options.js';
import type { BatchOutcome } from './outcome.js';
import { type ResultText, readResult } from './read-result.js';
import { releaseItem } from './release.js';
import { keepRequesters, requestersOf } from './requesters.js';
import { isUnchecked, isUnreadable, sealText, storedOutcome } from './stored-item.js';
import { windowsOf } from './windows.js';

/** The result of a request, for all of its requesters. */
export interface BatchResult extends BatchOutcome {
  /** The key of the request. */
  readonly id: string;
  /** The `custom_id`s of the planned requests that share this result. */
  readonly requesters: readonly string[];
  /** Whether the result was recorded before. */
  readonly isRepeated: boolean;
}

/** Counts of recorded results. */
export interface Recorded {
  /** Results that were stored now. */
  stored: number;
  /** Requests that failed and were released for the next plan. */
  released: number;
  /** Results that were recorded before. */
  repeated: number;
  /** Failures in an earlier batch than the current one of their request. They change nothing. */
  late: number;
  /** Results of requests that were never planned with this store. */
  unknown: number;
  /** Lines that are not results. The requests that they name were released for the next plan. */
  malformed: number;
  /** The `custom_id`s of the unknown results, at most 100. */
  readonly unknownIds: string[];
}

const MAX_UNKNOWN_IDS = 100;

/**
 * Records the results of batches, in any order, and returns their counts. A result that succeeded is
 * stored for all of its requesters. A request that failed, expired or was canceled is released, so
 * that the next plan sends it again.
 *
 * Takes the results of Anthropic's SDK, and the lines of OpenAI's output and error files, as text or
 * parsed. Recording the same results again changes nothing, except for a stored result that
 * cannot be read, because it is damaged or `codec` cannot decrypt it: it is replaced.
 *
 * A malformed line costs only the result in it. Its request is released like one that failed, and
 * `onResult` receives the error, which names the line. A malformed line that names no planned request
 * is reported by an exception, after all other results are recorded.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` naming the first malformed line without a request.
 * @example
 * const store = memoryStore();
 * const requests = [{ custom_id: 'anna', params: { model: 'm', max_tokens: 9, messages: [] } }];
 * const { batches } = await planBatch(requests, { store, provider: 'anthropic' });
 * const [{ customId }] = batches[0].items;
 * const results = [{ custom_id: customId, result: { type: 'succeeded', message: { id: 'msg_1' } } }];
 * const answers = {};
 * const { stored } = await recordResults(results, {
 *   store,
 *   onResult({ requesters, response }) {
 *     for (const name of requesters) answers[name] = response.id;
 *   },
 * });
 * stored; // 1
 * answers; // { anna: 'msg_1' }
 */
export async function recordResults(
  results: Iterable<unknown> | AsyncIterable<unknown>,
  options: RecordOptions,
): Promise<Recorded> {
  const recorder = new Recorder(options);
  const { source } = options;
  let count = 0;
  // An SDK throws at a line that it cannot parse. The results before it count.
  for await (const window of windowsOf(results, { endsWithRest: true })) {
    const first = count;
    count += window.length;
    const read = window.map((each, i) => readResult(each, first + i, source));
    await recorder.record(read.filter((each) => each !== undefined));
  }
  if (recorder.unnamed !== undefined) throw recorder.unnamed;
  return recorder.counts;
}

/** Records results in the store, window by window. */
export class Recorder {
  readonly counts: Recorded = {
    stored: 0,
    released: 0,
    repeated: 0,
    late: 0,
    unknown: 0,
    malformed: 0,
    unknownIds: [],
  };
  /** The error of the first malformed line that names no planned request. */
  unnamed: unknown;
  readonly #store: Store;
  readonly #ttlMs: number;
  readonly #onResult: RecordOptions['onResult'] | undefined;
  readonly #encryption: EncryptedCodec | undefined;
  readonly #storeErrors: NonNullable<RecordOptions['storeErrors']>;

  constructor(options: RecordOptions) {
    const settings = readOptions(recordOptions, options, 'options of recordResults');
    this.#store = settings.store;
    this.#ttlMs = settings.ttlMs;
    this.#onResult = settings.onResult;
    this.#encryption = settings.codec;
    this.#storeErrors = settings.storeErrors;
  }

  /** Records results concurrently; those of the same item one after the other. */
  async record(results: readonly ResultText[]): Promise<void> {
    const byItem = new Map<string, ResultText[]>();
    for (const result of results) {
      if (result.isMalformed) this.counts.malformed++;
      const id = readCustomId(result.customId ?? '')?.id;
      if (id === undefined) this.#addUnknown(result);
      else byItem.set(id, [...(byItem.get(id) ?? []), result]);
    }
    const recorded = await Promise.all(
      [...byItem].map(async ([id, same]) => {
        const all: BatchResult[] = [];
        for (const each of same) all.push(...(await this.#recordOne(id, each)));
        return all;
      }),
    );
    for (const result of recorded.flat()) await this.#onResult?.(result);
  }

  /** Returns the result to report; an empty list if it changes nothing. */
  async #recordOne(id: string, result: ResultText): Promise<BatchResult[]> {
    const { customId = '', text, outcome, isMalformed } = result;
    const isOf = readCustomId(customId)?.isOf as (record: StoreRecord) => boolean;
    const key = itemKey(id);
    const isStored =
      !isMalformed && (outcome.outcome === 'succeeded' || ask(this.#storeErrors, outcome, false));
    for (;;) {
      const { record } = await this.#store.read(key);
      const requesters = await requestersOf(this.#store, id, record);
      if (requesters === undefined) {
        this.#addUnknown(result);
        return [];
      }
      if (record !== undefined && record.state !== 'running') {
        if (isMalformed) return [];
        const stored = await storedOutcome(key, record, this.#encryption);
        // The provider keeps a result for weeks, so one that cannot be read can be recorded again. Without a
        // codec an encrypted one would be plain from then on.
        if (isStored && isUnreadable(stored) && !isUnchecked(record, this.#encryption)) {
          await keepRequesters(this.#store, id, record, this.#ttlMs);
          if (!(await this.#complete(key, await this.#take(key, record), outcome, text))) continue;
          this.counts.stored++;
          return [{ ...outcome, id, requesters, isRepeated: false }];
        }
        this.counts.repeated++;
        return [{ ...stored, id, requesters, isRepeated: true }];
      }
      if (outcome.outcome !== 'succeeded' && record !== undefined && !isOf(record)) {
        if (!isMalformed) this.counts.late++;
        return [];
      }
      if (!isStored) {
        if (record === undefined) this.counts.repeated += isMalformed ? 0 : 1;
        else {
          await keepRequesters(this.#store, id, record, this.#ttlMs);
          if (!(await releaseItem(this.#store, id, record.owner))) continue;
          this.counts.released++;
        }
        return [{ ...outcome, id, requesters, isRepeated: record === undefined }];
      }
      if (await this.#complete(key, record?.owner ?? (await this.#take(key)), outcome, text)) {
        this.counts.stored++;
        return [{ ...outcome, id, requesters, isRepeated: false }];
      }
    }
  }

  /**
   * Claims an item without a claim of a plan: the request failed in one batch and succeeded late in an
   * earlier one, or its claim has expired, or its result cannot be read. Returns the owner, if it is granted.
   */
  async #take(key: string, unreadable?: StoreRecord): Promise<string | undefined> {
    const owner = randomKey();
    const { claimed } = await this.#store.claim(key, {
      owner,
      leaseMs: 60_000,
      ttlMs: this.#ttlMs,
      fingerprint: undefined,
      takeUnknown: false,
      takeFinished: unreadable !== undefined,
      finishedOwner: unreadable?.owner,
    });
    return claimed ? owner : undefined;
  }

  async #complete(
    key: string,
    owner: string | undefined,
    { outcome }: BatchOutcome,
    text: string,
  ): Promise<boolean> {
    if (owner === undefined) return false;
    const state = outcome === 'succeeded' ? 'done' : 'failed';
    const sealed = await sealText(key, state, text, this.#encryption);
    return this.#store.complete(key, owner, { ...sealed, ttlMs: this.#ttlMs });
  }

  #addUnknown({ customId = '', isMalformed, outcome }: ResultText): void {
    if (isMalformed) {
      this.unnamed ??= outcome.error;
      return;
    }
    this.counts.unknown++;
    const { unknownIds } = this.counts;
    if (unknownIds.length < MAX_UNKNOWN_IDS) unknownIds.push(customId);
  }
}
