import { decoder, encoder } from '../engine/utf8.js';
import { fail, nameOf, requireMembers } from '../errors/errors.js';
import { randomKey } from '../index.js';
import type { Store, StoreRecord } from '../store/store.js';
import { itemKey, readCustomId } from './item.js';
import { DEFAULT_TTL_MS, refuse, requireStore, wholeFrom1, windowsOf } from './options.js';
import { type BatchOutcome, outcomeOf } from './outcome.js';
import { keepRequesters, requestersOf } from './wants.js';

/** A result of a batch, for everybody who wants it. */
export interface BatchResult extends BatchOutcome {
  /** The key of the request. */
  readonly id: string;
  /** Who wants it: the `custom_id`s of the requests that were planned. */
  readonly requesters: readonly string[];
  /** Whether it had been recorded before. */
  readonly isRepeated: boolean;
}

export interface RecordOptions {
  readonly store: Store;
  /** Is given each result when it is stored, in no order; again if it is recorded again. */
  readonly onResult?: (result: BatchResult) => void | Promise<void>;
  /** Which failures are kept as results, so that they are not sent again; none unless given. */
  readonly storeErrors?: (result: BatchOutcome) => boolean;
  /** How long results are kept; 30 days unless given. */
  readonly ttlMs?: number;
}

/** What was done with results. */
export interface Recorded {
  /** Kept now. */
  stored: number;
  /** Failed, and free for the next plan. */
  released: number;
  /** Known before. */
  repeated: number;
  /** Failures of an earlier batch than the one their item is in now, which change nothing. */
  late: number;
  /** Of no item that was ever planned on this store. */
  unknown: number;
  /** The ids of some of those. */
  readonly unknownIds: string[];
}

const MAX_UNKNOWN_IDS = 100;
const MEMBERS = ['store', 'onResult', 'storeErrors', 'ttlMs'];

/**
 * Records the results of batches, in any order, and returns what was done with them: what succeeded
 * is kept for all who want it, and what failed, expired or was canceled is free for the next plan.
 *
 * Takes what the providers give: the results of Anthropic's SDK, and the lines of OpenAI's output
 * and error files as values. The same results twice do no harm.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` naming the result that is none.
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
  requireMembers(options, MEMBERS, 'options of recordResults');
  const recorder = new Recorder(options);
  let count = 0;
  for await (const window of windowsOf(results)) {
    const first = count;
    count += window.length;
    await recorder.take(window.map((each, i) => toResult(each, first + i)));
  }
  return recorder.recorded;
}

/** A result and the text it is kept as. */
export interface ResultText {
  readonly customId: string;
  /** Its members but `custom_id`, as JSON. */
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

/** Writes results into the store. */
export class Recorder {
  readonly recorded: Recorded = {
    stored: 0,
    released: 0,
    repeated: 0,
    late: 0,
    unknown: 0,
    unknownIds: [],
  };
  readonly #store: Store;
  readonly #ttlMs: number;
  readonly #onResult: NonNullable<RecordOptions['onResult']>;
  readonly #storeErrors: NonNullable<RecordOptions['storeErrors']>;

  constructor({ store, ttlMs, onResult = () => {}, storeErrors = () => false }: RecordOptions) {
    this.#store = requireStore(store, 'record the results');
    this.#ttlMs = wholeFrom1('ttlMs', ttlMs, DEFAULT_TTL_MS, 'record the results');
    for (const [name, value] of Object.entries({ onResult, storeErrors })) {
      if (typeof value !== 'function') {
        refuse('record the results', `${name} is ${nameOf(value)}, wanted a function`);
      }
    }
    this.#onResult = onResult;
    this.#storeErrors = storeErrors;
  }

  /** Records results side by side, those of one item one after the other. */
  async take(results: readonly ResultText[]): Promise<void> {
    const byItem = new Map<string, ResultText[]>();
    for (const result of results) {
      const id = readCustomId(result.customId)?.id;
      if (id === undefined) this.#addUnknown(result.customId);
      else byItem.set(id, [...(byItem.get(id) ?? []), result]);
    }
    const taken = await Promise.all(
      [...byItem].map(async ([id, same]) => {
        const all: BatchResult[] = [];
        for (const each of same) all.push(...(await this.#takeOne(id, each)));
        return all;
      }),
    );
    for (const result of taken.flat()) await this.#onResult(result);
  }

  /** What to tell those who want it, if there is anything. */
  async #takeOne(id: string, { customId, text, outcome }: ResultText): Promise<BatchResult[]> {
    const isOf = readCustomId(customId)?.isOf as (record: StoreRecord) => boolean;
    const key = itemKey(id);
    const isKept = outcome.outcome === 'succeeded' || this.#storeErrors(outcome);
    for (;;) {
      const { record } = await this.#store.read(key);
      const requesters = await requestersOf(this.#store, id, record);
      if (requesters === undefined) {
        this.#addUnknown(customId);
        return [];
      }
      if (record !== undefined && record.state !== 'running') {
        this.recorded.repeated++;
        return [{ ...(outcomeIn(record) ?? outcome), id, requesters, isRepeated: true }];
      }
      if (outcome.outcome !== 'succeeded' && record !== undefined && !isOf(record)) {
        this.recorded.late++;
        return [];
      }
      if (!isKept) {
        if (record === undefined) this.recorded.repeated++;
        else {
          await keepRequesters(this.#store, id, record, this.#ttlMs);
          if (!(await this.#store.release(key, record.owner))) continue;
          this.recorded.released++;
        }
        return [{ ...outcome, id, requesters, isRepeated: record === undefined }];
      }
      if (await this.#keep(key, record, outcome, text)) {
        this.recorded.stored++;
        return [{ ...outcome, id, requesters, isRepeated: false }];
      }
    }
  }

  async #keep(
    key: string,
    record: StoreRecord | undefined,
    { outcome }: BatchOutcome,
    text: string,
  ): Promise<boolean> {
    let owner = record?.owner;
    if (owner === undefined) {
      // It failed in one batch, and comes from an earlier one after all; or its claim has expired.
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
    this.recorded.unknown++;
    const { unknownIds } = this.recorded;
    if (unknownIds.length < MAX_UNKNOWN_IDS) unknownIds.push(customId);
  }
}

/** The outcome that a finished record holds. */
export function outcomeIn({ state, payload }: StoreRecord): BatchOutcome | undefined {
  if (state === 'running' || payload === undefined) return undefined;
  return outcomeOf(JSON.parse(decoder.decode(payload)));
}
