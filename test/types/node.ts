// With Node's declarations and without the DOM's.
import { Buffer } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { type Key, keyOfJson, keyOfStream, sha256Hex } from 'samekey';
import * as aiSdk from 'samekey/ai-sdk';
import * as batch from 'samekey/batch';
import * as cost from 'samekey/cost';
import * as fetching from 'samekey/fetch';
import * as once from 'samekey/once';
import { createPool, type LineKey } from 'samekey/pool';
import * as memory from 'samekey/store/memory';

keyOfStream(createReadStream('a'), { signal: AbortSignal.timeout(1000) });
keyOfStream(Readable.from(['a']));
keyOfStream(new ReadableStream());
keyOfStream(Readable.toWeb(Readable.from(['a'])));
keyOfStream(new Blob(['a']), { signal: new AbortController().signal });
sha256Hex(Buffer.from('a'), { secret: Buffer.from('k') });
keyOfJson(Buffer.from('1'));

const pool = createPool({ threads: 2 });
const keys: Promise<Key[]> = pool.keysOfJson([Buffer.from('1'), '2']);
const lines: AsyncIterable<LineKey> = pool.jsonLines(createReadStream('a'));

// @ts-expect-error: a path is not a stream
pool.jsonLines('requests.jsonl');

const store = memory.memoryStore();
const plan: Promise<batch.BatchPlan> = batch.planBatch(
  [
    { custom_id: 'anna', params: { model: 'm' } },
    { url: '/v1/responses', body: { model: 'm' } },
  ],
  { store, provider: 'openai', limits: { maxRequests: 9 } },
);
const dropped: Promise<number> = plan.then(({ batches: [first] }) =>
  batch.dropBatch(first?.key ?? '', { store }),
);
const recorded: Promise<batch.Recorded> = batch.recordResults([], {
  store,
  onResult: ({ requesters, isRepeated }) => void (isRepeated || requesters.join()),
});
const created = (planned: batch.PlannedBatch): Promise<batch.Created> =>
  batch.createBatch(
    planned,
    {
      create: async ({ requests }, { signal }) => ({
        id: `${requests().length} ${signal.aborted}`,
      }),
    },
    { store },
  );

const both: typeof globalThis.fetch = fetching.idempotentFetch({
  store,
  fetch: fetching.withRetry(fetch),
});
fetching.idempotentFetch({ store, fetch: async () => new Response() });

// @ts-expect-error: unknown provider
batch.planBatch([], { store, provider: 'bedrock' });
// @ts-expect-error: a request needs a body
batch.planBatch([{ custom_id: 'anna' }], { store, provider: 'openai' });

export { aiSdk, batch, both, cost, created, dropped, keys, lines, memory, once, recorded };
