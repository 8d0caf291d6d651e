/**
 * The API behind the proxy. `/answer` sends a JSON document of ANSWER_MB at once, `/events` the same length as
 * events; `/late` answers with 2 KB when as many requests as HELD clients expect have come, `/stream` sends an
 * event each 100 ms.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const [answerMb = '10'] = process.argv.slice(2);
const answerBytes = Number(answerMb) * 1e6;
const STREAM_EVENTS = 50;
const EVENT_MS = 100;

const head = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'm',
  stop_reason: 'end_turn',
};
const usage = { input_tokens: 9, output_tokens: 9 };
const documentOf = (/** @type {number} */ length) =>
  JSON.stringify({ ...head, content: [{ type: 'text', text: 'x'.repeat(length) }], usage });
const answer = Buffer.from(documentOf(answerBytes));
const delta = (/** @type {string} */ content) =>
  `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
const last = `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`;
const event = Buffer.from(delta('x'.repeat(1000)));

let requestCount = 0;
const server = createServer(async (request, response) => {
  requestCount++;
  for await (const _ of request);
  if (request.url === '/answer') {
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': answer.length,
    });
    return response.end(answer);
  }
  if (request.url === '/late') {
    await sleep(3000);
    return response.writeHead(200, { 'content-type': 'application/json' }).end(documentOf(2000));
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  if (request.url === '/events') {
    for (let sent = 0; sent < answerBytes; sent += 50 * event.length) {
      if (!response.write(Buffer.concat(Array(50).fill(event)))) {
        await once(response, 'drain').catch(() => {});
      }
      if (response.destroyed) return;
    }
  } else {
    for (let n = 0; n < STREAM_EVENTS; n++) {
      response.write(delta(`word ${n} `));
      await sleep(EVENT_MS);
    }
  }
  response.end(last);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  process.send?.(server.address()),
);
process.on('message', () => process.send?.({ requestCount }));
process.on('disconnect', () => process.exit());
