/**
 * A local provider of language models, for examples and tests. It implements what the SDKs of OpenAI
 * and Anthropic need. It bills every request whose work it does, whatever its key, as the real providers do.
 * Its moods, given when it starts, decide what happens to each request.
 */
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import * as anthropic from './anthropic.mjs';
import { createAnthropicBatches } from './anthropic-batches.mjs';
import { readMood, send } from './moods.mjs';
import * as openai from './openai.mjs';
import { createOpenaiBatches } from './openai-batches.mjs';
import { Refusal } from './reply.mjs';

/**
 * A received request and its outcome.
 *
 * @typedef {object} Seen
 * @property {string} method
 * @property {string} path without the query
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {string} body
 * @property {import('./moods.mjs').Mood} mood
 * @property {boolean} isBilled
 */

/**
 * Starts the provider.
 *
 * @param {object} [options]
 * @param {readonly import('./moods.mjs').Mood[] | ((seen: Seen, index: number) => import('./moods.mjs').Mood)} [options.moods]
 *   of the first POST requests, in order; `answer` for all later ones. Or a function that is called
 *   for every request
 * @param {number} [options.port] default: a free port
 * @param {number} [options.workMs] how long it works on an answer
 * @param {number} [options.minChars] of an answer's text
 * @param {number} [options.polls] how many requests for its status a batch takes to end
 * @param {boolean} [options.honoursKeys] whether a second request with the same `Idempotency-Key` repeats
 *   no work. No provider promises that
 */
export async function startProvider({
  moods = [],
  port = 0,
  workMs = 0,
  minChars = 0,
  polls = 1,
  honoursKeys = false,
} = {}) {
  if (typeof moods !== 'function') for (const mood of moods) readMood(mood);
  /** @type {Seen[]} */
  const requests = [];
  const billedByBody = new Map();
  let billedCount = 0;
  let postCount = 0;
  /** By the header, if the provider honours it. */
  const answersByKey = new Map();
  /** By the key in a request's metadata, for later look-ups. */
  const answersByMetadata = new Map();

  /** @returns the number of this piece of work, from 1 */
  function bill(body) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    billedByBody.set(text, (billedByBody.get(text) ?? 0) + 1);
    return ++billedCount;
  }

  const anthropicBatches = createAnthropicBatches({ bill, polls, minChars });
  const openaiBatches = createOpenaiBatches({ bill, polls, minChars });

  /** Handles a request that is answered at once or as a stream. */
  const generation = (make, eventsOf) => (seen) => {
    const request = parse(seen.body);
    const made = make(request, { bill: () => bill(seen.body), minChars });
    if (request.metadata?.key) answersByMetadata.set(request.metadata.key, made.whole);
    if (request.stream !== true) return json(made.whole);
    return {
      headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
      chunks: eventsOf(made, request),
    };
  };

  const ROUTES = [
    ['POST', /^\/v1\/messages$/, generation(anthropic.message, anthropic.messageEvents)],
    ['POST', /^\/v1\/chat\/completions$/, generation(openai.completion, openai.completionEvents)],
    ['POST', /^\/v1\/responses$/, generation(openai.response, openai.responseEvents)],

    ['POST', /^\/v1\/messages\/batches$/, batch(anthropicBatches)],
    ['GET', /^\/v1\/messages\/batches$/, () => json(anthropicBatches.list())],
    ['GET', /^\/v1\/messages\/batches\/([^/]+)$/, (_, { id }) => json(anthropicBatches.poll(id))],
    [
      'GET',
      /^\/v1\/messages\/batches\/([^/]+)\/results$/,
      (_, { id }) => lines(anthropicBatches.results(id)),
    ],

    [
      'POST',
      /^\/v1\/files$/,
      async ({ headers }, { bytes }) =>
        json(await openaiBatches.upload(bytes, headers['content-type'])),
    ],
    ['GET', /^\/v1\/files\/([^/]+)$/, (_, { id }) => json(openaiBatches.file(id))],
    ['GET', /^\/v1\/files\/([^/]+)\/content$/, (_, { id }) => lines([openaiBatches.content(id)])],
    ['POST', /^\/v1\/batches$/, batch(openaiBatches)],
    ['GET', /^\/v1\/batches$/, () => json(openaiBatches.list())],
    ['GET', /^\/v1\/batches\/([^/]+)$/, (_, { id }) => json(openaiBatches.poll(id))],

    [
      'GET',
      /^\/v1\/answers\/([^/]+)$/,
      (_, { id }) => {
        const found = answersByMetadata.get(id);
        if (found === undefined) throw new Refusal(404, 'not found');
        return json(found);
      },
    ],
  ];

  async function work(seen, bytes, mood) {
    for (const [method, pattern, handle] of ROUTES) {
      const match = seen.method === method && pattern.exec(seen.path);
      if (!match) continue;
      const key = honoursKeys ? seen.headers['idempotency-key'] : undefined;
      const before = answersByKey.get(key);
      if (before !== undefined) {
        return { ...before, headers: { ...before.headers, 'idempotent-replayed': 'true' } };
      }
      const countBefore = billedCount;
      const answer = await handle(seen, { id: match[1], bytes, mood });
      seen.isBilled = billedCount > countBefore;
      if (key !== undefined) answersByKey.set(key, answer);
      return answer;
    }
    throw new Refusal(404, `There is nothing at ${seen.method} ${seen.path}`);
  }

  const server = createServer(async (request, response) => {
    const bytes = await readAll(request).catch(() => undefined);
    if (bytes === undefined) return; // the client has disconnected
    const { pathname: path } = new URL(request.url, 'http://provider');
    const { method, headers } = request;
    const seen = { method, path, headers, body: bytes.toString(), mood: 'answer', isBilled: false };
    if (typeof moods === 'function') seen.mood = moods(seen, requests.length) ?? 'answer';
    else if (method === 'POST') seen.mood = moods[postCount++] ?? 'answer';
    requests.push(seen);
    const mood = readMood(seen.mood);
    const id = `req_${requests.length}`;
    const fault = (status, message, more) => {
      const dialect = path.startsWith('/v1/messages') ? anthropic : openai;
      const { headers, chunks } = json(dialect.error(status, message, id));
      return { status, headers: { ...headers, ...more }, chunks };
    };

    if (mood.name === 'hang') return;
    let answer;
    if (mood.isWorking) {
      try {
        answer = await work(seen, bytes, mood);
      } catch (error) {
        const isRefusal = error instanceof Refusal;
        answer = fault(isRefusal ? error.status : 500, isRefusal ? error.message : error.stack);
      }
      if (workMs > 0) await sleep(workMs, undefined, { ref: false });
      if (mood.name === 'lose') {
        request.socket.destroy();
        return;
      }
      if (mood.name === 'refuse') answer = fault(429, 'The limit is passed.', RETRY_SOON);
    } else if (mood.literal !== undefined) {
      const { body = '', status, headers } = mood.literal;
      answer = typeof body === 'string' ? { headers: {}, chunks: [body] } : json(body);
      answer = { status, headers: { ...answer.headers, ...headers }, chunks: answer.chunks };
    } else {
      const wait = mood.number === undefined ? {} : { 'retry-after-ms': String(mood.number) };
      answer = fault(mood.status, `This is a ${mood.status}.`, wait);
    }
    const ids = { 'request-id': id, 'x-request-id': id };
    await send(response, { ...answer, headers: { ...ids, ...answer.headers } }, mood);
  });

  await new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return {
    /** Its origin: the `baseURL` of Anthropic's SDK, and with `/v1` the one of OpenAI's. */
    url: `http://127.0.0.1:${server.address().port}`,
    /** All requests, in order of arrival. */
    requests,
    /** How many pieces of work it billed, in total or for one body. */
    billedCount: (body) => (body === undefined ? billedCount : (billedByBody.get(body) ?? 0)),
    /** How often it billed each body. */
    billedByBody,
    /** The line that the examples print. */
    summary() {
      const count = requests.filter(({ method }) => method === 'POST').length;
      return `the provider saw ${count} ${count === 1 ? 'call' : 'calls'} and billed ${billedCount}`;
    },
    stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      return closed;
    },
  };
}

const RETRY_SOON = { 'retry-after-ms': '20' };

const json = (value) => ({
  headers: { 'content-type': 'application/json' },
  chunks: [JSON.stringify(value)],
});

const lines = (chunks) => ({ headers: { 'content-type': 'application/x-jsonl' }, chunks });

/** For the mood `partial:3` the items at 2, 5, 8, … fail. */
function batch({ create }) {
  return ({ body }, { mood: { name, number } }) => {
    const isErrored = (index) => name === 'partial' && index % number === number - 1;
    return json(create(parse(body), isErrored));
  };
}

function parse(body) {
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal(400, 'The body is not JSON.');
  }
}

async function readAll(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
