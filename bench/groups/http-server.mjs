/** The cost of samekey in front of a handler: CPU time of the server, and requests per second. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { cleanEnvironment } from '../machine.mjs';
import { median } from '../rounds.mjs';

const serverProcess = fileURLToPath(new URL('../http/server-process.mjs', import.meta.url));
const FRAMEWORKS = ['web-standard', 'hono', 'express', 'fastify'];
const CONNECTIONS = 32;
const ORDER = JSON.stringify({ item: 'A1', quantity: 2, note: 'x'.repeat(960) });

/** The requests to each framework: every order is new, or all orders are the same. */
const WAYS = /** @type {const} */ (['bare', 'first', 'replay']);

/** @type {import('./index.mjs').MeasuredGroup & { note: string }} */
export const group = {
  title: 'samekey/server: the cost of a request',
  note:
    `autocannon over ${CONNECTIONS} connections of the same machine, which takes a share of its cores; ` +
    'orders and confirmations of 1 KiB, memory store, a handler that has its answer at once.',
  async measure({ quick, rounds }) {
    const durationS = quick ? 1 : 3;
    const servers = [];
    try {
      for (const framework of FRAMEWORKS) {
        const [bare, guarded] = [await start(framework, ''), await start(framework, 'yes')];
        servers.push(bare, guarded);
        await check(framework, bare.url, guarded.url);
      }
      const cells = FRAMEWORKS.flatMap((framework, at) =>
        WAYS.map((way) => {
          const server = /** @type {Server} */ (servers[2 * at + Number(way !== 'bare')]);
          return { framework, way, server };
        }),
      );
      /** @type {Loaded[]} */
      const loaded = [];
      for (const { server, way } of cells) await load(server, way, 1);
      for (let round = 0; round < rounds; round++) {
        for (const { framework, way, server } of round % 2 ? cells.toReversed() : cells) {
          loaded.push({ framework, way, round, ...(await load(server, way, durationS)) });
        }
      }
      return { connections: CONNECTIONS, bodyBytes: ORDER.length, frameworks: summary(loaded) };
    } finally {
      for (const { stop } of servers) await stop();
    }
  },
};

/**
 * @typedef {Awaited<ReturnType<typeof start>>} Server
 * @typedef {{ framework: string, way: string, round: number, perSecond: number, cpuUs: number }} Loaded
 */

/** @param {readonly Loaded[]} loaded */
function summary(loaded) {
  const of = (/** @type {string} */ framework, /** @type {string} */ way) =>
    loaded
      .filter((each) => each.framework === framework && each.way === way)
      .sort((a, b) => a.round - b.round);
  const rounded = (/** @type {number[]} */ values) => Number(median(values).toPrecision(3));
  return FRAMEWORKS.map((framework) => ({
    framework,
    ways: WAYS.map((way) => {
      const own = of(framework, way);
      // Each ratio is of one round, so that a slow phase of the machine cancels out.
      const added = of(framework, 'bare').map(({ cpuUs }, round) => {
        return (own[round]?.cpuUs ?? Number.NaN) - cpuUs;
      });
      return {
        way,
        perSecond: rounded(own.map(({ perSecond }) => perSecond)),
        cpuUs: rounded(own.map(({ cpuUs }) => cpuUs)),
        addedCpuUs: rounded(added),
        rounds: own.map(({ cpuUs }) => Math.round(cpuUs)),
      };
    }),
  }));
}

let keyCount = 0;

/**
 * @param {Server} server
 * @param {typeof WAYS[number]} way
 * @param {number} durationS
 */
async function load({ url, cpuUs }, way, durationS) {
  const before = await cpuUs();
  const nextKey = () => (way === 'replay' ? 'always-the-same' : `${process.pid}-${keyCount++}`);
  const result = await autocannon({
    url,
    connections: CONNECTIONS,
    duration: durationS,
    requests: [
      {
        method: 'POST',
        body: ORDER,
        setupRequest: (request) => ({
          ...request,
          headers: { 'content-type': 'application/json', 'idempotency-key': nextKey() },
        }),
      },
    ],
  });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${url}: ${result.non2xx} requests were refused, ${result.errors} failed`);
  }
  const { total } = result.requests;
  // CPU time of the server alone, without other processes.
  return { perSecond: total / result.duration, cpuUs: ((await cpuUs()) - before) / total };
}

/**
 * @param {string} framework
 * @param {string} bareUrl
 * @param {string} guardedUrl
 */
async function check(framework, bareUrl, guardedUrl) {
  for (const [url, wanted] of /** @type {const} */ ([
    [bareUrl, '1 2'],
    [guardedUrl, '1 1'],
  ])) {
    const numbers = [];
    for (const _ of [1, 2]) {
      const headers = { 'content-type': 'application/json', 'idempotency-key': 'check' };
      const response = await fetch(url, { method: 'POST', body: ORDER, headers });
      numbers.push(/** @type {any} */ (await response.json()).number);
    }
    if (numbers.join(' ') !== wanted) throw new Error(`${framework}: got the orders ${numbers}`);
  }
}

/**
 * @param {string} framework
 * @param {string} protects
 */
async function start(framework, protects) {
  const child = fork(serverProcess, [framework, protects], { env: cleanEnvironment() });
  const exited = once(child, 'exit').then(() => [{ port: 0 }]);
  const [{ port }] = await Promise.race([once(child, 'message'), exited]);
  if (port === 0) throw new Error(`http-server: the process of ${framework} ended`);
  return {
    url: `http://127.0.0.1:${port}/orders`,
    /** @returns {Promise<number>} */
    async cpuUs() {
      const told = once(child, 'message');
      child.send({});
      return (await told)[0].cpuUs;
    },
    stop() {
      child.kill();
      return exited;
    },
  };
}
