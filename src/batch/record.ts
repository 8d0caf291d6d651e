import { decoder, encoder } from '../engine/utf8.js';
import { fail, nameOf } from '../errors/errors.js';
import { randomKey } from '../index.js';
import { readOptions } from '../options/read.js';
import type { Store, StoreRecord } from '../store/store.js';
import { itemKey, readCustomId } from './item.js';
import { type RecordOptions, recordOptions } from './options.js';
import { type BatchOutcome, outcomeOf } from './outcome.js';
import { keepRequesters, requestersOf } from './requesters.js';
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
  /** The `custom_id`s of the unknown results, at most 100. */
  readonly unknownIds: string[];
}

const MAX_UNKNOWN_IDS = 100;

/**
 * Records the results of batches, in any order, and returns their counts. A result that succeeded is
 * stored for all of its requesters. A request that failed, expired or was canceled is released, so
 * that the next plan sends it again.
 *
 * Takes the results of Anthropic's SDK, and the parsed lines of OpenAI's output and error files.
 * Recording the same results again changes nothing.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` naming a value that is not a result.
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
  let count = 0;
  for await (const window of windowsOf(results)) {
    const first = count;
    count += window.length;
    await recorder.record(window.map((each, i) => toResult(each, first + i)));
  }
  return recorder.counts;
}

/** A result and the text that is stored. */
export interface ResultText {
  readonly customId: string;
  /** The members of the result except `custom_id`, as JSON. */
  readonly text: string;
  readonly outcome: BatchOutcome;
}

function toResult(value: unknown, index: number): ResultText {
  const { custom_id: customId, ...rest } = (value ?? {}) as Record<string, unknown>;
  const outcome = outcomeOf(rest);
  if (typeof customId !== 'string' || outcome === undefined) {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot record the result ${index}: it is ${nameOf(value)}${typeof value === 'object' ? ' of another kind' : ''}, wanted a line of a batch's results`,
    );
  }
  return { customId, text: JSON.stringify(rest), outcome };
}

/** Records results in the store, window by window. */
export class Recorder {
  readonly counts: Recorded = {
    stored: 0,
    released: 0,
    repeated: 0,
    late: 0,
    unknown: 0,
    unknownIds: [],
  };
  readonly #store: Store;
  readonly #ttlMs: number;
  readonly #onResult: RecordOptions['onResult'] | undefined;
  readonly #storeErrors: NonNullable<RecordOptions['storeErrors']>;

  constructor(options: RecordOptions) {
    const settings = readOptions(recordOptions, options, 'options of recordResults');
    this.#store = settings.store;
    this.#ttlMs = settings.ttlMs;
    this.#onResult = settings.onResult;
    this.#storeErrors = settings.storeErrors;
  }

  /** Records results concurrently; those of the same item one after the other. */
  async record(results: readonly ResultText[]): Promise<void> {
    const byItem = new Map<string, ResultText[]>();
    for (const result of results) {
      const id = readCustomId(result.customId)?.id;
      if (id === undefined) this.#addUnknown(result.customId);
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
  async #recordOne(id: string, { customId, text, outcome }: ResultText): Promise<BatchResult[]> {
    const isOf = readCustomId(customId)?.isOf as (record: StoreRecord) => boolean;
    const key = itemKey(id);
    const isStored = outcome.outcome === 'succeeded' || this.#storeErrors(outcome);
    for (;;) {
      const { record } = await this.#store.read(key);
      const requesters = await requestersOf(this.#store, id, record);
      if (requesters === undefined) {
        this.#addUnknown(customId);
        return [];
      }
      if (record !== undefined && record.state !== 'running') {
        this.counts.repeated++;
        return [{ ...(storedOutcome(record) ?? outcome), id, requesters, isRepeated: true }];
      }
      if (outcome.outcome !== 'succeeded' && record !== undefined && !isOf(record)) {
        this.counts.late++;
        return [];
      }
      if (!isStored) {
        if (record === undefined) this.counts.repeated++;
        else {
          await keepRequesters(this.#store, id, record, this.#ttlMs);
          if (!(await this.#store.release(key, record.owner))) continue;
          this.counts.released++;
        }
        return [{ ...outcome, id, requesters, isRepeated: record === undefined }];
      }
      if (await this.#complete(key, record, outcome, text)) {
        this.counts.stored++;
        return [{ ...outcome, id, requesters, isRepeated: false }];
      }
    }
  }

  async #complete(
    key: string,
    record: StoreRecord | undefined,
    { outcome }: BatchOutcome,
    text: string,
  ): Promise<boolean> {
    let owner = record?.owner;
    if (owner === undefined) {
      // The request failed in one batch and succeeded late in an earlier one, or its claim has expired.
      owner = randomKey();
      const request = { owner, leaseMs: 60_000, ttlMs: this.#ttlMs, fingerprint: undefined };
      const claim = { ...request, takeUnknown: false, takeFinished: false };
      if (!(await this.#store.claim(key, claim)).claimed) return false;
    }
    return this.#store.complete(key, owner, {
      state: outcome === 'succeeded' ? 'done' : 'failed',
      codec: 'json',
      payload: encoder.encode(text),
      ttlMs: this.#ttlMs,
    });
  }

  #addUnknown(customId: string): void {
    this.counts.unknown++;
    const { unknownIds } = this.counts;
    if (unknownIds.length < MAX_UNKNOWN_IDS) unknownIds.push(customId);
  }
}

/** Reads the outcome in a finished record. */
export function storedOutcome({ state, payload }: StoreRecord): BatchOutcome | undefined {
  if (state === 'running' || payload === undefined) return undefined;
  return outcomeOf(JSON.parse(decoder.decode(payload)));
}
