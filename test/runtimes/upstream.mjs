/**
 * The server that all runtimes send requests to, with its own origin. A path names a case and the
 * behaviour of the server: `/<case>/<behaviour>`. Requests are counted by case. `/<case>/go` lets the
 * waiting requests of a case continue.
 */
import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';

/**
 * @typedef {object} Case
 * @property {number} count of requests, without those about the case itself
 * @property {string} body of the last request
 * @property {string} type of the last request
 * @property {number} steps that may still run
 * @property {(() => void)[]} waiting
 *
 * @typedef {object} Call
 * @property {Case} of
 * @property {() => Promise<void>} step resolves when the next step may run
 * @property {import('node:http').IncomingMessage} request
 * @property {import('node:http').ServerResponse} response
 *
 * @typedef {object} Upstream
 * @property {string} url without a slash at its end
 * @property {string} refusing an address of this machine without a listener
 * @property {() => void} close
 */

/** The headers that a browser needs to show a page a response of another origin. */
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'content-type, idempotency-key, x-api-key',
  'access-control-allow-methods': 'POST',
  'access-control-expose-headers': 'x-made-by',
};
const JSON_TYPE = { 'content-type': 'application/json' };
const BYTES = { 'content-type': 'application/octet-stream' };
const EVENTS = ['message_start', 'content_block_delta', 'message_stop'].map(
  (type) => `event: ${type}\ndata: {"type":"${type}"}\n\n`,
);
/** A part of the promised length. */
const HALF = Buffer.alloc(500, 'a');

const answer = (/** @type {Call} */ { of, response }) =>
  response
    .writeHead(201, { ...JSON_TYPE, 'x-made-by': 'upstream' })
    .end(JSON.stringify({ count: of.count, type: of.type, body: of.body }));

/** The first response of a case breaks, all later ones are complete. */
const brokenOnce =
  (
    /** @type {import('node:http').OutgoingHttpHeaders} */ headers,
    /** @type {(socket: import('node:net').Socket) => void} */ end,
  ) =>
  async (/** @type {Call} */ { of, request, response, step }) => {
    response.writeHead(200, headers);
    if (of.count > 1) return response.end(Buffer.concat([HALF, HALF]));
    response.write(HALF);
    await step();
    return end(request.socket);
  };

/** @type {WeakSet<import('node:net').Socket>} */
const used = new WeakSet();

/** @type {Record<string, (call: Call) => unknown>} */
const BEHAVIOURS = {
  answer,
  async held(call) {
    await call.step();
    answer(call);
  },
  gzip: ({ of, response }) =>
    response
      .writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' })
      .end(gzipSync(JSON.stringify({ count: of.count, text: 'aé'.repeat(1000) }))),
  // Only the target of the redirect is counted.
  moved({ of, response }) {
    of.count--;
    response.writeHead(307, { location: 'answer' }).end();
  },
  async events({ response, step }) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(EVENTS[0]);
    for (const event of EVENTS.slice(1)) {
      await step();
      response.write(event);
    }
    response.end();
  },
  async 'events cut off'({ of, request, response, step }) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (of.count > 1) return response.end(EVENTS.join(''));
    response.write(EVENTS[0]);
    await step();
    return request.socket.destroy();
  },
  'length cut off': brokenOnce({ ...BYTES, 'content-length': 1000 }, (socket) => socket.end()),
  // The end of the chunked body is missing.
  'chunks cut off': brokenOnce(BYTES, (socket) => socket.end()),
  async 'JSON cut off'(call) {
    if (call.of.count > 1) return answer(call);
    call.response.writeHead(200, JSON_TYPE).write('{"count":1,"text":"');
    await call.step();
    return call.request.socket.end();
  },
  // Loses only a connection that was in use before. The first requests on it are not counted.
  'reused connection lost'(call) {
    const { socket } = call.request;
    if (used.has(socket)) return socket.destroy();
    used.add(socket);
    call.of.count--;
    return answer(call);
  },
  'connection lost'(call) {
    if (call.of.steps === 0) call.request.socket.destroy();
    else answer(call);
  },
};

/** @returns {Promise<Upstream>} */
export async function startUpstream() {
  /** @type {Map<string, Case>} */
  const cases = new Map();
  const server = createServer(async (request, response) => {
    const [, id = '', name = ''] = decodeURIComponent(request.url ?? '').split('/');
    for (const [header, value] of Object.entries(CORS)) response.setHeader(header, value);
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    const of = cases.get(id) ?? { count: 0, body: '', type: '', steps: 0, waiting: [] };
    cases.set(id, of);
    if (name === 'state') return response.writeHead(200, JSON_TYPE).end(JSON.stringify(of));
    if (name === 'go') {
      const next = of.waiting.shift();
      if (next) next();
      else of.steps++;
      return response.writeHead(204).end();
    }
    const behave = BEHAVIOURS[name];
    if (behave === undefined) return response.writeHead(404).end();
    /** @type {Buffer[]} */
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      // The client disconnected during the upload.
      return undefined;
    }
    of.count++;
    of.body = Buffer.concat(chunks).toString('latin1');
    of.type = request.headers['content-type'] ?? '';
    const step = async () => {
      if (of.steps > 0) of.steps--;
      else await new Promise((resolve) => of.waiting.push(() => resolve(undefined)));
    };
    return behave({ of, step, request, response });
  });
  // Other work in this process can delay the notice that a connection is in use again.
  server.keepAliveTimeout = 0;
  return {
    url: await listening(server),
    refusing: await unused(),
    close: () => server.close().closeAllConnections(),
  };
}

/** @param {import('node:http').Server} server */
async function listening(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return `http://127.0.0.1:${port}`;
}

async function unused() {
  const server = createServer();
  const url = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return url;
}
