import { fail, requireMembers } from '../errors/errors.js';
import { clearTimer, setTimer } from '../runtime/runtime.js';
import type { Store } from '../store/store.js';
import { itemKey } from './item.js';
import { requireStore, wholeFrom1, windowsOf } from './options.js';
import type { BatchOutcome } from './outcome.js';
import type { BatchPlan } from './plan.js';
import { outcomeIn } from './record.js';

/** How an item of a plan stands: with its result, or free for the next plan. */
export interface PlanResult extends Omit<BatchOutcome, 'outcome'> {
  readonly id: string;
  readonly requesters: readonly string[];
  /** `released`: it failed, and the next plan will have it again. */
  readonly outcome: BatchOutcome['outcome'] | 'released';
}

export interface ResultsOptions {
  readonly store: Store;
  /** How often the store is asked about what has no result yet; every 5 seconds unless given. */
  readonly pollMs?: number;
  /** Whether to wait for what has no result yet; it is left out otherwise. */
  readonly wait?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * The results of all items of a plan as they are recorded, by whichever process does that: those
 * that were there already first, those in batches of other plans, too.
 *
 * @throws the reason of `signal` when that aborts.
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
  const action = 'wait for the results';
  requireMembers(options, ['store', 'pollMs', 'wait', 'signal'], 'options of resultsOf');
  const store = requireStore(options.store, action);
  const pollMs = wholeFrom1('pollMs', options.pollMs, 5000, action);
  const { wait = true, signal } = options;
  if (!(plan?.requesters instanceof Map)) {
    fail(TypeError, 'SAMEKEY_BAD_ARGUMENT', `Cannot ${action}: wanted what planBatch returned`);
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
        yield { ...((record && outcomeIn(record)) ?? { outcome: 'released' }), id, requesters };
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
