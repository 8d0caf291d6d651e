/** Prints whether Node.js follows every promise after a call by the platform's fetch, or by a wrapped one. */
import { executionAsyncId } from 'node:async_hooks';
import { createServer } from 'node:http';
import { idempotentFetch } from 'samekey/fetch';
import { memoryStore } from 'samekey/store/memory';

const server = createServer((_request, response) => response.end('{}'));
await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
const wrapped = (/** @type {any} */ input, /** @type {any} */ init) => fetch(input, init);
const send = idempotentFetch({
  store: memoryStore(),
  ...(process.argv[2] === 'wrapped' && { fetch: wrapped }),
});
const response = await send(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'a' });
await response.text();
server.close();
server.closeAllConnections();
// A hook gives the code behind a promise an id of its own.
setImmediate(async () => {
  const before = executionAsyncId();
  await null;
  const hasHooks = executionAsyncId() !== before && executionAsyncId() !== 0;
  console.log(JSON.stringify({ outcome: response.headers.get('samekey'), hasHooks }));
});
