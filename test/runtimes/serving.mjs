/** Checks what clients of the server in `program/serving.mjs` see, on any runtime. */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Case, LiveReader, outcomeOf, passedOf, read, rejection, same } from './program/asking.mjs';
import { RESPONSES } from './program/responses.mjs';

/**
 * @typedef {object} Client
 * @property {Case} at
 * @property {(behaviour: string, init?: RequestInit & {key?: string}) => Promise<Response>} order
 * @property {(behaviour: string, init?: RequestInit) => Promise<Response>} ask
 * @property {(behaviour: string, init?: RequestInit) => Promise<Response>} askImpatiently
 * @property {(route: 'bare' | 'guarded', name: string) => Promise<Compared>} receive
 * @property {() => Promise<void>} close
 *
 * @typedef {{head: string[], body: string}} Compared status and headers, and the body
 */

/** @type {Record<string, (client: Client) => Promise<void>>} */
export const SERVER_CHECKS = {
  async 'twenty requests at once run the handler once'({ at, order }) {
    await areOne(at, () => order('held'));
  },

  async 'a retry is replayed, another body is refused'({ at, order }) {
    const [first, again] = [await read(order('answer')), await read(order('answer'))];
    same([first.outcome, again.outcome], ['executed', 'replayed']);
    same([first.response.status, again.response.status], [201, 201]);
    same(again.body, first.body);
    const other = await order('answer', { body: '{"item":2}' });
    same([other.status, other.headers.get('content-type')], [422, 'application/problem+json']);
    await other.text();
    const without = await order('answer', { key: '' });
    same(without.status, 400);
    await without.text();
    same((await at.state()).count, 1);
  },

  async 'a stream reaches the client as it is written'({ at, order }) {
    const first = new LiveReader(await order('events'));
    for (const event of ['message_start', 'content_block_delta']) {
      await first.until(event);
      await at.go();
    }
    const text = await first.until();
    const again = await order('events');
    same([outcomeOf(again), await again.text()], ['replayed', text]);
  },

  async 'the retry of a client that hung up gets the answer'({ at, order }) {
    await outlives(at, (init) => order('held', init));
  },

  async 'the retry of a client that hung up in the middle of a stream gets it'({ at, order }) {
    await outlivesStream(at, (init) => order('events', init));
  },

  async 'the retry of a client that hung up while the same was sent gets the answer'({ at, ask }) {
    await outlives(at, (init) => ask('held', init));
  },

  async 'the retry of a client that hung up while the same streamed in gets it'({ at, ask }) {
    await outlivesStream(at, (init) => ask('events', init));
  },

  async 'the retry of a client that hung up waits for silence no longer than it is to'({
    askImpatiently,
  }) {
    const controller = new AbortController();
    await new LiveReader(await askImpatiently('events', { signal: controller.signal })).until(
      'message_start',
    );
    controller.abort();
    await sleep(100);
    const again = await askImpatiently('events');
    // It is not complete. Some servers end a broken response as if it were.
    const text = await again.text().catch(() => '');
    same(text.includes('message_stop'), false);
  },

  async 'every response is that of the handler without samekey'({ receive }) {
    const found = [];
    for (const name of Object.keys(RESPONSES)) {
      const bare = await receive('bare', name);
      const executed = await receive('guarded', name);
      if (!isEqual(executed, bare)) found.push({ name, bare, executed });
      const again = await receive('guarded', name);
      // A cookie is for one client. Bun gives a stored stream without a type the type of bytes or text.
      const isUntyped =
        /stream/.test(name) && !bare.head.some((line) => /^content-type:/.test(line));
      const ignored = isUntyped ? /^content-type:/ : /^set-cookie:/;
      if (!isEqual(again, bare, ignored)) found.push({ name, bare, again });
    }
    same(found, []);
  },

  async 'twenty requests at once that send the same are one'({ at, ask }) {
    await areOne(at, () => ask('held'));
  },
};

/**
 * Headers of samekey and of the connection. A stored response is whole, so its length is known, and
 * workerd does not know it while samekey passes a text on.
 */
const ADDED =
  /^(?:date|connection|keep-alive|content-length|transfer-encoding|samekey|samekey-key):/;

/**
 * Sends a POST without a client that hides anything.
 *
 * @param {URL} url
 * @returns {Promise<Compared>}
 */
const receiveFrom = (url) =>
  new Promise((resolve, reject) => {
    const headers = { 'idempotency-key': 'a', 'content-length': '0' };
    request(url, { method: 'POST', headers, agent: false }, async (response) => {
      const { statusCode, statusMessage, rawHeaders } = response;
      /** @type {Map<string, string>} */
      const values = new Map();
      for (let at = 0; at < rawHeaders.length; at += 2) {
        const name = String(rawHeaders[at]).toLowerCase();
        const value = rawHeaders[at + 1] ?? '';
        // The lines of one name mean the same in one line (RFC 9110 §5.3).
        const before = values.get(name);
        values.set(name, before === undefined ? value : `${before}, ${value}`);
      }
      const lines = [...values].map(([name, value]) => `${name}: ${value}`);
      const head = [`${statusCode} ${statusMessage}`];
      head.push(...lines.filter((line) => !ADDED.test(line)).sort());
      resolve({ head, body: Buffer.concat(await response.toArray()).toString('latin1') });
    })
      .on('error', reject)
      .end();
  });

/** @param {Compared} left @param {Compared} right @param {RegExp} [ignored] */
function isEqual(left, right, ignored = /^\0/) {
  const textOf = (/** @type {Compared} */ { head, body }) =>
    JSON.stringify([head.filter((line) => !ignored.test(line)), body]);
  return textOf(left) === textOf(right);
}

/** @param {Case} at @param {(init?: RequestInit) => Promise<Response>} send */
async function outlives(at, send) {
  const controller = new AbortController();
  const left = rejection(send({ signal: controller.signal }));
  await at.arrived();
  controller.abort();
  same((await left).name, 'AbortError');
  const again = read(send());
  await sleep(50);
  await at.go();
  same((await again).body.count, 1);
  same((await at.state()).count, 1);
}

/** @param {Case} at @param {(init?: RequestInit) => Promise<Response>} send */
async function outlivesStream(at, send) {
  const controller = new AbortController();
  await new LiveReader(await send({ signal: controller.signal })).until('message_start');
  controller.abort();
  // Waits until the server has noticed.
  await sleep(100);
  const again = send();
  await at.go();
  await at.go();
  same((await (await again).text()).match(/event: \w+/g)?.length, 3);
  same((await at.state()).count, 1);
}

/** @param {Case} at @param {() => Promise<Response>} send */
async function areOne(at, send) {
  const pending = Array.from({ length: 20 }, () => read(send()));
  await at.arrived();
  await at.go();
  const outcomes = (await Promise.all(pending)).map(({ outcome }) => outcome).sort();
  // A late request gets the stored response.
  same(
    outcomes.map((each) => (each === 'joined' ? 'replayed' : each)),
    ['executed', ...Array(19).fill('replayed')],
  );
  same((await at.state()).count, 1);
}

/**
 * @param {string} server its address
 * @param {import('./program/asking.mjs').Upstream} upstream
 * @returns {Promise<import('./program/asking.mjs').Requests>}
 */
export const askServer = (server, upstream) =>
  passedOf(
    SERVER_CHECKS,
    /** @returns {Client} */ () => {
      const at = new Case(upstream);
      const post = (/** @type {string} */ route, /** @type {string} */ behaviour) =>
        new URL(route + new URL(at.url(behaviour)).pathname, server);
      return {
        at,
        order: (behaviour, { key = 'a', ...init } = {}) =>
          fetch(post('/orders', behaviour), {
            method: 'POST',
            headers: { 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) },
            body: '{"item":1}',
            ...init,
          }),
        ask: (behaviour, init) =>
          fetch(post('/asked', behaviour), { method: 'POST', body: '{"n":1}', ...init }),
        askImpatiently: (behaviour, init) =>
          fetch(post('/impatient', behaviour), { method: 'POST', body: '{"n":1}', ...init }),
        receive: (route, name) =>
          receiveFrom(new URL(`/${route}/${encodeURIComponent(name)}`, server)),
        close: () => at.close(),
      };
    },
  );
