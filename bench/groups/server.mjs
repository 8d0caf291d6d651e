/** Processor time of a server for one request: bare, with samekey, and with a peer wired by hand. */
import { fileURLToPath } from 'node:url';
import { buildNames } from '../build.mjs';
import { startChild } from '../child.mjs';
import { formatBytes } from '../format.mjs';
import { openConnections } from '../http/load.mjs';
import { BARE, PEER } from '../http/servers.mjs';
import { measureInTurn, measureOf } from '../paired.mjs';

const serverProcess = fileURLToPath(new URL('../http/server-process.mjs', import.meta.url));

const CONNECTIONS = 32;
const REQUESTS = 2500;
/** A round starts new processes, so the rounds of this group take minutes. */
const ROUNDS = 7;
const GUARDS = [BARE, ...buildNames(), PEER];
const SIZES = [
  { bodyBytes: 200, frameworks: ['web-standard', 'fastify', 'express'] },
  { bodyBytes: 20_000, frameworks: ['web-standard', 'fastify'] },
];
const KINDS = /** @type {const} */ (['new', 'duplicate']);

/** @type {import('./index.mjs').MeasuredGroup} */
export const group = {
  title: 'samekey/server: processor time of a request',
  async measure({ quick, rounds }) {
    const requestCount = quick ? 300 : REQUESTS;
    const measures = [];
    for (const { bodyBytes, frameworks } of SIZES) {
      for (const framework of frameworks) {
        const plan = { framework, bodyBytes, requestCount, rounds: Math.min(rounds, ROUNDS) };
        measures.push(...(await measureFramework(plan)));
      }
    }
    const note =
      `Processor time of the server for one request. Every round starts new processes and sends each of ` +
      `them ${requestCount} new orders to warm up, ${requestCount} that are measured, then these twice ` +
      `again: duplicates. Another process sends them over ${CONNECTIONS} connections. Memory stores; the ` +
      'handler answers at once with its order and a number. The peer is called in the handler, as ' +
      'it has no middleware for these frameworks; it neither joins callers nor renews a lease.';
    return { note, connections: CONNECTIONS, requestCount, measures };
  },
};

/** @param {{ framework: string, bodyBytes: number, requestCount: number, rounds: number }} plan */
export async function measureFramework({ framework, bodyBytes, requestCount, rounds }) {
  const guards = GUARDS.map((name) => ({ name }));
  const figures = await measureInTurn(guards, rounds, async ({ name }) => {
    const server = startChild(`${framework}, ${name}`, serverProcess, [framework, name]);
    try {
      await check(name, server, bodyBytes);
      /** @type {Record<string, number>} */
      const cpuUs = {};
      for (const kind of KINDS) {
        await cpuUsOf(name, server, kind, bodyBytes, requestCount);
        cpuUs[kind] = await cpuUsOf(name, server, kind, bodyBytes, requestCount);
      }
      return cpuUs;
    } finally {
      await server.stop();
    }
  });
  return KINDS.map((kind) =>
    measureOf(
      {
        id: `${framework} ${bodyBytes} ${kind}`,
        what: `${framework}, ${formatBytes(bodyBytes)}: ${kind === 'new' ? 'a new order' : 'a duplicate'}`,
        unit: 'µs',
      },
      figures[kind],
      { ratioTo: [PEER] },
    ),
  );
}

/** @typedef {ReturnType<typeof startChild>} Server */

let orderCount = 0;

/**
 * A duplicate repeats one of the last orders, each of which has another key.
 *
 * @param {typeof KINDS[number]} kind
 * @param {number} bodyBytes
 * @param {number} count
 */
function* orders(kind, bodyBytes, count) {
  if (kind === 'new') orderCount += count;
  for (let n = orderCount - count; n < orderCount; n++) {
    const id = `${process.pid}-${n}`;
    yield { path: '/orders', key: `order-${id}`, body: orderOf(id, bodyBytes) };
  }
}

/**
 * @param {string} id
 * @param {number} bodyBytes
 */
function orderOf(id, bodyBytes) {
  const empty = JSON.stringify({ id, item: 'A1', quantity: 2, note: '' });
  return `${empty.slice(0, -2)}${'x'.repeat(bodyBytes - empty.length)}"}`;
}

/**
 * @param {string} name
 * @param {Server} server
 * @param {typeof KINDS[number]} kind
 * @param {number} bodyBytes
 * @param {number} count
 * @returns {Promise<number>} microseconds of the processor for each request
 */
async function cpuUsOf(name, { ask }, kind, bodyBytes, count) {
  const { port } = await ask({});
  const connections = await openConnections(port, CONNECTIONS);
  const before = await ask({});
  await connections.send(orders(kind, bodyBytes, count));
  const after = await ask({});
  connections.close();
  const runs = after.runCount - before.runCount;
  const wanted = kind === 'new' || name === BARE ? count : 0;
  if (runs !== wanted) throw new Error(`${name}: ${count} requests ran the handler ${runs} times`);
  return (after.cpuUs - before.cpuUs) / count;
}

/**
 * @param {string} name
 * @param {Server} server
 * @param {number} bodyBytes
 */
async function check(name, { ask }, bodyBytes) {
  const { port } = await ask({});
  const body = orderOf('check', bodyBytes);
  for (const run of [1, name === BARE ? 2 : 1]) {
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'check' };
    const response = await fetch(`http://127.0.0.1:${port}/orders`, {
      method: 'POST',
      body,
      headers,
    });
    const text = await response.text();
    const wanted = JSON.stringify({ number: run, ...JSON.parse(body) });
    if (text !== wanted) throw new Error(`${name}: got ${text.slice(0, 80)}, wanted order ${run}`);
  }
}
