/** Processor time of a server for one request: bare, with samekey, and with a peer wired by hand. */
import { buildNames } from '../build.mjs';
import { formatBytes } from '../format.mjs';
import { openConnections } from '../http/load.mjs';
import { check, KINDS, orders, startServer } from '../http/orders.mjs';
import { BARE, PEER } from '../http/servers.mjs';
import { measureInTurn, measureOf } from '../paired.mjs';

const CONNECTIONS = 32;
const REQUESTS = 2500;
/** A round starts new processes, so the rounds of this group take minutes. */
const ROUNDS = 7;
const GUARDS = [BARE, ...buildNames(), PEER];
const SIZES = [
  { bodyBytes: 200, frameworks: ['web-standard', 'fastify', 'express'], kinds: KINDS },
  { bodyBytes: 20_000, frameworks: ['web-standard', 'fastify'], kinds: KINDS.slice(0, 1) },
];

/** @type {import('./index.mjs').MeasuredGroup} */
export const group = {
  title: 'samekey/server: processor time of a request',
  async measure({ quick, rounds }) {
    const requestCount = quick ? 300 : REQUESTS;
    const measures = [];
    for (const { bodyBytes, frameworks, kinds } of SIZES) {
      for (const framework of frameworks) {
        const plan = {
          framework,
          bodyBytes,
          kinds,
          requestCount,
          rounds: Math.min(rounds, ROUNDS),
        };
        measures.push(...(await measureFramework(plan)));
      }
    }
    const note =
      'Processor time of the server for one request. Every round starts new processes. Each of them ' +
      `receives ${requestCount} new orders as a warm-up and ${requestCount} that are measured, then the latter ` +
      'twice more, the second time measured, as duplicates. Another process sends them over ' +
      `${CONNECTIONS} connections. Memory stores; the handler answers at once with its order and a number. ` +
      'The peer is called in the handler, because it has no middleware for these frameworks; it neither ' +
      'joins callers nor renews a lease.';
    return { note, connections: CONNECTIONS, requestCount, measures };
  },
};

/**
 * @typedef {object} Plan
 * @property {string} framework
 * @property {number} bodyBytes
 * @property {readonly import('../http/orders.mjs').Kind[]} kinds
 * @property {number} requestCount
 * @property {number} rounds
 *
 * @param {Plan} plan
 */
export async function measureFramework({ framework, bodyBytes, kinds, requestCount, rounds }) {
  const guards = GUARDS.map((name) => ({ name }));
  const figures = await measureInTurn(guards, rounds, async ({ name }) => {
    const server = startServer(framework, name);
    try {
      await check(name, server, bodyBytes);
      /** @type {Record<string, number>} */
      const cpuUs = {};
      for (const kind of kinds) {
        await cpuUsOf(name, server, kind, bodyBytes, requestCount);
        cpuUs[kind] = await cpuUsOf(name, server, kind, bodyBytes, requestCount);
      }
      return cpuUs;
    } finally {
      await server.stop();
    }
  });
  return kinds.map((kind) =>
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

/**
 * @param {string} name
 * @param {import('../http/orders.mjs').Server} server
 * @param {import('../http/orders.mjs').Kind} kind
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
