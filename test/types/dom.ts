// With the DOM's declarations: its streams, blobs and signals are accepted, and it accepts the results.
import { canonicalBytes, keyOfJson, keyOfStream, sha256, sha256Hex } from 'samekey';
import * as aiSdk from 'samekey/ai-sdk';
import * as batch from 'samekey/batch';
import * as cost from 'samekey/cost';
import * as once from 'samekey/once';
import * as memory from 'samekey/store/memory';

declare const request: Request;
declare const files: FileList;

keyOfStream(new Blob(['a']));
keyOfStream(new Blob(['a']).stream(), { signal: AbortSignal.timeout(1000) });
if (request.body !== null) keyOfStream(request.body, { signal: request.signal, scope: 's' });
for (const file of Array.from(files)) keyOfStream(file, { signal: new AbortController().signal });
keyOfStream(new Response('a').body as ReadableStream<Uint8Array>);
keyOfStream(new ReadableStream<string>());
request.arrayBuffer().then((body) => [keyOfJson(body), sha256Hex(body)]);

new Response(canonicalBytes({ a: 1 }));
new Blob([sha256('a')]);
crypto.subtle.digest('SHA-256', sha256('a'));

// @ts-expect-error: a promise of a stream is not a stream
keyOfStream(Promise.resolve(new ReadableStream()));
// @ts-expect-error: an event target with other events is not a signal
keyOfStream(new Blob([]), { signal: new EventTarget() });

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

// @ts-expect-error: unknown provider
batch.planBatch([], { store, provider: 'bedrock' });
// @ts-expect-error: a request needs a body
batch.planBatch([{ custom_id: 'anna' }], { store, provider: 'openai' });

export { aiSdk, batch, cost, created, dropped, memory, once, recorded };
