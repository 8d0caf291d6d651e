/** Anthropic's Message Batches: `/v1/messages/batches`. */
import { error, message } from './anthropic.mjs';
import { Refusal } from './reply.mjs';

const CUSTOM_ID = /^[a-zA-Z0-9_-]{1,64}$/;
const MAX_ITEMS = 100_000;

/**
 * @param {object} provider
 * @param {(body: unknown) => number} provider.bill
 * @param {number} provider.polls how many requests for its status a batch takes to end
 * @param {number} provider.minChars
 */
export function createAnthropicBatches({ bill, polls, minChars }) {
  const batches = new Map();

  function create({ requests }, isErrored) {
    if (!Array.isArray(requests) || requests.length === 0) {
      throw new Refusal(400, 'requests: Field required');
    }
    if (requests.length > MAX_ITEMS) throw new Refusal(400, `requests: at most ${MAX_ITEMS}`);
    const ids = new Set(requests.map(({ custom_id }) => custom_id));
    if (ids.size < requests.length) throw new Refusal(400, 'requests: custom_id must be unique');
    for (const id of ids) {
      if (!CUSTOM_ID.test(id))
        throw new Refusal(400, `custom_id: should match ${CUSTOM_ID.source}`);
    }
    const results = requests.map(({ custom_id, params }, index) => ({
      custom_id,
      result: isErrored(index) ? errored() : result(params),
    }));
    const id = `msgbatch_${batches.size + 1}`;
    // In another order than the requests: from the last to the first.
    batches.set(id, { id, results: results.reverse(), pollsLeft: polls, createdAt: new Date() });
    return show(batches.get(id));
  }

  function result(params) {
    try {
      const { whole } = message(params, { bill: () => bill(params), minChars });
      return { type: 'succeeded', message: whole };
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      return { type: 'errored', error: error(refusal.status, refusal.message, null) };
    }
  }

  const errored = () => ({ type: 'errored', error: error(500, 'Internal server error', null) });

  const find = (id) => {
    const batch = batches.get(id);
    if (batch === undefined) throw new Refusal(404, `There is no batch ${id}`);
    return batch;
  };

  function poll(id) {
    const batch = find(id);
    if (batch.pollsLeft > 0) batch.pollsLeft--;
    else batch.endedAt ??= new Date();
    return show(batch);
  }

  function show({ id, results, createdAt, endedAt }) {
    const succeeded = results.filter(({ result }) => result.type === 'succeeded').length;
    return {
      id,
      type: 'message_batch',
      processing_status: endedAt ? 'ended' : 'in_progress',
      request_counts: {
        processing: endedAt ? 0 : results.length,
        succeeded: endedAt ? succeeded : 0,
        errored: endedAt ? results.length - succeeded : 0,
        canceled: 0,
        expired: 0,
      },
      created_at: createdAt.toISOString(),
      ended_at: endedAt?.toISOString() ?? null,
      expires_at: new Date(createdAt.getTime() + 24 * 60 * 60 * 1000).toISOString(),
      archived_at: null,
      cancel_initiated_at: null,
      results_url: endedAt ? `/v1/messages/batches/${id}/results` : null,
    };
  }

  return {
    create,
    poll,
    list: () => ({
      data: [...batches.values()].reverse().map(show),
      has_more: false,
      first_id: null,
      last_id: null,
    }),
    /** Returns JSON Lines. */
    results(id) {
      const { results, endedAt } = find(id);
      if (!endedAt) throw new Refusal(404, `The batch ${id} has not ended`);
      return results.map((result) => `${JSON.stringify(result)}\n`);
    },
  };
}
