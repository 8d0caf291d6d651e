/**
 * A thread with an `Object.prototype` of its own: the client of the servers under test, and the server
 * behind the `fetch` under test.
 */
import { createServer } from 'node:http';
import { parentPort } from 'node:worker_threads';

const EVENTS = ['{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}'];
EVENTS.push('{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}', '[DONE]');

const upstream = createServer(async (request, response) => {
  for await (const _ of request);
  if (request.url === '/stream') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of EVENTS) response.write(`data: ${event}\n\n`);
    response.end();
  } else {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"answer":1}');
  }
});
upstream.listen(0, '127.0.0.1', () => {
  parentPort.postMessage({ id: 0, url: `http://127.0.0.1:${upstream.address().port}` });
});

parentPort.on('message', async ({ id, url, key, body }) => {
  try {
    const headers = { 'content-type': 'application/json', connection: 'close' };
    if (key !== undefined) headers['idempotency-key'] = key;
    const response = await fetch(url, { method: 'POST', headers, body });
    const answer = [response.status, response.headers.get('samekey'), await response.text()];
    parentPort.postMessage({ id, answer });
  } catch (error) {
    parentPort.postMessage({ id, answer: [`no response: ${error.cause?.code}`] });
  }
});
