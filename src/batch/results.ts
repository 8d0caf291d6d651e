import { fail } from '../errors/errors.js';
import { readOptions } from '../options/read.js';
import { clearTimer, setTimer } from '../runtime/runtime.js';
import { itemKey } from './item.js';
import { type ResultsOptions, resultsOptions } from './options.js';
import type { BatchOutcome } from './outcome.js';
import type { BatchPlan } from './plan.js';
import { storedOutcome } from './stored-item.js';
import { windowsOf } from './windows.js';

/** The result of a request of a plan, or the news that it was released for the next plan. */
export interface PlanResult extends Omit<BatchOutcome, 'outcome'> {
  /** The key of the request. */
  readonly id: string;
  /** The `custom_id`s that share the result. */
  readonly requesters: readonly string[];
  /** `released` means that the request failed and that the next plan contains it again. */
  readonly outcome: BatchOutcome['outcome'] | 'released';
}

/**
 * Yields the result of each request of a plan as soon as a process has recorded it, including
 * requests that are in batches of other plans. Results that are stored already come first.
 *
 * @throws the reason of `signal` when it aborts.
 * @example
 * const store = memoryStore();
 * const requests = [{ custom_id: 'anna', params: { model: 'm', max_tokens: 9, messages: [] } }];
 * const plan = await planBatch(requests, { store, provider: 'anthropic' });
 * const [{ customId }] = plan.batches[0].items;
 * await recordResults(
 *   [{ custom_id: customId, result: { type: 'succeeded', message: { id: 'msg_1' } } }],
 *   { store },
 * );
 * const answers = [];
 * for await (const { requesters, response } of resultsOf(plan, { store })) {
 *   answers.push([requesters, response.id]);
 * }
 * answers; // [[['anna'], 'msg_1']]
 */
export async function* resultsOf(
  plan: BatchPlan,
  options: ResultsOptions,
): AsyncGenerator<PlanResult, void, undefined> {
  const { store, pollMs, wait, signal, codec } = readOptions(
    resultsOptions,
    options,
    'options of resultsOf',
  );
  if (!(plan?.requesters instanceof Map)) {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      'Cannot wait for the results: wanted what planBatch returned',
    );
  }
  const waiting = new Set(plan.requesters.keys());
  for (;;) {
    for await (const window of windowsOf([...waiting])) {
      signal?.throwIfAborted();
      const records = await Promise.all(window.map((id) => store.read(itemKey(id))));
      for (const [i, { record }] of records.entries()) {
        const id = window[i] as string;
        if (record?.state === 'running') continue;
        waiting.delete(id);
        const requesters = plan.requesters.get(id) ?? [];
        const stored = record && (await storedOutcome(itemKey(id), record, codec));
        yield { ...(stored ?? { outcome: 'released' }), id, requesters };
      }
    }
    if (!wait || waiting.size === 0) return;
    await pause(pollMs, signal);
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimer(timer);
      signal?.removeEventListener('abort', end);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimer(end, ms);
    signal?.addEventListener('abort', end);
    if (signal?.aborted) end();
  });
}
