/**
 * A nightly batch: `node examples/batch/nightly.mjs`
 *
 * Twelve people ask questions, some of them the same one. A third of the requests fail, so a second
 * batch is needed. The response with the id of that second batch is lost. Runs with and without samekey, against a
 * local provider that bills its work.
 */
import Anthropic from '@anthropic-ai/sdk';
import { anthropicBatches, createBatch, planBatch, recordResults } from 'samekey/batch';
import { memoryStore } from 'samekey/store/memory';
import { startProvider } from '../provider/provider.mjs';

const requests = Array.from({ length: 12 }, (_, i) => ({
  custom_id: `person-${i}`,
  params: {
    model: 'm',
    max_tokens: 100,
    messages: [{ role: 'user', content: `Question ${i % 9}?` }],
  },
}));

/** The outcome of each POST request that creates a batch, in order. */
const MOODS = ['partial:3', 'lose'];

/** Returns all results of a batch, after it has ended. */
async function* resultsFrom(client, id) {
  while ((await client.messages.batches.retrieve(id)).processing_status !== 'ended');
  yield* await client.messages.batches.results(id);
}

/** The usual way: the SDK retries by itself, and every request without a result is sent again. */
async function withoutSamekey(client) {
  const answers = new Map();
  while (answers.size < requests.length) {
    const { id } = await client.messages.batches.create({ requests });
    for await (const { custom_id, result } of resultsFrom(client, id)) {
      if (result.type === 'succeeded') answers.set(custom_id, result.message);
    }
  }
  return answers;
}

async function withSamekey(client) {
  const store = memoryStore(); // or a store that outlives the process
  const api = anthropicBatches(client);
  const answers = new Map();
  const onResult = ({ requesters, outcome, response }) => {
    for (const name of outcome === 'succeeded' ? requesters : []) answers.set(name, response);
  };

  while (answers.size < requests.length) {
    const { batches } = await planBatch(requests, { store, provider: 'anthropic' });
    for (const batch of batches) {
      const { id } = await untilKnown(client, () => createBatch(batch, api, { store }));
      await recordResults(resultsFrom(client, id), { store, onResult });
    }
  }
  return answers;
}

/** A batch of Anthropic is identified by its results, so it must end before it can be found again. */
async function untilKnown(client, create) {
  for (;;) {
    try {
      return await create();
    } catch (error) {
      if (error.status !== undefined) throw error;
      for await (const { id } of client.messages.batches.list()) {
        await client.messages.batches.retrieve(id);
      }
    }
  }
}

for (const [name, way] of Object.entries({
  'without samekey:': withoutSamekey,
  'with samekey:': withSamekey,
})) {
  let count = 0;
  const provider = await startProvider({
    moods: ({ method }) => (method === 'POST' ? MOODS[count++] : undefined),
  });
  const client = new Anthropic({ apiKey: 'none is needed here', baseURL: provider.url });
  const answers = await way(client);
  const batchCount = provider.requests.filter(({ method }) => method === 'POST').length;
  console.log(
    `${name.padEnd(16)} ${answers.size} answers, ${batchCount} batches, ${provider.billedCount()} requests billed`,
  );
  await provider.stop();
}
