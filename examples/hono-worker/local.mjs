/**
 * The Worker without a platform: `node examples/hono-worker/local.mjs`
 *
 * Sends each order twice at the same time and a third time later, as clients and proxies do, and asks
 * the Worker how often it took the order. This file provides what the platform passes to a Worker
 * beside the request.
 */
import worker from './worker.js';

const waitedFor = [];
const context = { waitUntil: (promise) => waitedFor.push(promise), passThroughOnException() {} };

const send = (path, key) =>
  worker.fetch(
    new Request(`https://shop.example${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) },
      body: '{"item":"A1"}',
    }),
    {},
    context,
  );

for (const path of ['/unprotected/orders', '/orders']) {
  await Promise.all([send(path, 'order-7'), send(path, 'order-7')]);
  await send(path, 'order-7');
}
await Promise.all(waitedFor);

const runs = await (
  await worker.fetch(new Request('https://shop.example/runs'), {}, context)
).json();
const times = (count) => (count === 1 ? 'once' : `${count} times`);
console.log(`without samekey: the handler ran ${times(runs['/unprotected/orders'])}`);
console.log(`with samekey:    the handler ran ${times(runs['/orders'])}`);
console.log(`without a key:   ${(await send('/orders')).status}`);
