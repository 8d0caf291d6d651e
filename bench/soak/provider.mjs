/**
 * The API behind the proxy: `node provider.mjs KEYS`. Answers each key by its script, and counts how often
 * it was called, and how often it did the work.
 */
import { createServer } from 'node:http';
import { scriptOf, Tally } from './script.mjs';

const ANSWER_MS = 5;
const EVENTS = 4;
const EVENT_MS = 5;

const keyCount = Number(process.argv[2]);
const calls = new Tally(keyCount);
const runs = new Tally(keyCount);

const usage = { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 };
const text = 'x'.repeat(200);

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (part) => {
    body += part;
  });
  request.on('end', () => answer(Number(/"seed":(\d+)/.exec(body)?.[1]), response));
});

/**
 * @param {number} n
 * @param {import('node:http').ServerResponse} response
 */
function answer(n, response) {
  const { fails, isStreamed } = scriptOf(n);
  if (calls.add(n) === 1 && fails !== 0) {
    const error = { message: `not yet: ${n}` };
    // Ask again at once: the client of the API waits.
    const head = { 'content-type': 'application/json', 'x-should-retry': 'false' };
    setTimeout(() => response.writeHead(fails, head).end(JSON.stringify({ error })), ANSWER_MS);
    return;
  }
  runs.add(n);
  const id = `run-${n}-${runs.total}`;
  if (isStreamed) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    sendEvents(response, id, 0);
    return;
  }
  const message = { role: 'assistant', content: text };
  const choices = [{ index: 0, message, finish_reason: 'stop' }];
  const json = JSON.stringify({ id, object: 'chat.completion', choices, usage });
  const head = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(json),
  };
  setTimeout(() => response.writeHead(200, head).end(json), ANSWER_MS);
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {string} id
 * @param {number} sent
 */
function sendEvents(response, id, sent) {
  const isLast = sent === EVENTS;
  const choice = { index: 0, delta: isLast ? {} : { content: `word ${sent} ` } };
  const choices = [{ ...choice, finish_reason: isLast ? 'stop' : null }];
  response.write(`data: ${JSON.stringify({ id, object: 'chat.completion.chunk', choices })}\n\n`);
  if (isLast) response.end('data: [DONE]\n\n');
  else setTimeout(() => sendEvents(response, id, sent + 1), EVENT_MS);
}

server.listen(0, '127.0.0.1', 4096);
process.on('disconnect', () => process.exit());
process.on('message', (/** @type {any} */ { id, verdict }) => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  let unexplained = 0;
  if (verdict) {
    for (const [n, count] of calls.counts.entries()) {
      if (count > (scriptOf(n).fails === 0 ? 1 : 2)) unexplained++;
    }
  }
  process.send?.({
    id,
    port,
    ...(verdict && {
      callCount: calls.total,
      runCount: runs.total,
      ranTwice: runs.above(1),
      calledTooOften: unexplained,
    }),
  });
});
