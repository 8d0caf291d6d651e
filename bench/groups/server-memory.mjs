/** Memory that a server allocates for a request and holds for a waiting duplicate; the time of many of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { buildNames } from '../build.mjs';
import { openConnections } from '../http/load.mjs';
import { check, heldOrders, orders, startServer } from '../http/orders.mjs';
import { BARE, PEER } from '../http/servers.mjs';
import { measureInTurn, measureOf } from '../paired.mjs';

const FRAMEWORKS = ['web-standard', 'fastify', 'express'];
const ROUNDS = 7;
const BODY_BYTES = 200;
const WARM_UP = 2500;
const CONNECTIONS = 32;
const NEW_ORDERS = 300;

/** With a young generation of this size nothing is collected while it is measured. */
const ROOMY = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128'];

/** @type {import('./index.mjs').MeasuredGroup} */
export const group = {
  title: 'samekey/server: memory, and many duplicates of one request',
  async measure({ quick, rounds: most }) {
    const rounds = Math.min(most, ROUNDS);
    const waiterCount = quick ? 100 : 400;
    const followerCount = quick ? 500 : 10_000;
    const allocations = [];
    const waiters = [];
    for (const framework of FRAMEWORKS) {
      await withServers(framework, [BARE, ...buildNames(), PEER], ROOMY, async (servers) => {
        const { bytes } = await measureInTurn(servers, rounds, allocated);
        const what = `${framework}: allocated for a new order`;
        const head = /** @type {const} */ ({ id: `${framework} allocated`, what, unit: 'bytes' });
        allocations.push(measureOf(head, bytes, { ratioTo: [PEER] }));
      });
      await withServers(framework, [BARE, ...buildNames()], ROOMY, async (servers) => {
        const { bytes } = await measureInTurn(servers, rounds, (each) => held(each, waiterCount));
        const what = `${framework}: held for a request that waits`;
        const head = /** @type {const} */ ({ id: `${framework} held`, what, unit: 'bytes' });
        waiters.push(measureOf(head, bytes, { addedTo: [BARE] }));
      });
    }
    /** @type {Record<string, import('../paired.mjs').Rounds>} */
    let followers = {};
    await withServers('web-standard', [BARE, ...buildNames()], [], async (servers) => {
      followers = await measureInTurn(servers, rounds, (each) => followed(each, followerCount));
    });
    const many = `web-standard: ${followerCount.toLocaleString('en')} requests with one key`;
    return {
      note:
        `Orders of ${BODY_BYTES} B. Allocated is the growth of the heap over ${NEW_ORDERS} orders with a young ` +
        'generation so large that nothing is collected, which is exact to a few bytes. Held is the growth of ' +
        `heap and external memory, after garbage collection, while ${waiterCount} requests with one key wait ` +
        'for its handler, over connections that were open before. The bare server runs its handler for ' +
        'each of them. The last rows send all requests at once over open connections: the handler answers ' +
        'when the last one has arrived, and the time ends with the last response.',
      measures: [
        ...allocations,
        ...waiters,
        measureOf(
          { id: 'followers', what: `${many}, until all are answered`, unit: 's' },
          followers.s,
          {
            addedTo: [BARE],
          },
        ),
        measureOf(
          { id: 'followers cpu', what: `${many}, processor time`, unit: 's' },
          followers.cpuS,
          {
            addedTo: [BARE],
          },
        ),
      ],
    };
  },
};

/** @typedef {import('../http/orders.mjs').Server & { name: string, port: number }} Server */

/**
 * @param {string} framework
 * @param {readonly string[]} guards
 * @param {string[]} execArgv
 * @param {(servers: Server[]) => Promise<void>} use
 */
async function withServers(framework, guards, execArgv, use) {
  const servers = guards.map((name) => ({
    name,
    port: 0,
    ...startServer(framework, name, execArgv),
  }));
  try {
    for (const server of servers) {
      await check(server.name, server, BODY_BYTES);
      server.port = (await server.ask({})).port;
      await sendNew(server, WARM_UP);
    }
    await use(servers);
  } finally {
    for (const { stop } of servers) await stop();
  }
}

/**
 * @param {Server} server
 * @param {number} count
 */
async function sendNew({ port, ask }, count) {
  const connections = await openConnections(port, CONNECTIONS);
  const before = await ask({ collectGarbage: true });
  await connections.send(orders('new', BODY_BYTES, count));
  const after = await ask({});
  connections.close();
  return { before, after };
}

/** @param {Server} server */
async function allocated(server) {
  const { before, after } = await sendNew(server, NEW_ORDERS);
  // The collection that was asked for is reported late.
  if (after.gcCount > before.gcCount + 1) {
    throw new Error(`${server.name}: garbage was collected, wanted a larger young generation`);
  }
  return { bytes: (after.heapUsed - before.heapUsed) / NEW_ORDERS };
}

/**
 * @param {Server} server
 * @param {number} count
 */
async function held({ name, port, ask }, count) {
  const connections = await openConnections(port, count);
  // Node makes the parser of a connection with its first request.
  await connections.send(orders('new', BODY_BYTES, count));
  const before = await ask({ collectGarbage: true, holdFor: 2 * count });
  const answered = connections.send(heldOrders(BODY_BYTES, count));
  answered.catch(() => {});
  let after = before;
  while (after.requestCount < before.requestCount + count) {
    await sleep(20);
    after = await ask({});
  }
  // The bodies of the last requests may still be on their way.
  await sleep(300);
  after = await ask({ collectGarbage: true });
  await ask({ release: true });
  await answered;
  connections.close();
  checkRuns(name, after.runCount - before.runCount, count);
  const bytesOf = (/** @type {any} */ memory) => memory.heapUsed + memory.external;
  return { bytes: (bytesOf(after) - bytesOf(before)) / count };
}

/**
 * @param {Server} server
 * @param {number} count
 */
async function followed({ name, port, ask }, count) {
  const connections = await openConnections(port, count);
  const before = await ask({ holdFor: count });
  const startedAt = performance.now();
  await connections.send(heldOrders(BODY_BYTES, count));
  const s = (performance.now() - startedAt) / 1e3;
  const after = await ask({});
  connections.close();
  checkRuns(name, after.runCount - before.runCount, count);
  return { s, cpuS: (after.cpuUs - before.cpuUs) / 1e6 };
}

/**
 * @param {string} name
 * @param {number} runs
 * @param {number} count
 */
function checkRuns(name, runs, count) {
  const wanted = name === BARE ? count : 1;
  if (runs !== wanted) throw new Error(`${name}: ${count} requests ran the handler ${runs} times`);
}
