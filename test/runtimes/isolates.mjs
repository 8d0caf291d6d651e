/** Checks `once` in several isolates that share a store and serve one request after another. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { passedOf, same } from './program/asking.mjs';
import { answerAt } from './program/isolate.mjs';

/**
 * @typedef {object} Shared the shared store
 * @property {string} url
 * @property {(key: string) => number} executions
 * @property {(key: string) => number} renewals
 * @property {(key: string) => void} hang stops answering calls of this key
 * @property {() => void} close
 *
 * @typedef {Record<string, unknown>} Query
 * @typedef {object} Scene
 * @property {Shared} shared
 * @property {() => string} key
 * @property {URL} address of the first isolate
 * @property {((once: string, key: string, query?: Query) => Promise<any>)[]} isolates
 * @property {() => Promise<void>} close
 */

/** The duration of a run: longer than three leases. */
const RUN = { ms: 3300 };

/** @type {Record<string, (scene: Scene) => Promise<void>>} */
export const ISOLATE_CHECKS = {
  async 'every request of an isolate renews its lease'({ shared, key, isolates: [a, b] }) {
    for (const run of [RUN, { ...RUN, sleeps: 1 }, RUN]) {
      const own = key();
      const first = a('shared', own, run);
      await sleep(2000);
      const [{ outcome, count }, other] = await Promise.all([first, b('shared', own, run)]);
      same([outcome, other.outcome], ['executed', 'joined']);
      same([count, other.count, shared.executions(own)], [1, 1, 1]);
      if (shared.renewals(own) < 3) throw new Error(`${shared.renewals(own)} renewals`);
    }
  },

  async 'every request of an isolate gives up on a store that hangs'({ shared, key, isolates }) {
    for (let turn = 0; turn < 3; turn++) {
      const own = key();
      shared.hang(own);
      const answers = await Promise.all(isolates.map((isolate) => isolate('shared', own)));
      same(
        answers.map(({ code }) => code),
        ['SAMEKEY_STORE', 'SAMEKEY_STORE'],
      );
    }
  },

  async 'twenty requests of one isolate are one run'({ shared, key, isolates: [a] }) {
    const own = key();
    const all = await Promise.all(Array.from({ length: 20 }, () => a('shared', own, { ms: 300 })));
    same(all.map(({ outcome }) => outcome).sort(), ['executed', ...Array(19).fill('joined')]);
    same(shared.executions(own), 1);
  },

  async 'the duplicate of a client that hung up gets an answer'(scene) {
    const {
      shared,
      key,
      isolates: [a],
    } = scene;
    const own = key();
    await hangUp(scene, own, RUN);
    const duplicates = await Promise.all([a('shared', own, RUN), a('shared', own, RUN)]);
    same(duplicates.map(({ outcome }) => outcome).sort(), ['executed', 'joined']);
    same([duplicates[0].attempt, shared.executions(own)], [2, 2]);
    same((await a('shared', own, RUN)).outcome, 'replayed');
  },

  async 'one that waits while the client hangs up gets an answer, too'(scene) {
    const {
      key,
      isolates: [a],
    } = scene;
    const own = key();
    const hangingUp = hangUp(scene, own, RUN);
    await sleep(150);
    const [duplicate] = await Promise.all([a('shared', own, RUN), hangingUp]);
    same([duplicate.outcome, duplicate.attempt], ['executed', 2]);
  },

  async 'the duplicate of a client that hung up while a request was sent gets one'(scene) {
    const { key, shared, isolates } = scene;
    const own = key();
    await hangUp(scene, own, RUN, 'fetch');
    const all = await Promise.all(
      [...isolates, ...isolates].map((each) => each('fetch', own, RUN)),
    );
    same(
      all.map(({ count }) => count),
      [2, 2, 2, 2],
    );
    same(all.filter(({ outcome }) => outcome === 'executed').length, 1);
    same(shared.executions(own), 2);
  },

  async 'one in another isolate gets an answer, too'(scene) {
    const {
      key,
      isolates: [, b],
    } = scene;
    const own = key();
    await hangUp(scene, own, RUN);
    const { outcome, attempt } = await b('shared', own, RUN);
    same([outcome, attempt], ['executed', 2]);
  },

  async 'a duplicate that is turned away learns when a run is gone'(scene) {
    const {
      key,
      isolates: [a],
    } = scene;
    const own = key();
    await hangUp(scene, own, RUN, 'rejecting');
    same((await a('rejecting', own, RUN)).code, 'SAMEKEY_IN_PROGRESS');
    await sleep(2500);
    const { outcome, attempt } = await a('rejecting', own, RUN);
    same([outcome, attempt], ['executed', 2]);
  },

  async 'waitUntil keeps the run of a client that hung up'(scene) {
    const { shared, key, isolates } = scene;
    const own = key();
    await hangUp(scene, own, { ...RUN, waitUntil: 1 });
    const all = await Promise.all(isolates.map((isolate) => isolate('shared', own, RUN)));
    same(
      all.map(({ outcome }) => outcome),
      ['joined', 'joined'],
    );
    same(shared.executions(own), 1);
  },

  async 'who leaves ends its own wait only'({ shared, key, isolates: [a] }) {
    const own = key();
    const all = await Promise.all([
      a('shared', own, RUN),
      a('shared', own, { ...RUN, leavesAfterMs: 500 }),
    ]);
    same(
      all.map(({ outcome, code }) => outcome ?? code),
      ['executed', 'TimeoutError'],
    );
    same(shared.executions(own), 1);
  },

  async 'the last who leaves aborts the run of another request'({ shared, key, isolates: [a] }) {
    const own = key();
    const all = await Promise.all([
      a('aborting', own, { ...RUN, leavesAfterMs: 300, waitUntil: 1 }),
      sleep(100).then(() => a('aborting', own, { ...RUN, leavesAfterMs: 600 })),
    ]);
    same(
      all.map(({ code, message }) => (code === 'TimeoutError' ? code : message)),
      ['TimeoutError', 'TimeoutError'],
    );
    const { outcome } = await a('aborting', own, { ms: 10 });
    same([outcome, shared.executions(own)], ['executed', 2]);
  },

  async 'a memory store tells other requests'({ shared, key, isolates: [a] }) {
    const own = key();
    const first = a('memory', own, RUN);
    await sleep(300);
    const all = await Promise.all([first, a('other memory', own, RUN)]);
    same(
      all.map(({ outcome }) => outcome),
      ['executed', 'joined'],
    );
    same(shared.executions(own), 1);
  },
};

/**
 * Starts a run, and resets the connection during it: workerd then cancels the request at once. It would
 * notice a closed connection only when it writes to it.
 *
 * @param {Scene} scene
 */
async function hangUp(
  { address },
  /** @type {string} */ key,
  /** @type {Query} */ run,
  once = 'shared',
) {
  const { hostname, port, pathname, search } = urlOf(address, once, key, run);
  const socket = connect(Number(port), hostname);
  await new Promise((resolve) => socket.once('connect', () => resolve(undefined)));
  socket.write(`GET ${pathname}${search} HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`);
  await sleep(400);
  socket.resetAndDestroy();
  // Waits until the isolate has noticed.
  await sleep(100);
}

function urlOf(
  /** @type {URL} */ address,
  /** @type {string} */ once,
  /** @type {string} */ key,
  /** @type {Query} */ query = {},
) {
  const url = new URL(`${encodeURIComponent(once)}/${key}`, address);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
  return url;
}

/** @param {import('../../dist/store/store.js').Store} store @returns {Promise<Shared>} */
export async function startShared(store) {
  /** @type {Record<'executions' | 'renewals', Map<string, number>>} */
  const counts = { executions: new Map(), renewals: new Map() };
  const count = (/** @type {keyof typeof counts} */ what, /** @type {string} */ key) => {
    const next = (counts[what].get(key) ?? 0) + 1;
    counts[what].set(key, next);
    return next;
  };
  /** @type {Set<string>} */
  const hanging = new Set();
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
    const [, method = '', key = ''] = pathname.split('/');
    if (method === 'work') {
      const executed = count('executions', key);
      await sleep(Number(searchParams.get('ms')));
      return response.end(String(executed));
    }
    const body = await text(request);
    const [own] = JSON.parse(body);
    if (hanging.has(own)) return undefined;
    const answer = await answerAt(store, method, body);
    if (method === 'renew') count('renewals', own);
    return response.end(answer);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    executions: (key) => counts.executions.get(key) ?? 0,
    renewals: (key) => counts.renewals.get(key) ?? 0,
    hang: (key) => hanging.add(key),
    close: () => server.close().closeAllConnections(),
  };
}

/**
 * @param {URL[]} addresses of the isolates
 * @param {Shared} shared
 * @returns {Promise<import('./program/asking.mjs').Requests>}
 */
export const askIsolates = (addresses, shared) =>
  passedOf(
    ISOLATE_CHECKS,
    /** @returns {Scene} */ () => ({
      shared,
      key: () => `ik_${randomBytes(32).toString('hex')}`,
      address: /** @type {URL} */ (addresses[0]),
      isolates: addresses.map((address) => async (once, key, query) => {
        const response = await fetch(urlOf(address, once, key, query));
        const body = await response.text();
        if (!response.ok) throw new Error(`${response.status} ${body.slice(0, 300)}`);
        return JSON.parse(body);
      }),
      close: async () => {},
    }),
  );
